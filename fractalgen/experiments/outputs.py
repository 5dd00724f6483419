"""The files of a comparison: JSON, Markdown, LaTeX, CSV and a page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from fractalgen.evaluation.comparison import UNITS, Comparison
from fractalgen.evaluation.report.comparison import comparison_page
from fractalgen.evaluation.table import Table, folded, markdown_escaped
from fractalgen.files.atomic import write_atomically
from fractalgen.registry import first_few

__all__ = ["PAGE", "failed_in_short", "failed_lines", "markdown", "text", "write_outputs"]

NAME = "comparison"
PAGE = f"{NAME}.html"


def write_outputs(
    out: Path,
    comparison: Comparison | None,
    tables: Sequence[Table] = (),
    failures: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
) -> None:
    """Write ``comparison.json``, ``.md``, ``.tex``, ``.csv`` and ``.html``.

    Parameters
    ----------
    out : Path
        The folder; it is created if it does not exist.
    comparison : Comparison or None
        All figures; None if all runs failed.
    tables : sequence of Table
        Tables to show before that of all figures.
    failures : mapping, optional
        Why runs failed, by their names.
    names : mapping, optional
        Names of the methods on the page, by the runs' folders.
    """
    failures = failures or {}
    out.mkdir(parents=True, exist_ok=True)
    whole = [] if comparison is None else [comparison.table()]
    latex = "\n\n".join(table.to_latex() for table in [*tables, *whole])
    files = {
        "json": json.dumps(as_json(comparison, failures), indent=2, allow_nan=False),
        "md": markdown(comparison, tables, failures),
        "tex": latex,
        "csv": "" if comparison is None else comparison.to_csv().rstrip("\n"),
        "html": comparison_page(comparison, tables, failures, names).rstrip("\n"),
    }
    for ending, content in files.items():
        write_atomically(out / f"{NAME}.{ending}", f"{content}\n".encode("utf-8", "replace"))


def as_json(comparison: Comparison | None, failures: Mapping[str, str]) -> dict[str, object]:
    """Return the figures and the failed runs as plain dictionaries, lists, strings and numbers."""
    plain = {"columns": [], "rows": [], "notes": []} if comparison is None else comparison.to_json()
    return {**plain, "failed": dict(failures)}


def markdown(
    comparison: Comparison | None,
    tables: Sequence[Table],
    failures: Mapping[str, str],
    *,
    details: bool = False,
) -> str:
    """Return the tables in Markdown, then all figures, then the failed runs."""
    parts = [table.to_markdown() for table in tables]
    parts += [] if comparison is None else [comparison.to_markdown(details=details)]
    lines = [f"- {markdown_escaped(line)}" for line in failed_lines(failures)]
    return "\n\n".join([*parts, *(["\n".join(lines)] if lines else [])])


def text(
    comparison: Comparison | None,
    tables: Sequence[Table],
    failures: Mapping[str, str],
    *,
    width: int | None = None,
    bold: bool = False,
) -> str:
    """Return the tables in plain text, with the comparison's notes and the failed runs."""
    notes = [*(() if comparison is None else comparison.notes), *failed_lines(failures)]
    parts = [table.to_text(width, bold=bold) for table in tables]
    parts += [folded(f"{UNITS}.", width).replace("\n  ", "\n")]
    parts += ["\n".join(folded(f"* {note}", width) for note in notes)] if notes else []
    return "\n\n".join(parts)


def failed_in_short(failures: Mapping[str, str], n: int) -> list[str]:
    """Return a line for each reason for which some of `n` runs failed."""
    return [f"{len(names)} of {n} runs failed: {reason}" for reason, names in _by_reason(failures)]


def failed_lines(failures: Mapping[str, str]) -> list[str]:
    """Return a line for each reason for which runs failed, with their names."""
    return [
        f"{of_reason[0]} failed: {reason}"
        if len(of_reason) == 1
        else f"{len(of_reason)} runs failed: {reason} ({first_few(of_reason)})"
        for reason, of_reason in _by_reason(failures)
    ]


def _by_reason(failures: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    names: dict[str, list[str]] = {}
    for name, reason in failures.items():
        names.setdefault(reason, []).append(name)
    return list(names.items())
