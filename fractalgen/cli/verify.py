"""``fractalgen verify``."""

from pathlib import Path

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand


@click.command("verify", cls=PlainCommand)
@options.SET
@click.option(
    "--redraw",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    help="Also redraw N images, chosen at random, and compare their pixels.",
)
@options.WORKERS
@options.QUIET
@options.JSON
def verify(set_folder: Path, redraw: int, workers: int | None, quiet: bool, as_json: bool) -> None:
    """Find broken and foreign files in a set.

    SET is ./ipmix-set if left out. Files are found that are missing, truncated, altered, or not
    the set's. Nothing is written. The exit code is 1 if anything is found.
    """
    from fractalgen.cli.progress import progress_bar
    from fractalgen.cli.report import print_json, print_report
    from fractalgen.mixing_set.verify import verify as check

    with progress_bar("checking", " images", quiet=quiet) as progress:
        report = check(set_folder, redraw, workers=workers, progress=progress)
    if as_json:
        print_json(report.as_json())
    elif not quiet:
        print_report(report)
    if not report.ok:
        raise click.exceptions.Exit(1)
