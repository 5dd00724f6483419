"""A comparison of runs as a table: in plain text, Markdown, LaTeX, CSV or JSON."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fractalgen.evaluation.measurements.measurement import Figure
from fractalgen.evaluation.table import Block, Line, Number, Table, folded, markdown_escaped

__all__ = ["UNITS", "Cell", "Column", "Comparison", "Row", "best_of", "number", "short_names"]

UNITS = (
    "In percent, except log-likelihoods, Brier scores, temperatures, seconds and ratios; ± sample "
    "deviation over seeds"
)
_EXPLANATION = f"{UNITS}; lower is better unless it says so."
_REPR_WIDTH = 80


@dataclass(frozen=True)
class Column:
    """Runs that differ only in their seeds.

    `details`, such as ``epochs 10``, distinguish the column from others of the same data set, model
    and method. `seeds` are in the order of `runs`, the folders; None if unknown.
    """

    dataset: str
    model: str
    method: str
    details: tuple[str, ...]
    runs: tuple[str, ...]
    seeds: tuple[int | None, ...]

    @property
    def name(self) -> str:
        """A one-line description that distinguishes it from the other columns."""
        words = (self.dataset, self.model, self.method, *self.details)
        return ", ".join(word for word in words if word)


@dataclass(frozen=True)
class Cell:
    """The mean, sample deviation (n - 1; None for one run) and values of a column's runs.

    `conditions` say how all of them were measured.
    """

    mean: float
    deviation: float | None
    values: tuple[float, ...]
    conditions: str = ""


@dataclass(frozen=True)
class Row:
    """A figure in all columns; a cell is None if its runs lack it or measured it differently.

    `best` has the indices of the best cells, several if they are shown alike; none if the cells
    cannot be compared.
    """

    section: str
    title: str
    figure: Figure
    cells: tuple[Cell | None, ...]
    best: tuple[int, ...] = ()


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
                    "best": list(row.best),
                    "cells": [cell and dataclasses.asdict(cell) for cell in row.cells],
                }
                for row in self.rows
            ],
            "notes": list(self.notes),
        }

    def table(self, *, details: bool = False) -> Table:
        """Return the figures as a table; with `details`, also each corruption and perturbation."""
        blocks: dict[str, list[Row]] = {}
        for row in self.rows:
            if details or not row.figure.detail:
                blocks.setdefault(row.section, []).append(row)
        return Table(
            tuple(tuple(_head(column)) for column in self.columns),
            tuple(
                Block(
                    rows[0].title,
                    tuple(
                        Line(
                            _name(row.figure),
                            tuple(
                                number(cell, row.figure, is_best=place in row.best)
                                for place, cell in enumerate(row.cells)
                            ),
                        )
                        for row in rows
                    ),
                )
                for rows in blocks.values()
            ),
        )

    def to_text(
        self, *, details: bool = False, width: int | None = _REPR_WIDTH, bold: bool = False
    ) -> str:
        """Return the table in plain text; with `details`, also each corruption and perturbation.

        Columns that do not fit into `width` characters go into another table below. None for no
        limit. With `bold`, the best figures are bold on a terminal.
        """
        table = self.table(details=details).to_text(width, bold=bold)
        notes = [folded(f"* {note}", width) for note in self.notes]
        explanation = folded(_EXPLANATION, width).replace("\n  ", "\n")
        return "\n\n".join([table, explanation, *(["\n".join(notes)] if notes else [])])

    def to_markdown(self, *, details: bool = False) -> str:
        """Return the table in Markdown, with its notes as a list."""
        table = self.table(details=details).to_markdown()
        notes = [f"- {markdown_escaped(note)}" for note in self.notes]
        return "\n".join([table, "", _EXPLANATION, *(["", *notes] if notes else [])])

    def to_csv(self) -> str:
        """Return a line for each figure of each column, details included.

        Values are as in the JSON: shares from 0 to 1, not percentages. Cells that were not
        measured have no line.
        """
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        keys = ("dataset", "model", "method", "details", "seeds", "measurement", "figure")
        writer.writerow([*keys, "better", "mean", "deviation", "n", "best"])
        for index, column in enumerate(self.columns):
            names = [column.dataset, column.model, column.method, " ".join(column.details)]
            for row in self.rows:
                cell = row.cells[index]
                if cell is not None:
                    deviation = "" if cell.deviation is None else cell.deviation
                    best = "yes" if index in row.best else ""
                    figures = [row.figure.better, cell.mean, deviation, len(cell.values), best]
                    seeds = " ".join(str(seed) for seed in column.seeds if seed is not None)
                    writer.writerow([*names, seeds, row.section, row.figure.key, *figures])
        return out.getvalue()

    def __repr__(self) -> str:
        return self.to_text()


def number(cell: Cell | None, figure: Figure, *, is_best: bool = False) -> Number | None:
    """Return a cell as it is shown: shares in percent without the sign, two decimals."""
    if cell is None:
        return None
    deviation = "" if cell.deviation is None else _shown(figure, cell.deviation)
    return Number(_shown(figure, cell.mean), deviation, is_best)


def best_of(
    figure: Figure, cells: Sequence[Cell | None], among: Collection[int] | None = None
) -> tuple[int, ...]:
    """Return the indices of the cells with the best mean, as far as the shown decimals tell.

    Nothing is best if neither direction is better, if there are fewer than two cells, or if they
    were measured differently. `among` has the indices of the cells to compare; None for all.
    """
    places = range(len(cells)) if among is None else among
    found = {place: cell for place in places if (cell := cells[place]) is not None}
    shown = {place: float(_shown(figure, cell.mean)) for place, cell in found.items()}
    is_alike = len({cell.conditions for cell in found.values()}) == 1
    if len(shown) < 2 or figure.higher_is_better is None or not is_alike:
        return ()
    best = max(shown.values()) if figure.higher_is_better else min(shown.values())
    return tuple(place for place, value in shown.items() if value == best)


def short_names(folders: Iterable[str | Path]) -> dict[str, str]:
    """Return the shortest end of each path that no other has, such as ``set`` or ``b/set``."""
    paths = {str(folder): Path(os.path.normpath(Path(folder).absolute())) for folder in folders}
    names = {}
    for folder, path in paths.items():
        n = 1
        while n < len(path.parts) and any(
            other != path and other.parts[-n:] == path.parts[-n:] for other in paths.values()
        ):
            n += 1
        names[folder] = str(path) if n == len(path.parts) else "/".join(path.parts[-n:])
    return names


def _shown(figure: Figure, value: float) -> str:
    return figure.shown(value=value).removesuffix("%")


def _name(figure: Figure) -> str:
    indent = "  " if figure.detail else ""
    return f"{indent}{figure.name}{', higher is better' if figure.higher_is_better else ''}"


def _head(column: Column) -> list[str]:
    n, first = len(set(column.seeds)), column.seeds[0]
    seeds = f"{n} seeds" if n > 1 else "" if first is None else f"seed {first}"
    return [column.dataset, column.model, column.method, *column.details, seeds]
