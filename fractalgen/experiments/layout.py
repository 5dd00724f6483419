"""Tables of a comparison in the paper's layouts: rows and columns by method, model or figure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fractalgen.evaluation.comparison import (
    Cell,
    Comparison,
    Row,
    best_of,
    number,
    short_names,
)
from fractalgen.evaluation.table import Block, Line, Number, Table
from fractalgen.experiments.grid import Experiment
from fractalgen.experiments.metrics import MAIN, Metric, find_metrics
from fractalgen.experiments.variant import Variant

__all__ = ["LAYOUTS", "SPLIT", "layout", "names_of"]

LAYOUTS = ("metrics", "models", "crossed")
"""Rows are methods and columns metrics; rows are models and columns methods, a table for each
metric; or rows and columns are the two parts of the variants' labels, around `SPLIT`."""

SPLIT = " | "

_FAILED = Number("failed")
_ARROWS = {"lower": "\N{DOWNWARDS ARROW}", "higher": "\N{UPWARDS ARROW}", "neither": ""}


@dataclass(frozen=True)
class _Group:
    """Experiments that differ only in their seeds."""

    dataset: str
    model: str
    variant: Variant
    set_name: str
    runs: tuple[str, ...]
    n_failed: int

    @property
    def label(self) -> str:
        """The variant, and the set if there are several."""
        label = ", ".join(part for part in (self.variant.label, self.set_name) if part)
        if not self.n_failed:
            return label
        return f"{label} ({self.n_failed} of {self.n_failed + len(self.runs)} runs failed)"


def layout(
    kind: str,
    experiments: Sequence[Experiment],
    comparison: Comparison | None,
    failures: Mapping[str, str],
    metrics: Sequence[str] = (),
    corner: str = "Methods",
) -> tuple[Table, ...]:
    """Return a comparison as tables.

    Parameters
    ----------
    kind : str
        One of `LAYOUTS`.
    comparison : Comparison or None
        The figures; None if all runs failed.
    failures : mapping
        Why runs failed, by their names; their figures are marked as failed.
    metrics : sequence of str
        Names in `fractalgen.experiments.metrics.METRICS`; if empty, those in `MAIN` that were
        measured.
    corner : str
        The head of the rows' names.

    Returns
    -------
    tuple of Table
        The best figures of a row or a column are marked where they can be compared.
    """
    groups = _groups(experiments, failures)
    chosen = find_metrics(metrics or MAIN)
    if not metrics and comparison is not None:
        chosen = tuple(metric for metric in chosen if metric.rows(comparison))
    figures = _Figures(comparison, groups)
    if kind == "models":
        return _by_model(groups, chosen, figures)
    if kind == "crossed":
        parts = _by_network(groups).items()
        return tuple(_crossed(", ".join(names), own, chosen, figures) for names, own in parts)
    return (_by_metric(groups, chosen, figures, corner),)


def names_of(experiments: Sequence[Experiment]) -> dict[str, str]:
    """Return the name of each run in the tables, by its folder: its variant's, and its set's."""
    return {run: group.label for group in _groups(experiments, {}) for run in group.runs}


def _groups(experiments: Sequence[Experiment], failures: Mapping[str, str]) -> list[_Group]:
    found: dict[tuple[str, str, Variant, str], list[Experiment]] = {}
    sets: dict[Variant, set[str]] = {}
    for one in experiments:
        name = "" if one.set_folder is None else str(one.set_folder)
        key = (one.config.dataset, one.config.model, one.variant, name)
        found.setdefault(key, []).append(one)
        sets.setdefault(one.variant, set()).add(name)
    groups, shorts = [], short_names({name for _, _, _, name in found if name})
    for (dataset, model, variant, name), members in found.items():
        runs = tuple(str(one.folder) for one in members if one.name not in failures)
        shown = shorts[name] if len(sets[variant]) > 1 else ""
        groups.append(_Group(dataset, model, variant, shown, runs, len(members) - len(runs)))
    return groups


def _by_network(groups: Sequence[_Group]) -> dict[tuple[str, str], list[_Group]]:
    """Return the groups of each data set and model."""
    parts: dict[tuple[str, str], list[_Group]] = {}
    for group in groups:
        parts.setdefault((group.dataset, group.model), []).append(group)
    return parts


