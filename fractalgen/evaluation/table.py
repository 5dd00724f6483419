"""A table of figures, written as plain text, Markdown or LaTeX."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Block", "Line", "Number", "Table", "folded", "markdown_escaped"]

MISSING = "\N{EN DASH}"
"""The sign for a figure that was not measured."""

_GAP = "  "
_BOLD, _PLAIN = "\033[1m", "\033[0m"
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\N{RIGHTWARDS ARROW}": r"$\rightarrow$",
    "\N{UPWARDS ARROW}": r"$\uparrow$",
    "\N{DOWNWARDS ARROW}": r"$\downarrow$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{EN DASH}": "--",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "\n": " ",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


@dataclass(frozen=True)
class Number:
    """A cell: a mean as it is shown, its deviation (empty for one run), whether it is the best."""

    mean: str
    deviation: str = ""
    is_best: bool = False

    @property
    def text(self) -> str:
        """The mean, and the deviation if there is one."""
        return f"{self.mean} ± {self.deviation}" if self.deviation else self.mean


@dataclass(frozen=True)
class Line:
    """A row of a table; None for figures that were not measured."""

    name: str
    cells: tuple[Number | None, ...]


@dataclass(frozen=True)
class Block:
    """Rows under a common title; None for no title."""

    title: str | None
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Table:
    """Blocks of rows under heads of one or more lines; `corner` is the head of the rows' names."""

    heads: tuple[tuple[str, ...], ...]
    blocks: tuple[Block, ...]
    corner: str = ""
    title: str = ""

    @property
    def lines(self) -> tuple[Line, ...]:
        """The rows of all blocks."""
        return tuple(line for block in self.blocks for line in block.lines)

    def to_text(self, width: int | None = None, *, bold: bool = False) -> str:
        """Return the table in plain text.

        Columns that do not fit into `width` characters go into another table below; None for no
        limit. With `bold`, the best figures are bold on a terminal.
        """
        indent = _GAP if any(block.title for block in self.blocks) else ""
        names = [indent + line.name for line in self.lines]
        name_width = max(map(len, [self.corner, *names]))
        cells = [
            [_text(line.cells[index]) for line in self.lines] for index in range(len(self.heads))
        ]
        widths = [
            max(map(len, (*head, *column))) for head, column in zip(self.heads, cells, strict=True)
        ]
        parts = [
            self._part(columns, widths, name_width, indent, bold)
            for columns in _split(widths, name_width, width)
        ]
        return "\n\n".join([*([folded(self.title, width)] if self.title else []), *parts])

    def _part(
        self,
        columns: Sequence[int],
        widths: Sequence[int],
        name_width: int,
        indent: str,
        bold: bool,
    ) -> str:
        n_lines = max(len(self.heads[index]) for index in columns)
        lines = []
        for number in range(n_lines):
            name = self.corner if number == n_lines - 1 else ""
            heads = ([""] * (n_lines - len(self.heads[i])) + [*self.heads[i]] for i in columns)
            texts = [head[number].rjust(widths[i]) for i, head in zip(columns, heads, strict=True)]
            lines.append(name.ljust(name_width) + "".join(_GAP + text for text in texts))
        for block in self.blocks:
            lines += ["", block.title] if block.title else []
            for line in block.lines:
                shown = (indent + line.name).ljust(name_width)
                for index in columns:
                    cell = line.cells[index]
                    text = _text(cell)
                    shown += _GAP + " " * (widths[index] - len(text))
                    shown += f"{_BOLD}{text}{_PLAIN}" if bold and _is_best(cell) else text
                lines.append(shown)
        return "\n".join(lines)

    def to_markdown(self) -> str:
        """Return the table in Markdown, with the best figures in bold."""
        heads = [
            "<br>".join(markdown_escaped(part) for part in head if part) for head in self.heads
        ]
        n = len(heads)
        lines = [f"**{markdown_escaped(self.title)}**", ""] if self.title else []
        lines += [f"| {markdown_escaped(self.corner)} | ".replace("|  |", "| |")]
        lines[-1] += " | ".join(heads) + " |"
        lines.append("| --- |" + " ---: |" * n)
        for block in self.blocks:
            if block.title:
                lines.append(f"| **{markdown_escaped(block.title)}** |" + " |" * n)
            for line in block.lines:
                cells = [
                    f"**{_text(cell)}**" if _is_best(cell) else _text(cell) for cell in line.cells
                ]
                lines.append(f"| {markdown_escaped(line.name)} | {' | '.join(cells)} |")
        return "\n".join(lines)

    def to_latex(self) -> str:
        """Return a ``tabular`` for the package booktabs, with the best figures in bold."""
        n = len(self.heads)
        n_lines = max(map(len, self.heads))
        columns = [[""] * (n_lines - len(head)) + [*head] for head in self.heads]
        lines = [f"% {' '.join(self.title.split())}"] if self.title else []
        lines += [f"\\begin{{tabular}}{{l{'r' * n}}}", "\\toprule"]
        for number in range(n_lines):
            corner = _latex(self.corner) if number == n_lines - 1 else ""
            heads = [_latex(column[number]) for column in columns]
            if number < n_lines - 1:
                heads = [_spanned(head, len(list(same))) for head, same in itertools.groupby(heads)]
            lines.append(" & ".join([corner, *heads]) + r" \\")
        lines.append("\\midrule")
        for place, block in enumerate(self.blocks):
            if block.title:
                lines += ["\\addlinespace"] if place else []
                lines.append(f"\\multicolumn{{{n + 1}}}{{l}}{{{_latex(block.title)}}}" + r" \\")
            for line in block.lines:
                cells = [
                    f"\\textbf{{{_latex(_text(cell))}}}" if _is_best(cell) else _latex(_text(cell))
                    for cell in line.cells
                ]
                lines.append(" & ".join([_latex(line.name), *cells]) + r" \\")
        return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"])


def folded(text: str, width: int | None) -> str:
    """Wrap a paragraph; None for no limit."""
    return textwrap.fill(text, width or 10**6, subsequent_indent="  ", break_on_hyphens=False)


def markdown_escaped(text: str) -> str:
    """Escape Markdown and HTML in a name, and put it on one line."""
    plain = escape(" ".join(text.split()) if "\n" in text else text, quote=False)
    for sign in "\\|*_`[":
        plain = plain.replace(sign, f"\\{sign}")
    return plain


def _latex(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in text)


def _spanned(head: str, n: int) -> str:
    """Return a head that spans columns."""
    return head if n == 1 else f"\\multicolumn{{{n}}}{{c}}{{{head}}}"


def _text(cell: Number | None) -> str:
    return MISSING if cell is None else cell.text


def _is_best(cell: Number | None) -> bool:
    return cell is not None and cell.is_best


def _split(widths: Sequence[int], name_width: int, width: int | None) -> list[list[int]]:
    """Split the columns into tables of at most `width` characters and at least one column."""
    parts: list[list[int]] = []
    used = 0
    for index, own in enumerate(widths):
        used += own + len(_GAP)
        if not parts or (width is not None and used > width):
            parts.append([])
            used = name_width + own + len(_GAP)
        parts[-1].append(index)
    return parts
