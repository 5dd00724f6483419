"""``python -m tests.golden.record``: record anew what images look like.

Only for a change that is meant to change pixels; CHANGELOG.md then says so.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from fractalgen.evaluation.corruptions.common import CORRUPTIONS, EXTRA, corrupted
from fractalgen.families import FAMILIES, render, sample
from fractalgen.families.base import is_exact
from fractalgen.families.classes import families_with_classes
from fractalgen.files.json_codec import to_json

FILE = Path(__file__).with_name("pixels.json")
CORRUPTIONS_FILE = Path(__file__).with_name("corruptions.json")
SIZE = 64
SEED = 2023
N = 12
N_CLASSES = 4
OF_PILLOW = ("pixelate", "jpeg_compression")  # may change with its version


def blobs(n, size):
    """Return images of coloured squares, made without arithmetic that could differ."""
    y, x = np.mgrid[:size, :size] * 32 // size
    images = np.empty((n, size, size, 3), np.uint8)
    for i in range(n):
        for c in range(3):
            images[i, :, :, c] = (y // 8 * 37 + x // 5 * 59 + 80 * c + 101 * i + x) % 256
    return images


def corruption_digests(names=(*CORRUPTIONS, *EXTRA), sizes=(32, 80)):
    """Return a SHA-256 for each corruption at severity 3, at each size."""
    digests = {}
    for name in names:
        if name not in OF_PILLOW:
            for size in sizes:
                out = corrupted(blobs(4, size), range(4), name, 3, 0)
                digests[f"{name}-{size}"] = hashlib.sha256(out.tobytes()).hexdigest()
    return digests


def main() -> None:
    exact = [family for family in FAMILIES if is_exact(FAMILIES[family])]
    wanted = [{"family": family, "index": index} for family in exact for index in range(N)]
    for family in families_with_classes():
        wanted += [{"family": family, "class_": i, "instance": i + 1} for i in range(N_CLASSES)]
    records = []
    for one in wanted:
        spec = sample(seed=SEED, **one)
        digest = hashlib.sha256(render(spec, size=SIZE).tobytes()).hexdigest()
        record = one | {"params": to_json(spec.params), "pixels": digest}
        records.append(json.dumps(record, separators=(",", ":")))
    FILE.write_text("[\n" + ",\n".join(records) + "\n]\n")
    CORRUPTIONS_FILE.write_text(json.dumps(corruption_digests(), indent=1) + "\n")


if __name__ == "__main__":
    main()
