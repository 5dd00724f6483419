"""A comparison as one page of HTML that needs nothing else: tables, and bars with error bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fractalgen.evaluation.comparison import UNITS, Column, Comparison, Row, number
from fractalgen.evaluation.report import environment
from fractalgen.evaluation.table import Number, Table

__all__ = ["comparison_page"]


@dataclass(frozen=True)
class _Bar:
    """A column's figure; sizes are shares of the chart's width."""

    label: str
    shown: Number
    length: float
    low: float
    high: float


@dataclass(frozen=True)
class _Chart:
    """A figure of all columns."""

    name: str
    better: str
    bars: tuple[_Bar, ...]


def comparison_page(
    comparison: Comparison | None,
    tables: Sequence[Table] = (),
    failures: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
) -> str:
    """Return a comparison as a self-contained HTML page without scripts.

    Parameters
    ----------
    comparison : Comparison or None
        All figures; None if all runs failed.
    tables : sequence of Table
        Tables to show first.
    failures : mapping, optional
        Why runs failed, by their names.
    names : mapping, optional
        Names of the methods, by the runs' folders; otherwise those of the comparison.
    """
    columns = () if comparison is None else comparison.columns
    labels = _labels(columns, names or {})
    sections: dict[str, list[_Chart]] = {}
    for row in () if comparison is None else comparison.rows:
        if not row.figure.detail:
            sections.setdefault(row.title, []).append(_chart(row, labels))
    datasets = list(dict.fromkeys(column.dataset for column in columns))
    page: str = (
        environment()
        .get_template("comparison.html")
        .render(
            title=" and ".join(datasets) or "no results",
            n_runs=sum(len(column.runs) for column in columns),
            tables=tables or ([] if comparison is None else [comparison.table()]),
            sections=sections,
            columns=list(zip(labels, columns, strict=True)),
            notes=() if comparison is None else comparison.notes,
            failures=failures or {},
            units=UNITS,
        )
    )
    return page


def _labels(columns: Sequence[Column], names: Mapping[str, str]) -> list[str]:
    """Name the columns by their method and by what differs between them."""
    differ = [
        key for key in ("dataset", "model") if len({getattr(column, key) for column in columns}) > 1
    ]
    labels = []
    for column in columns:
        own = names.get(column.runs[0])
        parts = [column.method, *column.details] if own is None else [own]
        labels.append(", ".join([*(getattr(column, key) for key in differ), *parts]))
    return labels


def _chart(row: Row, labels: Sequence[str]) -> _Chart:
    ends = [cell.mean + (cell.deviation or 0.0) for cell in row.cells if cell is not None]
    top = max([end for end in ends if end > 0], default=1.0)
    bars = []
    for place, (label, cell) in enumerate(zip(labels, row.cells, strict=True)):
        shown = number(cell, row.figure, is_best=place in row.best)
        if cell is not None and shown is not None:
            spread = cell.deviation or 0.0
            sizes = (cell.mean, cell.mean - spread, cell.mean + spread)
            bars.append(_Bar(label, shown, *(min(1.0, max(0.0, size / top)) for size in sizes)))
    return _Chart(row.figure.name, row.figure.better, tuple(bars))
