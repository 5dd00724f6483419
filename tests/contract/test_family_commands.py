import dataclasses

import pytest

from fractalgen.cli import cli
from fractalgen.cli.group import COMMANDS
from fractalgen.families import FAMILIES
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
def test_the_shared_defaults_are_the_sets_or_the_built_in_recipes(family):
    given = cli.get_command(None, family).make_context(family, []).params
    for key in ("size", "seed", "format"):
        assert given[key] is None
        assert f"else {getattr(DEFAULT, key)}]" in options_of(family)[key].help
    assert given["start"] == 0
    assert DEFAULT.family(family) is not None
