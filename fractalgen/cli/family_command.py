"""The command that draws one family of pictures; every family has the same one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand

__all__ = ["family_command"]


def family_command(family: str, about: str, *own_options: Callable[[Any], Any]) -> click.Command:
    """Make a family's command.

    Parameters
    ----------
    family : str
        The family's name in the registry.
    about : str
        The help page's text, its first line a sentence.
    own_options : callable
        Click options named as the family's fields, besides ``--palette``.
    """

    def body(
        out: Path,
        n: int | None,
        start: int,
        size: int,
        seed: int,
        format_: str,
        workers: int | None,
        overwrite: bool,
        quiet: bool,
        as_json: bool,
        **family_options: Any,
    ) -> None:
        from fractalgen.cli.building import run_build
        from fractalgen.mixing_set.recipe import DEFAULT, FamilyRecipe, Recipe

        if n is None:
            built_in = DEFAULT.family(family)
            n = built_in.n if built_in else 1000
        asked = FamilyRecipe.of(family, n, start, **family_options)
        recipe = Recipe(size, seed, format_, (asked,))
        run_build(recipe, out, workers, overwrite=overwrite, quiet=quiet, as_json=as_json)

    decorators = (
        options.OUT,
        click.option("--n", type=int, help="Number of pictures.  [default: as in the whole set]"),
        click.option("--start", type=int, default=0, help="Index of the first picture."),
        options.recipe_options(with_defaults=True),
        click.option(
            "--palette",
            metavar="NAME|FILE|random|any",
            default="any",
            help="A shipped palette, a .gpl file, colours such as '#102030,#f0e0d0', or drawn "
            "at random for each picture.  [default: any, shipped or random]",
        ),
        *own_options,
        options.build_options(),
    )
    decorated: Any = body
    for decorator in reversed(decorators):
        decorated = decorator(decorated)
    return click.command(family, cls=PlainCommand, help=about)(decorated)
