"""A comparison of runs as a table: in plain text, in Markdown, or as JSON."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from fractalgen.evaluation.measurements.measurement import Figure

__all__ = ["Cell", "Column", "Comparison", "Row"]

_EXPLANATION = (
    "In percent, except log-likelihoods, Brier scores and temperatures; ± sample deviation over "
    "seeds; lower is better unless it says so."
)
_MISSING = "–"  # noqa: RUF001 - the sign for a figure that was not measured
_GAP = "  "
_REPR_WIDTH = 80


@dataclass(frozen=True)
class Column:
    """Runs that differ only in their seeds.

    `details`, such as ``epochs 10``, distinguish the column from others of the same data set, model
    and method. `seeds` are in the order of `runs`, the folders.
    """

    dataset: str
    model: str
    method: str
    details: tuple[str, ...]
    runs: tuple[str, ...]
    seeds: tuple[int, ...]

    @property
    def name(self) -> str:
        """A one-line description that distinguishes it from the other columns."""
        return ", ".join((self.dataset, self.model, self.method, *self.details))


@dataclass(frozen=True)
class Cell:
    """The mean, sample deviation (n - 1; None for one run) and values of a column's runs."""

    mean: float
    deviation: float | None
    values: tuple[float, ...]


@dataclass(frozen=True)
class Row:
    """A figure in all columns; a cell is None if its runs lack it or measured it differently."""

    section: str
    title: str
    figure: Figure
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, repr=False)
class Comparison:
    """A table of figures, with notes on figures that are not comparable."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return {
            "columns": [dataclasses.asdict(column) for column in self.columns],
            "rows": [
                {
                    "section": row.section,
                    "figure": row.figure.key,
                    "name": f"{row.title}: {row.figure.name}",
                    "better": row.figure.better,
                    "cells": [cell and dataclasses.asdict(cell) for cell in row.cells],
                }
                for row in self.rows
            ],
            "notes": list(self.notes),
        }

    def to_text(self, *, details: bool = False, width: int | None = _REPR_WIDTH) -> str:
        """Return the table in plain text; with `details`, also each corruption and perturbation.

        Columns that do not fit into `width` characters go into another table below. None for no
        limit.
        """
        rows = self._shown(details=details)
        names = [_GAP + _name(row) for row in rows]
        name_width = max(len(name) for name in names)
        heads = [_head(column) for column in self.columns]
        cells = [[_cell(row, index) for row in rows] for index in range(len(heads))]
        widths = [
            max(map(len, (*head, *column))) for head, column in zip(heads, cells, strict=True)
        ]
        tables = [
            _text_table(rows, names, name_width, [(heads[i], cells[i], widths[i]) for i in block])
            for block in _blocks(widths, name_width, width)
        ]
        notes = [_folded(f"* {note}", width) for note in self.notes]
        explanation = _folded(_EXPLANATION, width).replace("\n  ", "\n")
        return "\n\n".join([*tables, explanation, *(["\n".join(notes)] if notes else [])])

    def to_markdown(self, *, details: bool = False) -> str:
        """Return the table in Markdown, with its notes as a list."""
        heads = ["<br>".join(map(_escaped, _head(column))) for column in self.columns]
        n = len(heads)
        lines = ["| | " + " | ".join(heads) + " |", "| --- |" + " ---: |" * n]
        section = ""
        for row in self._shown(details=details):
            if row.section != section:
                section = row.section
                lines.append(f"| **{_escaped(row.title)}** |" + " |" * n)
            cells = " | ".join(_cell(row, index) for index in range(n))
            lines.append(f"| {_escaped(_name(row))} | {cells} |")
        notes = [f"- {_escaped(note)}" for note in self.notes]
        return "\n".join([*lines, "", _EXPLANATION, *(["", *notes] if notes else [])])

    def __repr__(self) -> str:
        return self.to_text()

    def _shown(self, *, details: bool) -> list[Row]:
        return [row for row in self.rows if details or not row.figure.detail]


def _name(row: Row) -> str:
    indent = "  " if row.figure.detail else ""
    return f"{indent}{row.figure.name}{', higher is better' if row.figure.higher_is_better else ''}"


def _head(column: Column) -> list[str]:
    n = len(set(column.seeds))
    seeds = f"seed {column.seeds[0]}" if n == 1 else f"{n} seeds"
    return [column.dataset, column.model, column.method, *column.details, seeds]


def _cell(row: Row, index: int) -> str:
    cell = row.cells[index]
    if cell is None:
        return _MISSING
    mean, deviation = (
        None if value is None else row.figure.shown(value=value).removesuffix("%")
        for value in (cell.mean, cell.deviation)
    )
    return f"{mean}" if deviation is None else f"{mean} ± {deviation}"


def _blocks(widths: Sequence[int], name_width: int, width: int | None) -> list[list[int]]:
    """Split the columns into tables of at most `width` characters and at least one column."""
    blocks: list[list[int]] = []
    used = 0
    for index, own in enumerate(widths):
        used += own + len(_GAP)
        if not blocks or (width is not None and used > width):
            blocks.append([])
            used = name_width + own + len(_GAP)
        blocks[-1].append(index)
    return blocks


def _text_table(
    rows: Sequence[Row],
    names: Sequence[str],
    name_width: int,
    columns: Sequence[tuple[list[str], list[str], int]],
) -> str:
    n_lines = max(len(head) for head, _, _ in columns)
    lines = [
        " " * name_width
        + "".join(
            _GAP + ([""] * (n_lines - len(head)) + head)[line].rjust(width)
            for head, _, width in columns
        )
        for line in range(n_lines)
    ]
    section = ""
    for index, (row, name) in enumerate(zip(rows, names, strict=True)):
        if row.section != section:
            section = row.section
            lines += ["", row.title]
        values = "".join(_GAP + cells[index].rjust(width) for _, cells, width in columns)
        lines.append(name.ljust(name_width) + values)
    return "\n".join(lines)


def _folded(text: str, width: int | None) -> str:
    return textwrap.fill(text, width or 10**6, subsequent_indent="  ", break_on_hyphens=False)


def _escaped(text: str) -> str:
    """Escape Markdown and HTML in a name."""
    return escape(text, quote=False).replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")
