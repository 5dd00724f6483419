"""``fractalgen build-set``, and what it shares with the commands of the families."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fractalgen.cli import options
from fractalgen.cli.collect import print_collected, print_refused
from fractalgen.cli.group import PlainCommand
from fractalgen.cli.output import images, in_units, print_json, progress_bar

if TYPE_CHECKING:
    from fractalgen.mixing_set.building.build import Places
    from fractalgen.mixing_set.building.summary import Summary
    from fractalgen.mixing_set.collecting.collect import CollectOptions
    from fractalgen.mixing_set.recipes.part import Part
    from fractalgen.mixing_set.recipes.recipe import Recipe

__all__ = ["build_set", "run_build"]

_MAX_FAILURES = 20  # that are printed


def _refuse_n(_ctx: click.Context, _option: click.Parameter, value: str | None) -> None:
    """Answer those who expect the --n of the families' commands here, too."""
    if value is not None:
        raise click.UsageError(
            "build-set has no --n, because the recipe says how many images it draws. "
            "Write a recipe of your own, or draw one family: 'fractalgen ifs --n 20 OUT'."
        )


@click.command("build-set", cls=PlainCommand)
@options.OUT
@click.option(
    "--recipe",
    metavar="NAME|FILE.toml",
    type=options.PLACE,
    help="Draw the set that a recipe describes: one that 'fractalgen recipes' lists, or a TOML "
    "file with size, seed, format, gray, and a table per family with n, start_index and options.  "
    "[default: ipmix: 6,000 escape-time, 3,000 ifs, 4,000 features]",
)
@click.option(
    "--classes",
    metavar="N",
    type=int,
    help="Draw a class set for pre-training: N classes, in folders such as class-000123.",
)
@click.option("--instances", metavar="M", type=int, help="Number of images of each class.")
@click.option(
    "--family",
    metavar="NAME",
    help="Family that draws the classes: escape-time, ifs, radial-contours, visual-atoms or "
    "fractal-db.  "
    "[default: fractal-db]",
)
@options.RECIPE
@click.option(
    "--features",
    metavar="SOURCE",
    type=options.PLACE,
    help="Use your own images instead of drawn features, from any SOURCE of 'fractalgen collect'.",
)
@click.option(
    "--extra",
    metavar="SOURCE",
    type=options.PLACE,
    help="Add your own images, from any SOURCE of 'fractalgen collect'.",
)
@click.option(
    "--allow-private",
    is_flag=True,
    help="Allow sources of your own images at private and local addresses.",
)
@click.option("--repair", "repairing", is_flag=True, help="Redraw only what 'verify' reports.")
@click.option("--n", hidden=True, expose_value=False, callback=_refuse_n)
@options.BUILD
def build_set(
    out: Path | str,
    recipe: str | None,
    features: str | None,
    extra: str | None,
    allow_private: bool,
    repairing: bool,
    size: int | None,
    seed: int | None,
    format: str | None,  # noqa: A002 - the option's name
    gray: bool | None,
    classes: int | None,
    instances: int | None,
    family: str | None,
    **shared: Any,
) -> None:
    """Draw a complete mixing set.

    Write the images to OUT, by default ./ipmix-set. Existing images are kept, so the same command
    resumes after an interruption. The recipe says how many images there are; a family alone, such
    as 'fractalgen ifs', takes --n.

    Your own images (--features, --extra) lose their metadata, but are not encoded again if they
    are 8-bit RGB; transparent parts become black. Damaged images, animations and huge images are
    rejected and listed. 'fractalgen collect' has more options for this.
    """
    settings: dict[str, Any] = {"size": size, "seed": seed, "format": format, "gray": gray}
    of_classes = {"--classes": classes, "--instances": instances, "--family": family}
    given = any(value is not None for value in (*settings.values(), *of_classes.values(), recipe))
    given |= any(shared[name] for name in ("overwrite", "shards", "shard_size", "part"))
    if repairing and given:
        raise click.UsageError(
            "--repair takes its settings from the set; leave out the other options."
        )

    for option, value in of_classes.items():
        if value is None:
            continue
        if recipe:
            raise click.UsageError(f"Use either --recipe or {option}, not both.")
        for needed in ("--classes", "--instances"):
            if of_classes[needed] is None:
                raise click.UsageError(f"{option} needs {needed} too.")

    from fractalgen.files.downloader import WebOptions
    from fractalgen.mixing_set.collecting.collect import CollectOptions
    from fractalgen.mixing_set.recipes.family import FamilyRecipe
    from fractalgen.mixing_set.recipes.recipe import Recipe
    from fractalgen.mixing_set.recipes.shipped import recipe_path
    from fractalgen.mixing_set.recipes.toml_file import read_recipe

    requested = None
    if recipe:
        requested = read_recipe(recipe_path(recipe), **settings)
    elif classes is not None and instances is not None:
        name = family or "fractal-db"
        requested = Recipe(**settings, families=[FamilyRecipe.of_classes(name, classes, instances)])
    elif not repairing:
        requested = Recipe(**settings)
    places = {"features": features, "extra": extra}
    collected = {name: place for name, place in places.items() if place is not None}
    collecting = CollectOptions(web=WebOptions(allow_private=allow_private))
    run_build(requested, out, collected=collected, collecting=collecting, **shared)


