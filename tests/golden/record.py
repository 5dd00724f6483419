"""``python -m tests.golden.record``: record anew what images look like.

Only for a change that is meant to change pixels; CHANGELOG.md then says so.
"""

import hashlib
import json
from pathlib import Path

from fractalgen.families import FAMILIES, render, sample
from fractalgen.families.base import is_exact
from fractalgen.files.json_codec import to_json

FILE = Path(__file__).with_name("pixels.json")
SIZE = 64
N = 12


def main() -> None:
    records = []
    for family in filter(lambda name: is_exact(FAMILIES[name]), FAMILIES):
        for index in range(N):
            spec = sample(family, seed=2023, index=index)
            digest = hashlib.sha256(render(spec, size=SIZE).tobytes()).hexdigest()
            params = to_json(spec.params)
            record = {"family": family, "index": index, "params": params, "pixels": digest}
            records.append(json.dumps(record, separators=(",", ":")))
    FILE.write_text("[\n" + ",\n".join(records) + "\n]\n")


if __name__ == "__main__":
    main()
