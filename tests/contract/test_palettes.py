import json

import pytest

from fractalgen.errors import PaletteError, UnknownNameError
from fractalgen.families import FAMILIES, sample
from fractalgen.files.json_codec import to_json


@pytest.mark.parametrize("family", FAMILIES)
def test_a_palette_file_becomes_its_colours_and_is_needed_no_more(family, tmp_path):
    path = tmp_path / "my.gpl"
    path.write_text("GIMP Palette\n#\n10 20 30\n240 250 255\n120 20 60\n")
    of_file = sample(family, seed=1, palette=str(path))
    made = FAMILIES[family](palette=str(path))
    path.unlink()
    assert made.palette == "#0a141e,#f0faff,#78143c"
    assert of_file == sample(family, seed=1, palette=made.palette)
    assert of_file != sample(family, seed=1)
    assert str(path) not in json.dumps(to_json(of_file.params))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("palette", "error", "message"),
    [
        ("embr", UnknownNameError, "did you mean 'ember'"),
        ("nothing.gpl", PaletteError, "no palette file 'nothing.gpl'"),
        ("#12345", PaletteError, "expected a palette of colours"),
    ],
)
def test_a_palette_that_is_none_is_refused_before_anything_is_drawn(
    family, palette, error, message
):
    with pytest.raises(error, match=message):
        FAMILIES[family](palette=palette)
