"""``fractalgen build-set``."""

from pathlib import Path

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand


@click.command("build-set", cls=PlainCommand)
@options.OUT
@click.option(
    "--recipe",
    "recipe_file",
    metavar="FILE.toml",
    type=click.Path(path_type=Path),
    help="What to draw: size, seed, format, and a table per family with n, start and its "
    "options.  [default: 6,000 escape-time, 3,000 ifs, 4,000 features]",
)
@options.recipe_options(with_defaults=False)
@click.option(
    "--features",
    "features_place",
    metavar="DIR",
    help="Take these pictures instead of generated features: a folder, a zip archive, or an "
    "https:// address of one.",
)
@click.option("--extra", "extra_place", metavar="DIR", help="Take these pictures besides.")
@click.option(
    "--repair", "repairing", is_flag=True, help="Make anew just what 'verify' finds broken."
)
@options.build_options()
def build_set(
    out: Path,
    recipe_file: Path | None,
    size: int | None,
    seed: int | None,
    format_: str | None,
    features_place: str | None,
    extra_place: str | None,
    repairing: bool,
    workers: int | None,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Draw a whole mixing set.

    It goes to OUT, ./ipmix-set if left out. What is there already is kept, so that the same
    command goes on after an interruption. Collected pictures in 8-bit RGB are copied as they are.
    Others are converted; transparent parts become black. Damaged ones, animations and huge ones
    are refused by name.
    """
    asked = {"size": size, "seed": seed, "format": format_}
    changes = {key: value for key, value in asked.items() if value is not None}
    if repairing and (changes or recipe_file or overwrite):
        raise click.UsageError("--repair draws what the set itself says; leave the rest out.")

    import dataclasses

    from fractalgen.cli.building import run_build
    from fractalgen.mixing_set.recipe import DEFAULT
    from fractalgen.mixing_set.recipe_file import read_recipe

    places = {"features": features_place, "extra": extra_place}
    collected = {name: place for name, place in places.items() if place is not None}
    recipe = None
    if not repairing:
        recipe = read_recipe(recipe_file) if recipe_file else DEFAULT
        recipe = dataclasses.replace(recipe, **changes)  # type: ignore[arg-type]
    run_build(
        recipe,
        out,
        workers,
        overwrite=overwrite,
        quiet=quiet,
        as_json=as_json,
        collected=collected,
    )