def run_build(
    recipe: Recipe | None,
    out: Path | str,
    *,
    workers: int | None,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
    engine: str = "local",
    address: str | None = None,
    shards: bool = False,
    shard_size: int | None = None,
    part: Part | None = None,
    collected: Places | None = None,
    collecting: CollectOptions | None = None,
) -> None:
    """Build a recipe into a folder, or repair the set there if the recipe is None."""
    from fractalgen.mixing_set.building.build import build, repair
    from fractalgen.mixing_set.recipes.part import WHOLE

    if address is not None and engine != "ray":
        raise click.UsageError("--address needs --engine ray.")
    with contextlib.ExitStack() as stack:
        fetching = stack.enter_context(progress_bar("fetching", "B", quiet=quiet, in_bytes=True))
        drawing = stack.enter_context(progress_bar("drawing", " images", quiet=quiet))
        if recipe is None:
            summary = repair(
                out,
                workers=workers,
                collected=collected,
                collecting=collecting,
                progress=drawing,
                fetching=fetching,
                engine=engine,
                address=address,
            )
        else:
            summary = build(
                recipe,
                out,
                workers=workers,
                overwrite=overwrite,
                collected=collected,
                collecting=collecting,
                progress=drawing,
                fetching=fetching,
                engine=engine,
                address=address,
                part=part or WHOLE,
                shards=shards,
                shard_size=shard_size,
            )
    _print_problems(summary)
    if as_json:
        print_json(summary.as_json())
    elif not quiet:
        _print_summary(summary)
    if not summary.ok:
        raise click.exceptions.Exit(1)


def _print_problems(summary: Summary) -> None:
    from fractalgen.registry import first_few

    for failure in summary.failed[:_MAX_FAILURES]:
        params = "" if failure.params is None else f" (params {failure.params})"
        click.echo(f"{failure.file}: {failure.reason}{params}", err=True)
    n_failed = sum(failure.n_images for failure in summary.failed)
    if n_failed:
        click.echo(f"Error: {images(n_failed)} could not be drawn; the others were.", err=True)
    print_refused(summary)
    if summary.refused:
        n = len(summary.refused)
        were = "1 of your own images was" if n == 1 else f"{n:,} of your own images were"
        click.echo(f"Error: {were} refused.", err=True)
    if summary.unrepaired_shards:
        click.echo(
            "Error: these shards hold collected images, which cannot be drawn again: "
            f"{first_few(summary.unrepaired_shards)}. Remove them, and run 'fractalgen export' "
            "again, from the set in folders.",
            err=True,
        )
    if summary.unrepaired:
        click.echo(
            "Error: these collected images can only be repaired from their originals: "
            f"{first_few(summary.unrepaired)}. Use --features or --extra as before.",
            err=True,
        )


def _print_summary(summary: Summary) -> None:
    from fractalgen.mixing_set.recipes.part import WHOLE

    width = max((len(family.name) for family in summary.families), default=0)
    for family in summary.families:
        acceptance = f", {family.acceptance:.0%} of draws accepted" if family.acceptance else ""
        missing = f", {family.missing:,} missing" if family.missing else ""
        drawn = "collected" if family.collected else "drawn"
        click.echo(
            f"{family.name:<{width}}  {images(family.requested):>16}: "
            f"{family.drawn:,} {drawn}, {family.kept:,} kept{missing}{acceptance}"
        )
    rate = f", {summary.n_drawn / summary.seconds:,.1f} images/s" if summary.n_drawn else ""
    size = f" of {summary.size} x {summary.size} pixels" if summary.size else ""
    click.echo(
        f"{summary.folder}: {images(summary.n_images)}{size}, {in_units(summary.n_bytes)}, "
        f"{summary.seconds:.1f} s{rate}"
    )
    if summary.n_removed:
        click.echo(f"Removed {images(summary.n_removed)} drawn earlier.")
    if summary.part != WHOLE and summary.n_missing:
        click.echo(
            f"This is part {summary.part}; the set lacks {summary.n_missing:,} images of other "
            "parts. 'fractalgen merge' joins the parts."
        )
    elif summary.n_missing:
        click.echo(
            f"The set lacks {summary.n_missing:,} other images; "
            f"'fractalgen build-set {summary.folder} --repair' draws them."
        )
    for note in summary.notes:
        click.echo(note)
    print_collected(summary)
