import subprocess
import sys

import pytest

from fractalgen.errors import UnknownNameError
from fractalgen.registry import Registry


@pytest.fixture
def shapes():
    registry = Registry("shape")
    registry.add("square", 4)
    registry.add("triangle", 3)
    return registry


def test_entries_keep_their_order(shapes):
    assert list(shapes.items()) == [("square", 4), ("triangle", 3)]


def test_a_duplicate_is_refused_and_the_first_entry_stays(shapes):
    with pytest.raises(ValueError, match="'square' is registered twice"):
        shapes.add("square", 5)
    assert shapes["square"] == 4


def test_a_misspelt_name_gets_a_suggestion(shapes):
    with pytest.raises(UnknownNameError) as caught:
        shapes["squar"]
    assert str(caught.value) == "unknown shape 'squar': did you mean 'square'?"


def test_a_name_like_no_other_gets_the_list(shapes):
    with pytest.raises(UnknownNameError, match="choose from square, triangle"):
        shapes["xyz"]


def test_a_lazy_entry_is_imported_when_it_is_first_used(shapes):
    shapes.add_lazily("circle", "fractions:Fraction", "Round.")
    shapes.add_lazily("ghost", "no_such_module:nothing", "Not there.")
    assert list(shapes) == ["square", "triangle", "circle", "ghost"]
    assert shapes.summaries == {"circle": "Round.", "ghost": "Not there."}
    assert shapes["circle"](1, 2) * 2 == 1
    assert shapes["circle"] is shapes["circle"]
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError):
            shapes["ghost"]
    with pytest.raises(ValueError, match="registered twice"):
        shapes.add("circle", 1)


def test_listing_the_families_loads_nothing_heavy():
    code = (
        "import sys; from fractalgen.families import FAMILIES\n"
        "assert list(FAMILIES) == list(FAMILIES.summaries)\n"
        "sys.exit(bool({'numba', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
