"""``python -m tests.golden.record``: record anew what images look like.

Only for a change that is meant to change pixels; CHANGELOG.md then says so.
"""

import hashlib
import json
from pathlib import Path

from fractalgen.families import FAMILIES, render, sample
from fractalgen.families.base import is_exact
from fractalgen.families.classes import families_with_classes
from fractalgen.files.json_codec import to_json

FILE = Path(__file__).with_name("pixels.json")
SIZE = 64
SEED = 2023
N = 12
N_CLASSES = 4


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


if __name__ == "__main__":
    main()
