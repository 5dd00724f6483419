"""Evaluations of several runs beside each other, those that differ in their seed as one."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fractalgen.evaluation.columns import Column, columns_of
from fractalgen.evaluation.report.sections import Figure, Section, sections
from fractalgen.evaluation.results import Results

__all__ = ["Cell", "Comparison", "Row", "compare"]


@dataclass(frozen=True)
class Cell:
    """A figure of a column: the mean over its runs, each a share from 0 to 1.

    Attributes
    ----------
    deviation : float or None
        Sample standard deviation, with n - 1; None of a single run.
    values : tuple of float
        Of the runs for which it was measured.
    """

    mean: float
    deviation: float | None
    values: tuple[float, ...]


@dataclass(frozen=True)
class Row:
    """A figure across the columns.

    Attributes
    ----------
    cells : tuple of Cell or None
        None where it was not measured, or not alike in all runs of the column.
    """

    section: Section
    figure: Figure
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Comparison:
    """A table of figures, and notes on why some of them may not compare."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return {
            "columns": [dataclasses.asdict(column) for column in self.columns],
            "rows": [
                {
                    "section": row.section.key,
                    "figure": row.figure.key,
                    "name": f"{row.section.title}: {row.figure.name}",
                    "better": row.figure.better,
                    "cells": [cell and dataclasses.asdict(cell) for cell in row.cells],
                }
                for row in self.rows
            ],
            "notes": list(self.notes),
        }


def compare(runs: Mapping[str, Results]) -> Comparison:
    """Set evaluations beside each other.

    Parameters
    ----------
    runs : mapping of str to Results
        By the run's folder, at least one; columns come in this order.

    Returns
    -------
    Comparison
        Runs whose configuration (apart from the seed), mixing set and checkpoint (last or best)
        are the same share a column.
    """
    columns = columns_of(runs)
    measured = {run: {part.key: part for part in sections(runs[run])} for run in runs}
    return Comparison(columns, _rows(columns, measured), tuple(_notes(columns, runs, measured)))


def _rows(
    columns: Sequence[Column], measured: Mapping[str, Mapping[str, Section]]
) -> tuple[Row, ...]:
    parts = _in_order(part for found in measured.values() for part in found.values())
    rows = []
    for key, found in parts.items():
        figures = {figure.key: figure for part in found for figure in part.figures}
        for figure in sorted(figures.values(), key=lambda figure: figure.detail):
            cells = tuple(_cell(column, measured, key, figure.key) for column in columns)
            rows.append(Row(found[0], figure, cells))
    return tuple(rows)


def _in_order(parts: Iterable[Section]) -> dict[str, list[Section]]:
    """Bring together the sections of each key, and those keys that measure the same."""
    found: dict[str, list[Section]] = {}
    for part in parts:
        found.setdefault(part.key, []).append(part)
    kinds = ("clean", "corruptions", "consistency", "adversarial", "anomalies", "natural_shifts")
    return dict(sorted(found.items(), key=lambda item: kinds.index(item[0].partition(":")[0])))


def _cell(
    column: Column, measured: Mapping[str, Mapping[str, Section]], section: str, figure: str
) -> Cell | None:
    parts = [measured[run][section] for run in column.runs if section in measured[run]]
    values = tuple(found.value for part in parts for found in part.figures if found.key == figure)
    if not values or len({part.conditions for part in parts}) > 1:
        return None
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Cell(statistics.fmean(values), deviation, values)


def _notes(
    columns: Sequence[Column],
    runs: Mapping[str, Results],
    measured: Mapping[str, Mapping[str, Section]],
) -> list[str]:
    datasets = list(dict.fromkeys(column.dataset for column in columns))
    notes = []
    if len(datasets) > 1:
        notes.append(f"Figures of different data do not compare: {', '.join(datasets)}.")
    for dataset in datasets:
        notes += _unlike([one for one in columns if one.dataset == dataset], measured)
    notes += [
        f"{column.name}: a seed occurs more than once, in {', '.join(column.runs)}."
        for column in columns
        if len(set(column.seeds)) < len(column.seeds)
    ]
    for run, results in runs.items():
        epoch, epochs = results.checkpoint.get("epoch"), results.config.get("epochs")
        last = results.checkpoint.get("name") == "last"
        if last and isinstance(epoch, int) and isinstance(epochs, int) and epoch < epochs:
            notes.append(f"{run}: measured after epoch {epoch} of {epochs}.")
    drawn = {
        run: str(found.options["seed"]) for run, found in runs.items() if "seed" in found.options
    }
    if len(set(drawn.values())) > 1:
        notes.append(f"Different seeds of the evaluation: {_listed(drawn, columns)}.")
    for library in dict.fromkeys(name for results in runs.values() for name in results.versions):
        versions = {
            run: runs[run].versions[library] for run in runs if library in runs[run].versions
        }
        if len(set(versions.values())) > 1:
            notes.append(f"Different versions of {library}: {_listed(versions, columns)}.")
    return notes


def _unlike(
    columns: Sequence[Column], measured: Mapping[str, Mapping[str, Section]]
) -> Iterator[str]:
    """Say what was not measured in the same way in all runs on the same data."""
    runs = [run for column in columns for run in column.runs]
    for key, found in _in_order(part for run in runs for part in measured[run].values()).items():
        conditions = {run: measured[run][key].conditions for run in runs if key in measured[run]}
        if len(set(conditions.values())) > 1:
            yield f"{found[0].title}, not measured alike: {_listed(conditions, columns)}."
        for column in columns:
            n = sum(run in conditions for run in column.runs)
            if 0 < n < len(column.runs):
                yield f"{found[0].title}: of {n} of the {len(column.runs)} runs of {column.name}."


def _listed(values: Mapping[str, str], columns: Sequence[Column]) -> str:
    """Write values with the runs that have them, or the columns whose runs all do."""
    places: dict[str, list[str]] = {value: [] for value in values.values()}
    for column in columns:
        own = [values.get(run) for run in column.runs]
        if own[0] is not None and own.count(own[0]) == len(own):
            places[own[0]].append(column.name)
        else:
            for run in column.runs:
                if run in values:
                    places[values[run]].append(run)
    return "; ".join(f"{value} in {' and '.join(names)}" for value, names in places.items())
