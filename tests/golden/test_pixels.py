"""Recorded parameters give the recorded pixels, on this processor as on every other."""

import hashlib
import json

import pytest

from fractalgen.families import FAMILIES, sample
from fractalgen.files.json_codec import from_json, to_json
from tests.golden.record import FILE, SEED, SIZE

RECORDS = json.loads(FILE.read_text())
PLACES = [{k: v for k, v in one.items() if k not in ("params", "pixels")} for one in RECORDS]
NAMES = ["-".join(map(str, place.values())) for place in PLACES]


@pytest.mark.parametrize("record", RECORDS, ids=NAMES)
def test_the_pixels_are_the_recorded_ones(record):
    family = FAMILIES[record["family"]]()
    params = from_json(family.params_type, record["params"])
    rgb = family.render(params, SIZE)
    assert hashlib.sha256(rgb.tobytes()).hexdigest() == record["pixels"]


@pytest.mark.parametrize(("place", "record"), list(zip(PLACES, RECORDS, strict=True)), ids=NAMES)
def test_the_seed_gives_the_recorded_parameters(place, record):
    params = sample(seed=SEED, **place).params
    assert json.loads(json.dumps(to_json(params))) == record["params"]


def test_an_escape_time_record_without_averages_is_read_as_before():
    """Sets of version 1 lack these keys; index 2 looks as it did then."""
    record = json.loads(json.dumps(RECORDS[2]))
    for layer in ("base", "trap", "interior"):
        del record["params"]["coloring"][layer]["average"]
    del record["params"]["coloring"]["average"], record["params"]["coloring"]["n_stripes"]
    family = FAMILIES["escape-time"]()
    rgb = family.render(from_json(family.params_type, record["params"]), SIZE)
    recorded = "a32decb665823e4ac8ddff557eb1bfd8066b53a4521b735897231cf4a5c37db7"
    assert hashlib.sha256(rgb.tobytes()).hexdigest() == recorded
