import json

import pytest

from fractalgen.families import FAMILIES, sample
from fractalgen.files.json_codec import to_json
from fractalgen.mixing_set.stores.record import Record, params_text


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("index", range(5))
def test_a_record_gives_back_the_very_spec_that_was_drawn(family, index):
    spec = sample(family, seed=2, index=index)
    text = params_text(spec.params)
    assert text == json.dumps(to_json(spec.params), separators=(",", ":"))
    file = f"{family}/{index:06d}.jpg"
    record = Record(file, 16, 16, 1, "0" * 64, "0" * 64, 2, spec.attempt, text)
    assert Record.from_line(record.to_line()).spec() == spec
