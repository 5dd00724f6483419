"""Figures that stay in a run's folder when other things are measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fractalgen.evaluation.results import Results
from fractalgen.evaluation.results_file import read_results
from fractalgen.training.errors import RunError

__all__ = ["earlier_results", "keeping", "versions_with"]

_LISTS = ("corruptions", "anomalies", "natural_shifts")
_SINGLE = ("consistency", "adversarial")


def earlier_results(folder: Path, now: Results) -> Results | None:
    """Read what a run's folder has of the same checkpoint, evaluation seed and limit as `now`.

    None if there is nothing, or it is of others, or cannot be read.
    """
    try:
        earlier = read_results(folder)
    except (RunError, OSError):
        return None
    return earlier if _identity(earlier) == _identity(now) else None


def keeping(now: Results, earlier: Results | None) -> Results:
    """Take over everything from `earlier` but the figures on clean pictures."""
    if earlier is None:
        return now
    kept: dict[str, Any] = {name: getattr(earlier, name) for name in (*_LISTS, *_SINGLE)}
    return dataclasses.replace(now, **kept)


def versions_with(
    results: Results, earlier: Results | None, versions: Mapping[str, str]
) -> dict[str, str]:
    """Return the releases that results depend on.

    Parameters
    ----------
    earlier : Results or None
        Where some of their parts may be from.
    versions : mapping of str to str
        Of the others.
    """
    if earlier is None or not _shared(results, earlier):
        return dict(versions)
    both = {**earlier.versions, **versions}
    for name in earlier.versions.keys() & versions.keys():
        each = [*earlier.versions[name].split(", "), versions[name]]
        both[name] = ", ".join(dict.fromkeys(each))
    return both


def _identity(results: Results) -> tuple[Any, ...]:
    of_options = [results.options.get(name, "unknown") for name in ("seed", "limit")]
    return (results.checkpoint.get("sha256"), *of_options)


def _shared(results: Results, earlier: Results) -> bool:
    return any(part is other for part in _parts(results) for other in _parts(earlier))


def _parts(results: Results) -> Iterator[Any]:
    for name in _LISTS:
        yield from getattr(results, name)
    yield from (part for name in _SINGLE if (part := getattr(results, name)) is not None)
