"""``fractalgen stats``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand
from fractalgen.cli.output import check_output, print_json, printable, progress_bar, save_image


@click.command("stats", cls=PlainCommand)
@options.SET
@click.option(
    "-o",
    "--output",
    type=options.PATH,
    help="Also draw histograms of the measures to this file: .png, .jpg or .webp.",
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    help="Measure at most N images of each group, spaced evenly by name.  [default: all images]",
)
@options.WORKERS
@options.QUIET
@options.JSON
def stats(
    set_folder: Path,
    output: Path | None,
    limit: int | None,
    workers: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Measure the images of a set, or of any folder.

    SET is the folder, by default ./ipmix-set. Each family of a set is a group, and so is each
    subfolder of another folder. For each group the table shows the mean of each measure, and below
    it the 5th and 95th percentiles: the entropy of the luminance in bits, the share of pixels on
    edges, the slope of the spectrum, the colourfulness, and the bits per pixel of the files. Near
    duplicates are images that look like another one in the folder. The exit code is 1 if an image
    cannot be read.
    """
    from fractalgen.errors import unreadable
    from fractalgen.mixing_set.measuring.stats import stats as measure

    if output is not None:
        check_output(output, set_folder)
    with progress_bar("measuring", " images", quiet=quiet) as progress:
        found = measure(set_folder, limit=limit, workers=workers, progress=progress)
    if as_json:
        print_json(found.to_json())
    elif not quiet:
        click.echo(printable(repr(found), sys.stdout.encoding))
    if output is not None:
        from fractalgen.mixing_set.measuring.stats_page import histograms

        save_image(histograms(found), output, quiet=quiet or as_json)
    if found.unreadable:
        click.echo(unreadable(found.folder, found.unreadable), err=True)
        raise click.exceptions.Exit(1)
