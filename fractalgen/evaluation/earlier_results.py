"""Figures that stay in a run's folder when others are measured, or as others are."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fractalgen.errors import RunError
from fractalgen.evaluation.report.counts import count_of
from fractalgen.evaluation.results import Results
from fractalgen.evaluation.results_file import METRICS, REPORT, read_results

__all__ = ["earlier_results", "keeping", "set_aside", "versions_with"]

_LISTS = ("corruptions", "anomalies", "natural_shifts")
_SINGLE = ("consistency", "adversarial")


def earlier_results(folder: Path, now: Results) -> Results | None:
    """Read what a run's folder has of the same checkpoint, evaluation seed and limit as `now`.

    None if there is nothing, or it is of others, or cannot be read.
    """
    earlier = _readable(folder)
    return earlier if earlier is not None and _identity(earlier) == _identity(now) else None


def set_aside(folder: Path, now: Results) -> str | None:
    """Rename what a run's folder has of another checkpoint, seed or limit than `now`.

    ``metrics.json`` becomes ``metrics-NAME-LIMIT-SEED.json``, such as ``metrics-last-200-0.json``
    or ``metrics-best-all-0.json``, and ``report.html`` likewise; where such a file is already, the
    first 8 digits of the checkpoint's SHA-256 are added, and then a number. What cannot be read
    becomes ``metrics-damaged.json``.

    Returns
    -------
    str or None
        A line that says what is kept where; None if nothing was in the way.

    Raises
    ------
    OSError
        If a file cannot be renamed.
    """
    metrics = folder / METRICS
    if not metrics.exists() and not metrics.is_symlink():
        return None
    earlier = _readable(folder)
    if earlier is None:
        names, what = ["damaged"], "which cannot be read, "
    elif _identity(earlier) == _identity(now):
        return None
    else:
        names, what = _names(earlier), _difference(earlier, now)
    kept, kept_report = _free(folder, names)
    # The figures last: a call that is interrupted between the two is taken up by the next one.
    with contextlib.suppress(FileNotFoundError):
        (folder / REPORT).rename(kept_report)
    metrics.rename(kept)
    return f"earlier figures, {what}are kept in {kept}"


def _readable(folder: Path) -> Results | None:
    try:
        return read_results(folder)
    except (RunError, OSError):
        return None


def _names(earlier: Results) -> list[str]:
    """Return what may tell figures from others in the name of a file, the best first."""
    digest, seed, limit = _identity(earlier)
    parts = [earlier.checkpoint.get("name", "unknown"), "all" if limit is None else limit, seed]
    # What a file says must not lead to another folder, or to a name that is too long.
    plain = [re.sub(r"[^0-9A-Za-z]+", "_", str(part))[:40] for part in (*parts, str(digest)[:8])]
    return ["-".join(plain[:3]), "-".join(plain)]


def _free(folder: Path, names: Sequence[str]) -> tuple[Path, Path]:
    """Return where figures and their page can go without replacing anything."""
    numbered = (f"{names[-1]}-{number}" for number in itertools.count(2))
    for name in itertools.chain(names, numbered):
        both = tuple(
            folder / f"{Path(file).stem}-{name}{Path(file).suffix}" for file in (METRICS, REPORT)
        )
        if not any(path.exists() or path.is_symlink() for path in both):
            return both[0], both[1]
    raise AssertionError  # there is always another number


def _difference(earlier: Results, now: Results) -> str:
    """Say what tells earlier figures from those of now, with a comma at the end."""
    (digest, seed, limit), (digest_now, seed_now, limit_now) = _identity(earlier), _identity(now)
    said = []
    if digest != digest_now:
        name, epoch = (earlier.checkpoint.get(key) for key in ("name", "epoch"))
        if name != now.checkpoint.get("name"):
            said.append(f"of the {name} checkpoint")
        elif epoch != now.checkpoint.get("epoch"):
            said.append(f"of epoch {epoch}")
        else:
            said.append("of another training")
    if limit != limit_now:
        said.append(
            f"of {'all images' if limit is None else count_of(limit, 'image')}"
            if limit is None or isinstance(limit, int)
            else "of an unknown number of images"
        )
    if seed != seed_now:
        said.append(f"of --seed {seed}")
    return "".join(f"{part}, " for part in said)


def keeping(now: Results, earlier: Results | None) -> Results:
    """Take over everything from `earlier` but the figures on clean images."""
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
