"""Which runs stand in one column of a comparison."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fractalgen.evaluation.results import Results

__all__ = ["Column", "columns_of"]

_NAMED = ("dataset", "model", "method")
_DIGEST = "sha256:"


@dataclass(frozen=True)
class Column:
    """Runs that differ in nothing but their seeds.

    Attributes
    ----------
    dataset, model, method : str
        Of all of them.
    details : tuple of str
        What else tells them from the other columns of the same three, such as ``epochs 10``.
    runs : tuple of str
        Their folders.
    seeds : tuple of int
        In the order of `runs`.
    """

    dataset: str
    model: str
    method: str
    details: tuple[str, ...]
    runs: tuple[str, ...]
    seeds: tuple[int, ...]

    @property
    def name(self) -> str:
        """All that tells it from the others, on one line."""
        return ", ".join((self.dataset, self.model, self.method, *self.details))


def columns_of(runs: Mapping[str, Results]) -> tuple[Column, ...]:
    """Bring together the runs that belong into a column, in the order of their first."""
    found: dict[str, dict[str, Results]] = {}
    for run, results in runs.items():
        found.setdefault(json.dumps(_settings(results), sort_keys=True), {})[run] = results
    groups = list(found.values())
    settings = [_settings(next(iter(group.values()))) for group in groups]
    columns = []
    for group, own in zip(groups, settings, strict=True):
        names = [str(own.get(key, "")) for key in _NAMED]
        alike = [
            other for other in settings if [str(other.get(key, "")) for key in _NAMED] == names
        ]
        details = [
            f"{key.replace('_', ' ')} {_written(own.get(key))}"
            for key in {key: None for other in alike for key in other}
            if any(other.get(key) != own.get(key) for other in alike)
        ]
        seeds = tuple(results.config.get("seed", 0) for results in group.values())
        columns.append(Column(names[0], names[1], names[2], tuple(details), tuple(group), seeds))
    return tuple(columns)


def _settings(results: Results) -> dict[str, Any]:
    """Return by name what a column's runs have in common."""
    settings = _flat(results.config)
    settings.pop("seed", None)
    if results.set_digest is not None:
        settings["set"] = results.set_digest[:8]
    settings["checkpoint"] = results.checkpoint.get("name")
    return settings


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        flat |= _flat(value) if isinstance(value, dict) else {key: value}
    return flat


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, str) and value.startswith(_DIGEST):
        return value.removeprefix(_DIGEST)[:8]
    return "none" if value is None else str(value)
