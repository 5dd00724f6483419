"""What the commands that build have in common: progress, the summary, the exit code."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

import click

from fractalgen.cli.progress import progress_bar
from fractalgen.cli.report import print_json, print_problems, print_summary
from fractalgen.mixing_set.build import build
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.mixing_set.repair import repair

__all__ = ["run_build"]


def run_build(
    recipe: Recipe | None,
    out: Path,
    workers: int | None,
    *,
    overwrite: bool = False,
    quiet: bool = False,
    as_json: bool = False,
    collected: Mapping[str, str] | None = None,
) -> None:
    """Build a recipe into a folder, or repair the set there if the recipe is None."""
    with contextlib.ExitStack() as stack:
        fetching = stack.enter_context(progress_bar("fetching", "B", quiet=quiet, in_bytes=True))
        drawing = stack.enter_context(progress_bar("drawing", " images", quiet=quiet))
        shared = {
            "workers": workers,
            "collected": collected,
            "progress": drawing,
            "fetching": fetching,
        }
        if recipe is None:
            summary = repair(out, **shared)  # type: ignore[arg-type]
        else:
            summary = build(recipe, out, overwrite=overwrite, **shared)  # type: ignore[arg-type]
    print_problems(summary)
    if as_json:
        print_json(summary.as_json())
    elif not quiet:
        print_summary(summary)
    if not summary.ok:
        raise click.exceptions.Exit(1)
