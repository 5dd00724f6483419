import dataclasses

import click
import pytest

from fractalgen.cli import cli
from fractalgen.cli.group import COMMANDS
from fractalgen.families import FAMILIES
from fractalgen.mixing_set.recipes.recipe import Recipe

SHARED = {
    "n",
    "start-index",
    "size",
    "seed",
    "format",
    "gray",
    "workers",
    "palette",
    "overwrite",
    "shards",
    "shard-size",
    "part",
    "engine",
    "address",
    "quiet",
    "json",
}


def options_of(family):
    command = cli.get_command(None, family)
    context = click.Context(command)
    return {
        name.removeprefix("--"): option
        for option in command.get_params(context)
        if "--help" not in option.opts
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
        assert option.help


@pytest.mark.parametrize("family", FAMILIES)
def test_the_help_page_names_every_family_and_its_own_page_its_options(family):
    summary = FAMILIES.summaries[family]
    overview = cli.get_help(cli.make_context("fractalgen", [], resilient_parsing=True))
    assert f"\n  {family} " in overview
    assert " ".join(summary.split()[:3]) in overview
    command = cli.get_command(None, family)
    page = command.get_help(click.Context(command, info_name=family))
    assert summary in " ".join(page.split())
    for field in dataclasses.fields(FAMILIES[family]):
        assert f"--{field.name.replace('_', '-')} " in page


@pytest.mark.parametrize("family", FAMILIES)
def test_the_shared_defaults_are_the_sets_or_the_built_in_recipes(family):
    given = cli.get_command(None, family).make_context(family, []).params
    for key in ("size", "seed", "format"):
        assert given[key] is None
        assert f"else {getattr(Recipe(), key)}]" in options_of(family)[key].help
    assert given["start_index"] == 0
    assert given["n"] is None
