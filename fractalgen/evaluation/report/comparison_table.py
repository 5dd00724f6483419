"""A comparison as text, for the terminal or for a page in Markdown."""

import textwrap
from collections.abc import Sequence
from html import escape

from fractalgen.evaluation.columns import Column
from fractalgen.evaluation.comparison import Cell, Comparison, Row

__all__ = ["as_markdown", "as_text"]

_EXPLANATION = "In percent, ± sample deviation over seeds; lower is better unless it says so."
_MISSING = "–"  # noqa: RUF001 - the sign for a figure that is not there
_GAP = "  "


def as_text(comparison: Comparison, *, details: bool = False, width: int | None = 80) -> str:
    """Return a table in plain text, without a line break at the end.

    Parameters
    ----------
    comparison : Comparison
        What to show.
    details : bool
        Show each corruption and perturbation too.
    width : int or None
        Columns that do not fit into so many characters go into a table below; None is no limit.
    """
    rows = [row for row in comparison.rows if details or not row.figure.detail]
    names = [_GAP + _name(row) for row in rows]
    name_width = max(len(name) for name in names)
    heads = [_head(column) for column in comparison.columns]
    cells = [[_cell(row.cells[index]) for row in rows] for index in range(len(heads))]
    widths = [max(map(len, (*head, *column))) for head, column in zip(heads, cells, strict=True)]
    tables = [
        _text_table(rows, names, name_width, [(heads[i], cells[i], widths[i]) for i in block])
        for block in _blocks(widths, name_width, width)
    ]
    notes = [_folded(f"* {note}", width) for note in comparison.notes]
    explanation = _folded(_EXPLANATION, width).replace("\n  ", "\n")
    return "\n\n".join([*tables, explanation, *(["\n".join(notes)] if notes else [])])


def as_markdown(comparison: Comparison, *, details: bool = False) -> str:
    """Return a table in Markdown with its notes as a list, without a line break at the end."""
    rows = [row for row in comparison.rows if details or not row.figure.detail]
    n = len(comparison.columns)
    heads = ["<br>".join(map(_marked, _head(column))) for column in comparison.columns]
    lines = ["| | " + " | ".join(heads) + " |", "| --- |" + " ---: |" * n]
    section = ""
    for row in rows:
        if row.section.key != section:
            section = row.section.key
            lines.append(f"| **{_marked(row.section.title)}** |" + " |" * n)
        cells = " | ".join(_cell(cell) for cell in row.cells)
        lines.append(f"| {_marked(_name(row))} | {cells} |")
    notes = [f"- {_marked(note)}" for note in comparison.notes]
    return "\n".join([*lines, "", _EXPLANATION, *(["", *notes] if notes else [])])


def _name(row: Row) -> str:
    indent = "  " if row.figure.detail else ""
    return f"{indent}{row.figure.name}{', higher is better' * row.figure.higher_is_better}"


def _head(column: Column) -> list[str]:
    n = len(set(column.seeds))
    seeds = f"seed {column.seeds[0]}" if n == 1 else f"{n} seeds"
    return [column.dataset, column.model, column.method, *column.details, seeds]


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return _MISSING
    mean = f"{100 * cell.mean:.2f}"
    return mean if cell.deviation is None else f"{mean} ± {100 * cell.deviation:.2f}"


def _blocks(widths: Sequence[int], name_width: int, width: int | None) -> list[list[int]]:
    """Deal out the columns to tables of at most `width`, each with one column or more."""
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
        if row.section.key != section:
            section = row.section.key
            lines += ["", row.section.title]
        values = "".join(_GAP + cells[index].rjust(width) for _, cells, width in columns)
        lines.append(name.ljust(name_width) + values)
    return "\n".join(lines)


def _folded(text: str, width: int | None) -> str:
    return textwrap.fill(text, width or 10**6, subsequent_indent="  ", break_on_hyphens=False)


def _marked(text: str) -> str:
    """Keep a name from being read as Markdown or HTML."""
    return escape(text, quote=False).replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")
