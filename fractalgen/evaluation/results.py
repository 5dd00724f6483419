"""The results of an evaluation."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fractalgen.evaluation.measurements import MEASUREMENTS
from fractalgen.evaluation.measurements.measurement import Entry, Figure, Section

__all__ = ["RESULTS_VERSION", "Results"]

RESULTS_VERSION = 2

_WIDTH = 80
_NAME_WIDTH = 44
_MAX_DETAILS_PER_LINE = 3


@dataclass(frozen=True, repr=False)
class Results:
    """An evaluation of one run.

    Attributes
    ----------
    run : str
        The run's folder.
    config : dict
        The run's configuration, as in its ``run.json`` (dataset, model, method, seed, ...).
    checkpoint : dict
        ``name`` (last or best), ``epoch``, ``sha256`` of the file.
    set_digest : str or None
        Digest of the mixing set that the run was trained with.
    n_test : int
        Number of test images in the data set.
    versions : dict of str to str
        Versions of fractalgen, Python and the libraries that the figures depend on; several,
        separated by commas, if results of earlier evaluations are included.
    options : dict
        Options of the last evaluation. Earlier results have the same seed and limit.
    finished : bool
        Whether the last evaluation measured all that it was asked for.
    entries : dict of str to tuple of Entry
        The figures by measurement, such as ``entries["corruptions"][0].mean_error``. Measurements
        that were not made are absent.
    """

    run: str
    config: dict[str, Any]
    checkpoint: dict[str, Any]
    set_digest: str | None
    n_test: int
    versions: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)
    entries: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    version: int = RESULTS_VERSION
    finished: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return dataclasses.asdict(self)

    def entry(self, key: str, source: str) -> Entry | None:
        """Return a measurement's entry for a source, or None."""
        found = [entry for entry in self.entries.get(key, ()) if entry.source == source]
        return found[0] if found else None

    def with_entry(self, key: str, new: Entry) -> Results:
        """Replace the entry for the same source, or append the entry."""
        entries = list(self.entries.get(key, ()))
        places = [place for place, entry in enumerate(entries) if entry.source == new.source]
        if places:
            entries[places[0]] = new
        else:
            entries.append(new)
        return dataclasses.replace(self, entries={**self.entries, key: tuple(entries)})

    def sections(self) -> dict[str, Section]:
        """Return the sections that show the entries, by key, in the order of the registry."""
        return {
            measurement.section_key(entry): measurement.section(entry, self.n_test)
            for key, measurement in MEASUREMENTS.items()
            for entry in self.entries.get(key, ())
        }

    def heading(self) -> str:
        """Describe the run's data set, model, method, seed and checkpoint on one line."""
        parts = [
            str(self.config[key]) for key in ("dataset", "model", "method") if key in self.config
        ]
        if self.config.get("seed") is not None:
            parts.append(f"seed {self.config['seed']}")
        name, epoch = self.checkpoint.get("name"), self.checkpoint.get("epoch")
        if name is not None:
            parts.append(f"{name} checkpoint" + ("" if epoch is None else f" (epoch {epoch})"))
        return ", ".join(parts) or self.run

    def to_text(self, *, details: bool = True) -> str:
        """Return a table at most 80 characters wide; with `details`, also each corruption.

        It is ASCII, except for names of folders.
        """
        sections = [_section(section, details=details) for section in self.sections().values()]
        return "\n\n".join([_fold(self.heading(), "  "), *sections])

    def __repr__(self) -> str:
        return self.to_text(details=False)


def _section(section: Section, *, details: bool) -> str:
    lines = [_title(section)]
    lines += [
        f"  {figure.name:<{_NAME_WIDTH}}{figure.shown():>9}   {figure.better} is better".replace(
            "   neither is better", ""
        )
        for figure in section.figures
        if not figure.detail
    ]
    if details:
        lines += _details([figure for figure in section.figures if figure.detail])
    return "\n".join(lines)


def _title(section: Section) -> str:
    line = f"{section.title} ({section.conditions})"
    if len(line) <= _WIDTH:
        return line
    return f"{_fold(section.title, '  ')}\n{_fold(f'({section.conditions})', '  ', '  ')}"


def _fold(text: str, indent: str, first_indent: str = "") -> str:
    """Wrap a text at spaces, and long paths anywhere."""
    return textwrap.fill(
        text, _WIDTH, initial_indent=first_indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _details(figures: Sequence[Figure]) -> list[str]:
    """Format many figures in columns."""
    width = max((len(figure.name) for figure in figures), default=0)
    cells = [f"{figure.name:<{width}}{figure.shown(1):>7}" for figure in figures]
    per_line = max(1, min(_MAX_DETAILS_PER_LINE, (_WIDTH - 4 + 2) // (width + 7 + 2)))
    return [
        "    " + "  ".join(cells[start : start + per_line])
        for start in range(0, len(cells), per_line)
    ]
