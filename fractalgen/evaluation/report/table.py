"""An evaluation as a table for the terminal."""

import textwrap

from fractalgen.evaluation.report.sections import Figure, Section, percent, sections
from fractalgen.evaluation.results import Results

__all__ = ["heading", "table"]

_WIDTH = 80
_NAME = 44
_DETAILS_IN_A_ROW = 3


def table(results: Results) -> str:
    """Return the figures of an evaluation as plain text of at most 80 columns.

    Parameters
    ----------
    results : Results
        What was not measured is left out.

    Returns
    -------
    str
        Several lines, without a line break at the end; ASCII alone, apart from the names of
        folders.
    """
    parts = [_fold(heading(results), "  ")]
    parts += [_section(section) for section in sections(results)]
    return "\n\n".join(parts)


def heading(results: Results) -> str:
    """Name the data set, model, method, seed and checkpoint of a run on one line."""
    config = results.config
    parts = [str(config[key]) for key in ("dataset", "model", "method") if key in config]
    if config.get("seed") is not None:
        parts.append(f"seed {config['seed']}")
    name, epoch = results.checkpoint.get("name"), results.checkpoint.get("epoch")
    if name is not None:
        parts.append(f"{name} checkpoint" + ("" if epoch is None else f" (epoch {epoch})"))
    return ", ".join(parts) or results.run


def _section(section: Section) -> str:
    lines = [_title(section)]
    lines += [_row(figure) for figure in section.figures if not figure.detail]
    lines += _details([figure for figure in section.figures if figure.detail])
    return "\n".join(lines)


def _title(section: Section) -> str:
    line = f"{section.title} ({section.conditions})"
    if len(line) <= _WIDTH:
        return line
    return f"{_fold(section.title, '  ')}\n{_fold(f'({section.conditions})', '  ', '  ')}"


def _fold(text: str, indent: str, first_indent: str = "") -> str:
    """Break a text at spaces, and a long path anywhere."""
    return textwrap.fill(
        text, _WIDTH, initial_indent=first_indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _row(figure: Figure) -> str:
    return f"  {figure.name:<{_NAME}}{percent(figure.value):>9}   {figure.better} is better"


def _details(figures: list[Figure]) -> list[str]:
    """Set many figures in columns."""
    width = max((len(figure.name) for figure in figures), default=0)
    cells = [f"{figure.name:<{width}}{percent(figure.value, 1):>7}" for figure in figures]
    in_a_row = max(1, min(_DETAILS_IN_A_ROW, (_WIDTH - 4 + 2) // (width + 7 + 2)))
    return [
        "    " + "  ".join(cells[start : start + in_a_row])
        for start in range(0, len(cells), in_a_row)
    ]
