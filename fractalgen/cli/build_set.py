"""``fractalgen build-set``."""

from pathlib import Path
from typing import Any

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand


@click.command("build-set", cls=PlainCommand)
@options.OUT
@click.option(
    "--recipe",
    "recipe_file",
    metavar="FILE.toml",
    type=options.PATH,
    help="What to draw: size, seed, format, and a table per family with n, start and its "
    "options.  [default: 6,000 escape-time, 3,000 ifs, 4,000 features]",
)
@options.RECIPE
@click.option(
    "--features",
    "features_place",
    metavar="DIR",
    type=options.PLACE,
    help="Take these images instead of generated features: a folder, a zip archive, or an "
    "https:// address of one.",
)
@click.option(
    "--extra",
    "extra_place",
    metavar="DIR",
    type=options.PLACE,
    help="Take these images besides.",
)
@click.option(
    "--repair", "repairing", is_flag=True, help="Make anew just what 'verify' finds broken."
)
@options.BUILD
def build_set(
    out: Path,
    recipe_file: Path | None,
    features_place: str | None,
    extra_place: str | None,
    repairing: bool,
    workers: int | None,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Draw a whole mixing set.

    It goes to OUT, ./ipmix-set if left out. What is there already is kept, so that the same
    command goes on after an interruption. Collected images in 8-bit RGB are copied as they are.
    Others are converted; transparent parts become black. Damaged ones, animations and huge ones
    are refused by name.
    """
    settings = options.settings_in(given)
    if repairing and (settings or recipe_file or overwrite):
        raise click.UsageError("--repair draws what the set itself says; leave the rest out.")

    import dataclasses

    from fractalgen.cli.run_build import run_build
    from fractalgen.mixing_set.recipe import DEFAULT
    from fractalgen.mixing_set.recipe_file import read_recipe
    from fractalgen.mixing_set.set_file import settings_there

    places = {"features": features_place, "extra": extra_place}
    collected = {name: place for name, place in places.items() if place is not None}
    recipe = None
    if not repairing:
        recipe = settings_there(out, overwrite=overwrite)
        if recipe_file:
            recipe = read_recipe(recipe_file, recipe)
        else:
            recipe = dataclasses.replace(recipe, families=DEFAULT.families)
        recipe = dataclasses.replace(recipe, **settings)
    run_build(
        recipe,
        out,
        workers,
        overwrite=overwrite,
        quiet=quiet,
        as_json=as_json,
        collected=collected,
    )