class _Figures:
    """Looks up the figures of groups in a comparison."""

    def __init__(self, comparison: Comparison | None, groups: Sequence[_Group]) -> None:
        self._comparison = comparison
        self._groups = groups
        columns = () if comparison is None else comparison.columns
        self._column_of = {run: i for i, column in enumerate(columns) for run in column.runs}
        self._columns_on: dict[str, list[int]] = {}
        for group in groups:
            own = {self._column_of[run] for run in group.runs if run in self._column_of}
            self._columns_on.setdefault(group.dataset, []).extend(sorted(own))

    def rows(self, metric: Metric, dataset: str | None = None) -> list[Row]:
        """Return the rows of a metric, on a data set or on all."""
        if self._comparison is None:
            return []
        return metric.rows(self._comparison, None if dataset is None else self._columns_on[dataset])

    def found(self, group: _Group, metric: Metric) -> tuple[Row, Cell] | None:
        """Return a group's figure with its row; None if it was not measured."""
        column = self._column_of.get(group.runs[0]) if group.runs else None
        if column is None:
            return None
        found = ((row, row.cells[column]) for row in self.rows(metric, group.dataset))
        return next(((row, cell) for row, cell in found if cell is not None), None)

    def numbers(self, groups: Sequence[_Group], metric: Metric) -> list[Number | None]:
        """Return the figures of groups that compare with each other, with the best marked."""
        if metric.relative_to:
            return [self._relative(group, metric) for group in groups]
        found = [self.found(group, metric) for group in groups]
        best = _best(found)
        return [
            (each and number(each[1], each[0].figure, is_best=place in best))
            if group.runs
            else _FAILED
            for place, (group, each) in enumerate(zip(groups, found, strict=True))
        ]

    def _relative(self, group: _Group, metric: Metric) -> Number | None:
        """Return a mean over that of the method that counts as 1, if they were measured alike."""
        own = self.found(group, metric)
        for other in self._groups:
            same = (other.dataset, other.model) == (group.dataset, group.model)
            if same and other.variant.text == metric.relative_to:
                base = self.found(other, metric)
                if own is not None and base is not None and base[1].mean > 0:
                    is_alike = own[1].conditions == base[1].conditions
                    return Number(f"{own[1].mean / base[1].mean:.2f}") if is_alike else None
        return None if group.runs else _FAILED

    def head(self, metric: Metric) -> str:
        """Return the lower line of a metric's head, with an arrow in the better direction."""
        rows = self.rows(metric)
        arrow = "" if not rows or metric.relative_to else _ARROWS[rows[0].figure.better]
        return f"{metric.head} {arrow}".rstrip()


def _by_metric(
    groups: Sequence[_Group], metrics: Sequence[Metric], figures: _Figures, corner: str
) -> Table:
    blocks = []
    for (dataset, model), members in _by_network(groups).items():
        columns = [figures.numbers(members, metric) for metric in metrics]
        lines = tuple(
            Line(group.label, tuple(column[place] for column in columns))
            for place, group in enumerate(members)
        )
        blocks.append(Block(f"{dataset}, {model}", lines))
    heads = tuple((metric.group, figures.head(metric)) for metric in metrics)
    return Table(heads, tuple(blocks), corner)


def _by_model(
    groups: Sequence[_Group], metrics: Sequence[Metric], figures: _Figures
) -> tuple[Table, ...]:
    """Return a table for each metric, with a row for each model and one for their mean."""
    labels = list(dict.fromkeys((group.variant, group.set_name) for group in groups))
    heads = tuple((", ".join(part for part in (v.label, name) if part),) for v, name in labels)
    tables = []
    for metric in metrics:
        blocks = []
        for dataset in dict.fromkeys(group.dataset for group in groups):
            of_models: dict[str, list[_Group]] = {}
            for group in groups:
                if group.dataset == dataset:
                    of_models.setdefault(group.model, []).append(group)
            lines = [
                Line(model, tuple(figures.numbers(members, metric)))
                for model, members in of_models.items()
            ]
            if len(of_models) > 1:
                lines.append(_mean_line(list(of_models.values()), metric, figures))
            blocks.append(Block(dataset, tuple(lines)))
        title = f"{metric.group}, {figures.head(metric)}"
        tables.append(Table(heads, tuple(blocks), "Models", title))
    return tuple(tables)


def _mean_line(rows: Sequence[Sequence[_Group]], metric: Metric, figures: _Figures) -> Line:
    """Return the means over the models, where all of them were measured on the same images."""
    means: list[tuple[Row, Cell] | None] = []
    for column in zip(*rows, strict=True):
        found = [each for group in column if (each := figures.found(group, metric))]
        if len(found) == len(column) and len({row.section for row, _ in found}) == 1:
            mean = statistics.fmean(cell.mean for _, cell in found)
            conditions = "; ".join(cell.conditions for _, cell in found)
            means.append((found[0][0], Cell(mean, None, (mean,), conditions)))
        else:
            means.append(None)
    best = _best(means)
    shown = (
        each and number(each[1], each[0].figure, is_best=i in best) for i, each in enumerate(means)
    )
    return Line("Mean", tuple(shown))


def _best(found: Sequence[tuple[Row, Cell] | None]) -> tuple[int, ...]:
    """Return the places of the best figures; none if they are of different sources."""
    figures = {(row.section, row.figure.key): row.figure for row, _ in filter(None, found)}
    if len(figures) != 1:
        return ()
    return best_of(next(iter(figures.values())), [each and each[1] for each in found])


def _crossed(
    title: str, groups: Sequence[_Group], metrics: Sequence[Metric], figures: _Figures
) -> Table:
    """Return rows and columns by the two parts of the variants' labels."""
    columns = list(dict.fromkeys(_parts(group)[1] for group in groups))
    numbers = [figures.numbers(groups, metric) for metric in metrics]
    cells = {
        (*_parts(group), place): numbers[place][index]
        for index, group in enumerate(groups)
        for place in range(len(metrics))
    }
    rows = dict.fromkeys(_parts(group)[0] for group in groups)
    lines = tuple(
        Line(
            row,
            tuple(
                cells.get((row, column, place))
                for column in columns
                for place in range(len(metrics))
            ),
        )
        for row in rows
    )
    heads = tuple((column, figures.head(metric)) for column in columns for metric in metrics)
    return Table(heads, (Block(None, lines),), title=title)


def _parts(group: _Group) -> tuple[str, str]:
    row, _, column = group.variant.label.partition(SPLIT)
    return ", ".join(part for part in (row, group.set_name) if part), column
