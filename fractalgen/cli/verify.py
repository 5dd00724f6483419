"""``fractalgen verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand
from fractalgen.cli.output import images, print_json, progress_bar

if TYPE_CHECKING:
    from fractalgen.mixing_set.checking.findings import Report

_MAX_LISTED = 20


@click.command("verify", cls=PlainCommand)
@options.SET
@click.option(
    "--redraw",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    help="Also redraw N random images and compare their pixels.  [default: 0]",
)
@options.WORKERS
@options.QUIET
@options.JSON
def verify(set_folder: Path, redraw: int, workers: int | None, quiet: bool, as_json: bool) -> None:
    """Find missing, damaged and foreign files in a set.

    SET is the set's folder, by default ./ipmix-set. Nothing is written. The exit code is 1 if a
    file is missing, truncated or altered, or does not belong to the set. Of a part that 'build-set
    --part' drew, the other parts need not be there.
    """
    from fractalgen.mixing_set.checking.verify import verify as check

    with progress_bar("checking", " images", quiet=quiet) as progress:
        report = check(set_folder, redraw, workers=workers, progress=progress)
    if as_json:
        print_json(report.as_json())
    elif not quiet:
        _print_report(report)
    if not report.ok:
        raise click.exceptions.Exit(1)


def _print_report(report: Report) -> None:
    from fractalgen.mixing_set.recipes.part import WHOLE

    faults = report.findings.as_json()
    faults["different when redrawn"] = list(report.differing)
    faults["invalid manifest lines"] = [
        f"line {number}: {reason}" for number, reason in report.bad_lines
    ]
    for kind, files in faults.items():
        if files:
            click.echo(f"{len(files):,} {kind}")
            for file in files[:_MAX_LISTED]:
                click.echo(f"  {click.format_filename(file)}")
            if len(files) > _MAX_LISTED:
                click.echo(f"  and {len(files) - _MAX_LISTED:,} more")
    if report.differing:
        click.echo(
            "Another fractalgen drew what is different when redrawn, with other pixels for the "
            "same parameters, or its records were changed."
        )
    if report.torn:
        click.echo("the manifest's last line is incomplete")
    redrawn = f", {report.n_redrawn:,} redrawn" if report.n_redrawn else ""
    verdict = "no problems found" if report.ok else "problems found"
    click.echo(f"{report.folder}: {images(report.n_images)} recorded{redrawn}, {verdict}")
    repair = f"'fractalgen build-set {report.folder} --repair'"
    is_broken = report.findings.broken or report.bad_lines or report.torn
    if report.part != WHOLE:
        click.echo(
            f"This is part {report.part}; the set lacks {images(report.n_absent)} of other parts. "
            "'fractalgen merge' joins the parts."
        )
        if is_broken:
            click.echo(f"{repair} redraws what is missing or damaged of the part.")
    elif report.n_absent:
        are = "is" if report.n_absent == 1 else "are"
        click.echo(
            f"{images(report.n_absent)} of the set {are} neither here nor recorded.\n"
            "If other jobs draw them with --part, 'fractalgen merge' joins what they drew. If not, "
            f"{repair} draws them, and redraws what is lost or damaged."
        )
    elif is_broken:
        click.echo(f"{repair} redraws missing and damaged images.")
