"""Results as text or as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from fractalgen.mixing_set.layout import first_few

if TYPE_CHECKING:
    from fractalgen.mixing_set.summary import Summary
    from fractalgen.mixing_set.verify import Report

__all__ = ["print_json", "print_report", "print_summary", "printable"]

_MAX_LISTED = 20


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object on stdout."""
    click.echo(json.dumps(value, indent=2))


def print_summary(summary: Summary) -> None:
    """Print a build's summary on stdout: a line per family and one for all."""
    width = max((len(family.name) for family in summary.families), default=0)
    for family in summary.families:
        acceptance = f", {family.acceptance:.0%} of draws accepted" if family.acceptance else ""
        n_missing = family.asked - family.drawn - family.kept
        missing = f", {n_missing:,} missing" if n_missing else ""
        click.echo(
            f"{family.name:<{width}}  {_images(family.asked):>16}: "
            f"{family.drawn:,} drawn, {family.kept:,} kept{missing}{acceptance}"
        )
    rate = f", {summary.n_drawn / summary.seconds:,.0f} images/s" if summary.n_drawn else ""
    total = sum(family.asked for family in summary.families)
    click.echo(
        f"{summary.folder}: {_images(total)}, {in_units(summary.n_bytes)}, "
        f"{summary.seconds:.1f} s{rate}"
    )
    if summary.n_removed:
        click.echo(f"Removed {_images(summary.n_removed)} of before.")
    if summary.n_missing:
        click.echo(
            f"{summary.n_missing:,} more images belong to this set; "
            f"'fractalgen build-set {summary.folder} --repair' draws them."
        )
    for note in summary.notes:
        click.echo(note)


def print_problems(summary: Summary) -> None:
    """Print on stderr what a build could not do."""
    for refusal in summary.refused:
        click.echo(f"Refused {click.format_filename(refusal.path)}: {refusal.reason}", err=True)
    if summary.refused:
        click.echo(f"Error: {len(summary.refused):,} of your own images were refused.", err=True)
    if summary.unrepaired:
        listed = first_few(summary.unrepaired)
        click.echo(
            f"Error: collected images need their originals to be repaired: {listed}. "
            "Give --features or --extra as before.",
            err=True,
        )


def print_report(report: Report) -> None:
    """Print what `verify` found on stdout."""
    faults = report.findings.as_json()
    faults["differing when redrawn"] = list(report.differing)
    faults["not a record in the manifest"] = [
        f"line {number}: {reason}" for number, reason in report.bad_lines
    ]
    for kind, files in faults.items():
        if files:
            click.echo(f"{len(files):,} {kind}")
            for file in files[:_MAX_LISTED]:
                click.echo(f"  {click.format_filename(file)}")
            if len(files) > _MAX_LISTED:
                click.echo(f"  and {len(files) - _MAX_LISTED:,} more")
    if report.torn:
        click.echo("the manifest's last line is torn")
    redrawn = f", {report.n_redrawn:,} redrawn" if report.n_redrawn else ""
    verdict = "all is well" if report.ok else "not as it should be"
    click.echo(f"{report.folder}: {_images(report.n_images)} on record{redrawn}, {verdict}")
    if report.findings.broken or report.bad_lines or report.torn:
        click.echo(
            f"'fractalgen build-set {report.folder} --repair' draws what is missing or broken."
        )


def _images(n: int) -> str:
    return f"{n:,} image{'' if n == 1 else 's'}"


def in_units(n_bytes: int) -> str:
    """Return a length such as 12.3 MB, in powers of 1,000."""
    value, unit = float(n_bytes), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"


def printable(text: str, encoding: str | None) -> str:
    """Replace what an encoding lacks, such as bytes of a file name that are not text."""
    encoding = encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.replace("±", "+/-").replace("\N{EN DASH}", "-")
        return text.encode(encoding, "replace").decode(encoding)
    return text
