"""The commands of the families, made from the registry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fractalgen.cli import options
from fractalgen.cli.build_set import run_build
from fractalgen.cli.field_options import of_fields
from fractalgen.cli.group import PlainCommand
from fractalgen.families import FAMILIES

if TYPE_CHECKING:
    from fractalgen.mixing_set.recipes.part import Part

__all__ = ["FamilyCommand"]

_ABOUT = """Write the images to OUT, by default ./ipmix-set. Existing images are kept, so the same
command resumes after an interruption."""


@options.together(
    options.OUT,
    click.option(
        "--n", type=int, help="Number of images.  [default: as in the standard set, else 1,000]"
    ),
    click.option(
        "--start-index", type=int, default=0, show_default=True, help="Index of the first image."
    ),
    options.RECIPE,
    click.option(
        "--palette",
        metavar="NAME|FILE|random|any",
        default="any",
        help="Palette: a shipped palette's name, a .gpl file, or colours such as "
        "'#102030,#f0e0d0'. 'random' draws a new one for each image; 'any' mixes shipped and "
        "random ones, except for fractal-db (white on black) and feature-vis (the colours that the "
        "network responds to).  [default: any]",
    ),
    options.BUILD,
)
def _draw_family(
    out: Path | str,
    n: int | None,
    start_index: int,
    size: int | None,
    seed: int | None,
    format: str | None,  # noqa: A002 - the option's name
    gray: bool | None,
    workers: int | None,
    engine: str,
    address: str | None,
    overwrite: bool,
    shards: bool,
    shard_size: int | None,
    part: Part | None,
    quiet: bool,
    as_json: bool,
    **family_options: Any,
) -> None:
    from fractalgen.mixing_set.recipes.family import FamilyRecipe
    from fractalgen.mixing_set.recipes.recipe import Recipe

    name = str(click.get_current_context().command.name)
    if n is None:
        built_in = Recipe().family(name)
        n = built_in.n if built_in else 1000
    family = FamilyRecipe.of(name, n, start_index, **family_options)
    recipe = Recipe(size, seed, format, [family], gray)
    run_build(
        recipe,
        out,
        workers=workers,
        engine=engine,
        address=address,
        overwrite=overwrite,
        shards=shards,
        shard_size=shard_size,
        part=part,
        quiet=quiet,
        as_json=as_json,
    )


_SHARED = click.command(_draw_family)


class FamilyCommand(PlainCommand):
    """The command of one family, with an option for each of its fields.

    The family is imported, which takes a while, only when its options are needed.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, params=list(_SHARED.params), callback=_SHARED.callback)
        self.help = f"{FAMILIES.summaries.get(name, f'Draw {name} images.')}\n\n{_ABOUT}"
        self._is_complete = False

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the shared parameters and the family's own."""
        if not self._is_complete:
            self._is_complete = True
            known = {param.name for param in self.params}
            own = [
                option for option in of_fields(FAMILIES[str(self.name)]) if option.name not in known
            ]
            place = next(i for i, param in enumerate(self.params) if param.name == "workers")
            self.params[place:place] = own
        return super().get_params(ctx)
