"""Recorded parameters give the recorded pixels, on this processor as on every other."""

import hashlib
import json

import pytest

from fractalgen.families import FAMILIES, params_from_json, params_to_json, sample
from tests.golden.record import FILE, SIZE

RECORDS = json.loads(FILE.read_text())
NAMES = [f"{record['family']}-{record['index']}" for record in RECORDS]


@pytest.mark.parametrize("record", RECORDS, ids=NAMES)
def test_the_pixels_are_the_recorded_ones(record):
    family = FAMILIES[record["family"]]()
    params = params_from_json(family.params_type, record["params"])
    rgb = family.render(params, SIZE)
    assert hashlib.sha256(rgb.tobytes()).hexdigest() == record["pixels"]


@pytest.mark.parametrize("record", RECORDS, ids=NAMES)
def test_the_seed_gives_the_recorded_parameters(record):
    params = sample(record["family"], seed=2023, index=record["index"]).params
    assert json.loads(json.dumps(params_to_json(params))) == record["params"]
