"""What `fg.sample` and `fg.render` accept, and how they refuse the rest."""

import pytest

import fractalgen as fg
from fractalgen.errors import ArgumentError, FractalgenError, UnknownNameError


def test_a_spec_has_a_short_repr():
    spec = fg.sample("ifs", seed=1, index=17)
    assert repr(spec) == "ImageSpec(family='ifs', seed=1, index=17, attempt=2)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"index": "x"}, "index must be a whole number from 0"),
        ({"index": 1.5}, "index must be a whole number from 0"),
        ({"objects": 9}, "objects must be a whole number from 1 to 5, not 9"),
        ({"objects": True}, "objects must be a whole number from 1 to 5, not True"),
        ({"objetcs": 2}, "ifs has no option 'objetcs': did you mean 'objects'"),
        ({"palette": 3}, "a palette must be text, not 3"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        fg.sample("ifs", **arguments)
    assert isinstance(caught.value, FractalgenError)


@pytest.mark.parametrize("family", ["ifz", 3, None, ["ifs"]])
def test_an_unknown_family_is_named(family):
    with pytest.raises(UnknownNameError, match="unknown family"):
        fg.sample(family)


def test_only_a_spec_is_rendered():
    with pytest.raises(ArgumentError, match="spec must be an ImageSpec"):
        fg.render("ifs")
