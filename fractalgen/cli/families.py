"""``fractalgen escape-time``, ``ifs`` and ``features``: the same command for every family."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand


def _command(family: str, about: str, *own_options: Callable[[Any], Any]) -> click.Command:
    """Make the command of a family in the registry.

    `own_options` are named as the family's fields, besides ``--palette``. Of `about` the first
    line is a sentence.
    """

    @options.together(
        options.OUT,
        click.option("--n", type=int, help="Number of images.  [default: as in the whole set]"),
        click.option("--start", type=int, default=0, help="Index of the first image."),
        options.RECIPE,
        click.option(
            "--palette",
            metavar="NAME|FILE|random|any",
            default="any",
            help="A shipped palette, a .gpl file, colours such as '#102030,#f0e0d0', or drawn "
            "at random for each image.  [default: any, shipped or random]",
        ),
        *own_options,
        options.BUILD,
    )
    def body(
        out: Path,
        n: int | None,
        start: int,
        workers: int | None,
        overwrite: bool,
        quiet: bool,
        as_json: bool,
        **given: Any,
    ) -> None:
        import dataclasses

        from fractalgen.cli.run_build import run_build
        from fractalgen.mixing_set.recipe import DEFAULT, FamilyRecipe
        from fractalgen.mixing_set.set_file import settings_there

        settings = options.settings_in(given)
        if n is None:
            built_in = DEFAULT.family(family)
            n = built_in.n if built_in else 1000
        families = (FamilyRecipe.of(family, n, start, **given),)
        recipe = settings_there(out, overwrite=overwrite)
        recipe = dataclasses.replace(recipe, families=families, **settings)
        run_build(recipe, out, workers, overwrite=overwrite, quiet=quiet, as_json=as_json)

    return click.command(family, cls=PlainCommand, help=about)(body)


escape_time = _command(
    "escape-time",
    """Draw escape-time fractals with orbit traps.

    They go to OUT, ./ipmix-set if left out: Mandelbrot and Julia sets of several powers,
    Burning Ships and Tricorns. What is there already is kept, so that the same command goes on
    after an interruption.
    """,
    click.option(
        "--supersample",
        type=click.IntRange(1, 4),
        default=2,
        show_default=True,
        help="Samples per pixel along each side.",
    ),
)

ifs = _command(
    "ifs",
    """Draw fractals of iterated function systems.

    They go to OUT, ./ipmix-set if left out. Each image has its own random system, colours
    and background. What is there already is kept, so that the same command goes on after an
    interruption.
    """,
    click.option(
        "--objects",
        type=click.IntRange(1, 5),
        default=1,
        show_default=True,
        help="Fractals in an image.",
    ),
)

features = _command(
    "features",
    """Draw images like early layers' stimuli.

    They go to OUT, ./ipmix-set if left out, and stand in for feature visualisations of a
    trained network; 'build-set --features' takes such images where you have them. What is
    there already is kept, so that the same command goes on after an interruption.
    """,
)
