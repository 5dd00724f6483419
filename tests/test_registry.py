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
    assert str(caught.value) == "no shape is called 'squar': did you mean 'square'?"


def test_a_name_like_no_other_gets_the_list(shapes):
    with pytest.raises(UnknownNameError, match="choose from square, triangle"):
        shapes["xyz"]
