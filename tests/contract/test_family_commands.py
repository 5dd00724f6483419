import dataclasses

import pytest

from fractalgen.cli import cli
from fractalgen.cli.group import COMMANDS
from fractalgen.cli.options import FORMATS as NAMED_FORMATS
from fractalgen.families import FAMILIES
from fractalgen.mixing_set.layout import FORMATS
from fractalgen.mixing_set.recipe import DEFAULT

SHARED = {
    "n",
    "start",
    "size",
    "seed",
    "format",
    "workers",
    "palette",
    "overwrite",
    "quiet",
    "json",
}


def options_of(family):
    command = cli.get_command(None, family)
    return {
        name.removeprefix("--"): option
        for option in command.params
        for name in option.opts
        if name.startswith("--")
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_a_command_with_the_shared_options_and_its_own(family):
    assert family in COMMANDS
    own = {field.name for field in dataclasses.fields(FAMILIES[family])}
    assert set(options_of(family)) == SHARED | {name.replace("_", "-") for name in own}


@pytest.mark.parametrize("family", FAMILIES)
def test_an_options_default_is_the_familys_own(family):
    for field in dataclasses.fields(FAMILIES[family]):
        option = options_of(family)[field.name.replace("_", "-")]
        assert option.name == field.name
        assert option.default == field.default


@pytest.mark.parametrize("family", FAMILIES)
def test_the_shared_defaults_are_the_built_in_recipes(family):
    shared = options_of(family)
    assert (shared["size"].default, shared["seed"].default) == (DEFAULT.size, DEFAULT.seed)
    assert shared["format"].default == DEFAULT.format
    assert shared["start"].default == 0
    assert DEFAULT.family(family) is not None


def test_the_formats_named_on_the_command_line_are_those_of_a_set():
    assert tuple(FORMATS) == NAMED_FORMATS
