"""The files of an evaluation in a run's folder: metrics.json and report.html.

Several evaluations of a run can write at the same time: each adds one entry at a time, under a
lock. Results with another checkpoint, seed or limit are renamed first, so nothing is lost.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fractalgen.errors import RunError
from fractalgen.evaluation.measurements import MEASUREMENTS
from fractalgen.evaluation.measurements.measurement import Entry, count_of
from fractalgen.evaluation.results import RESULTS_VERSION, Results
from fractalgen.files.atomic import write_atomically
from fractalgen.files.json_codec import from_json
from fractalgen.files.lock import held

__all__ = ["METRICS", "REPORT", "add_entry", "read_results"]

METRICS = "metrics.json"
REPORT = "report.html"

# Not the folder's own lock: training holds that for hours, and evaluation need not wait for it.
_LOCK = ".fractalgen-metrics.lock"
_LOCK_SECONDS = 60


def read_results(run: Path) -> Results:
    """Read a run's ``metrics.json``; RunError if it does not exist or is damaged."""
    path = run / METRICS
    if not run.is_dir():
        raise RunError(f"{run} {'is not a folder' if run.exists() else 'does not exist'}")
    again = f"write it again with 'fractalgen evaluate {run}'"
    try:
        data = json.loads(
            path.read_bytes(),
        )
    except FileNotFoundError:
        raise RunError(
            f"{run} has no {METRICS}; measure it first with 'fractalgen evaluate {run}'"
        ) from None
    except (ValueError, RecursionError):
        raise RunError(f"{path} is not readable as JSON; {again}") from None
    version = data.get("version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > RESULTS_VERSION:
        raise RunError(
            f"{path} was written by a newer fractalgen; update this one, or "
            f"measure the run again with 'fractalgen evaluate {run}'"
        )
    try:
        return _results_from(data)
    except (ValueError, AttributeError) as error:
        raise RunError(f"{path} is damaged: {error}; {again}") from None


def add_entry(
    folder: Path, measured: Results, key: str, entry: Entry, page: Callable[[Results], str]
) -> tuple[Results, str | None]:
    """Add an entry to the results in a run's folder, and write the report.

    Results with the same checkpoint, seed and limit stay, except an entry for the same source.
    Others are renamed: ``metrics.json`` becomes ``metrics-NAME-LIMIT-SEED.json``, such as
    ``metrics-last-200-0.json`` or ``metrics-best-all-0.json``, and ``report.html`` likewise. If
    such a file exists, the first 8 digits of the checkpoint's SHA-256 are added, and then a number.
    An unreadable file becomes ``metrics-damaged.json``.

    Parameters
    ----------
    measured : Results
        The results of this evaluation so far, including the entry.
    page : callable
        Makes the report of the results in the file.

    Returns
    -------
    Results, str or None
        The new contents of the file, and a line that says which results were renamed, or None.
    """
    with _locked(folder):
        existing = _readable(folder)
        kept = None
        results = measured
        if existing is not None and _identity(existing) == _identity(measured):
            results = _merged(existing, measured, key, entry)
        else:
            kept = _set_aside(folder, existing, measured)
        data = json.dumps(results.to_json(), indent=2, allow_nan=False)
        write_atomically(folder / METRICS, f"{data}\n".encode())
        write_atomically(folder / REPORT, page(results).encode("utf-8", "replace"))
    return results, kept


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(held(folder / _LOCK, _LOCK_SECONDS))
        except TimeoutError:
            raise RunError(
                f"another evaluation is writing to {folder}; wait until it ends, then try again"
            ) from None
        yield


def _readable(folder: Path) -> Results | None:
    try:
        return read_results(folder)
    except (RunError, OSError):
        return None


def _merged(existing: Results, measured: Results, key: str, entry: Entry) -> Results:
    """Merge the results in the file with those of this evaluation."""
    results = dataclasses.replace(measured, entries=existing.entries)
    for own_key, entries in measured.entries.items():
        for own in entries:
            if results.entry(own_key, own.source) is None:
                results = results.with_entry(own_key, own)
    results = results.with_entry(key, entry)
    if all(
        measured.entry(each_key, each.source) is not None
        for each_key, entries in results.entries.items()
        for each in entries
    ):
        return results
    versions = {**existing.versions, **measured.versions}
    for name in existing.versions.keys() & measured.versions.keys():
        both = [*existing.versions[name].split(", "), measured.versions[name]]
        versions[name] = ", ".join(dict.fromkeys(both))
    return dataclasses.replace(results, versions=versions)


def _identity(results: Results) -> tuple[Any, ...]:
    of_options = [results.options.get(name, "unknown") for name in ("seed", "limit")]
    images = results.options.get("images", "test")
    return (results.checkpoint.get("sha256"), *of_options, images)


def _set_aside(folder: Path, existing: Results | None, measured: Results) -> str | None:
    """Rename the existing files; return a line that says where they are kept."""
    metrics = folder / METRICS
    if not metrics.exists() and not metrics.is_symlink():
        return None
    if existing is None:
        names, what = ["damaged"], "which cannot be read, "
    else:
        names, what = _archive_names(existing), _difference(existing, measured)
    kept, kept_report = _free(folder, names)
    # metrics.json last: after an interruption between the two, the next call tries again.
    with contextlib.suppress(FileNotFoundError):
        (folder / REPORT).rename(kept_report)
    metrics.rename(kept)
    return f"earlier results, {what}are kept in {kept}"


def _archive_names(existing: Results) -> list[str]:
    """Return suffixes that distinguish file names, the preferred one first."""
    digest, seed, limit, images = _identity(existing)
    parts = [existing.checkpoint.get("name", "unknown"), "all" if limit is None else limit, seed]
    if images != "test":
        parts.append(images)
    # A file's contents must not cause a path to another folder or a name that is too long.
    plain = [re.sub(r"[^0-9A-Za-z]+", "_", str(part))[:40] for part in (*parts, str(digest)[:8])]
    return ["-".join(plain[:-1]), "-".join(plain)]


def _free(folder: Path, names: Sequence[str]) -> tuple[Path, Path]:
    """Return unused paths for the results and the report."""
    numbered = (f"{names[-1]}-{number}" for number in itertools.count(2))
    for name in itertools.chain(names, numbered):
        metrics, report = (
            folder / f"{Path(file).stem}-{name}{Path(file).suffix}" for file in (METRICS, REPORT)
        )
        if not any(path.exists() or path.is_symlink() for path in (metrics, report)):
            return metrics, report
    raise AssertionError  # there is always another number


def _difference(existing: Results, measured: Results) -> str:
    """Say how the results in the file differ from the new ones, with a comma at the end."""
    digest, seed, limit, images = _identity(existing)
    new_digest, new_seed, new_limit, new_images = _identity(measured)
    differences = []
    if digest != new_digest:
        name, epoch = (existing.checkpoint.get(key) for key in ("name", "epoch"))
        if name != measured.checkpoint.get("name"):
            differences.append(f"of the {name} checkpoint")
        elif epoch != measured.checkpoint.get("epoch"):
            differences.append(f"of epoch {epoch}")
        else:
            differences.append("of another training")
    if limit != new_limit:
        differences.append(
            f"of {'all images' if limit is None else count_of(limit, 'image')}"
            if limit is None or isinstance(limit, int)
            else "of an unknown number of images"
        )
    if images != new_images:
        differences.append(f"of the {images} images")
    if seed != new_seed:
        differences.append(f"of --seed {seed}")
    return "".join(f"{difference}, " for difference in differences)


def _results_from(data: Any) -> Results:
    """Rebuild results; ValueError names what is wrong."""
    if isinstance(data, dict) and data.get("version") == 1:
        data = _from_version_1(data)
    results = from_json(Results, data, "results", exact=False)
    entries = {}
    for key, found in results.entries.items():
        if key not in MEASUREMENTS:
            raise ValueError(f"'{key}' is not a measurement")
        kind = MEASUREMENTS[key].entry
        entries[key] = tuple(
            from_json(kind, each, f"{key}[{i}]", exact=False) for i, each in enumerate(found)
        )
    return dataclasses.replace(results, entries=entries, version=RESULTS_VERSION)


def _from_version_1(data: dict[str, Any]) -> dict[str, Any]:
    """Convert the layout of version 1, with a field per measurement, to the current one."""
    entries: dict[str, Any] = {
        "clean": data.get("clean"),
        "corruptions": data.get("corruptions"),
        "consistency": data.get("consistency"),
        "adversarial": data.get("adversarial"),
        "ood": [
            {**each, "n_test": each.get("n_known"), "n_ood": each.get("n_unknown")}
            for each in data.get("anomalies") or ()
        ],
        "natural-shift": data.get("natural_shifts"),
    }
    for key, found in entries.items():
        entries[key] = [found] if isinstance(found, dict) else found
    n_test = entries["clean"][0].get("n") if entries["clean"] else None
    return {**data, "n_test": n_test, "entries": {k: each for k, each in entries.items() if each}}
