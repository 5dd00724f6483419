"""``fractalgen merge``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand
from fractalgen.cli.output import images, print_json, progress_bar

if TYPE_CHECKING:
    from fractalgen.mixing_set.merging.merged import Merged

_MAX_LISTED = 20


@click.command("merge", cls=PlainCommand)
@click.argument("out", metavar="OUT", type=options.NEW_FOLDER_OR_URL)
@click.argument("parts", metavar="PART...", type=options.FOLDER_OR_URL, nargs=-1, required=True)
@options.QUIET
@options.JSON
def merge(out: Path | str, parts: tuple[Path | str, ...], quiet: bool, as_json: bool) -> None:
    """Join parts of a set that were drawn with --part.

    Copy the images or shards of every PART to OUT, which is new or has some of them. OUT is then
    the set that a single build writes. Every image is checked while it is copied, and the parts
    stay as they are. The same command resumes after an interruption. The exit code is 1 if images
    are still missing, or if a file of a part is damaged or differs from that of another.
    """
    from fractalgen.mixing_set.merging.merge import merge as join

    with progress_bar("merging", " images", quiet=quiet) as progress:
        merged = join(out, parts, progress=progress)
    _print_problems(merged)
    if as_json:
        print_json(merged.as_json())
    elif not quiet:
        click.echo(f"{merged.folder}: {images(merged.n_copied)} copied, {merged.n_kept:,} kept")
    if not merged.ok:
        raise click.exceptions.Exit(1)


def _print_problems(merged: Merged) -> None:
    lines = [f"{click.format_filename(one.path)}: {one.reason}" for one in merged.damaged]
    lines += [
        f"{click.format_filename(file)}: differs from the one in {merged.folder}, which was kept"
        for file in merged.differing
    ]
    for line in lines[:_MAX_LISTED]:
        click.echo(line, err=True)
    if len(lines) > _MAX_LISTED:
        click.echo(f"and {len(lines) - _MAX_LISTED:,} more; --json lists all", err=True)
    if merged.n_missing:
        click.echo(
            f"Error: the set still lacks {images(merged.n_missing)}; "
            "merge the other parts, or draw them: "
            f"'fractalgen build-set {merged.folder} --repair'.",
            err=True,
        )
