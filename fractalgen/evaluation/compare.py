"""Compare the results of several runs; runs that differ only in their seed share a column."""

from __future__ import annotations

import contextlib
import json
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fractalgen.errors import RunUsageError
from fractalgen.evaluation.comparison import (
    Cell,
    Column,
    Comparison,
    Row,
    best_of,
    short_names,
)
from fractalgen.evaluation.measurements import MEASUREMENTS
from fractalgen.evaluation.measurements.measurement import Figure, Section
from fractalgen.evaluation.metrics_file import METRICS, read_results
from fractalgen.evaluation.results import Results

__all__ = ["TRAINING", "compare", "is_run"]

_LOG, _RUN_FILE = "metrics.jsonl", "run.json"
_NAMED = ("dataset", "model", "method")
_DIGEST = "sha256:"

TRAINING = "training"
"""The section of the times, which come from the runs' logs."""

_Sections = Mapping[str, Mapping[str, Section]]
"""By run and then by section key."""


def compare(runs: Iterable[str | Path] | Mapping[str, Results]) -> Comparison:
    """Compare the results of several runs.

    Parameters
    ----------
    runs : iterable of str or Path, or mapping of str to Results
        Folders of one or more runs, or results by name.

    Returns
    -------
    Comparison
        Runs with the same configuration (apart from the seed), mixing set and checkpoint (last or
        best) share a column; a network of `own_model` shares it with none that has other weights.
        Columns are in the order of their first run. Several mixing sets are told apart by their
        folders' names, as far as the runs' folders have them.

    Raises
    ------
    RunUsageError
        If no runs are given, or one is given twice.
    RunError
        If a run was not evaluated, or its ``metrics.json`` is damaged.
    """
    results = dict(runs) if isinstance(runs, Mapping) else _read(runs)
    if not results:
        raise RunUsageError("no runs were given to compare")
    on_disk = not isinstance(runs, Mapping)
    columns = _columns(results, _set_names(results) if on_disk else {})
    logged = {run: _times(run) for run in results} if on_disk else {}
    measured = {run: {**found.sections(), **logged.get(run, {})} for run, found in results.items()}
    notes = tuple(_notes(columns, results, measured))
    return Comparison(columns, _rows(columns, measured), notes)


def is_run(place: Path) -> bool:
    """Whether a folder is a run's, measured or not."""
    return (place / METRICS).is_file() or (place / _RUN_FILE).is_file()


def _read(folders: Iterable[str | Path]) -> dict[str, Results]:
    paths = [Path(folder) for folder in folders]
    places = [path.resolve() for path in paths]
    for path, place in zip(paths, places, strict=True):
        if places.count(place) > 1:
            raise RunUsageError(f"{path} is given more than once")
    return {str(path): read_results(path) for path in paths}


def _times(run: str) -> dict[str, Section]:
    """Return the section with the time of an epoch; empty if the run has no log."""
    seconds: list[float] = []
    hardware: list[str] = []
    with contextlib.suppress(OSError):
        for line in (Path(run) / _LOG).read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):  # a killed run's last line
                record = json.loads(line)
                seconds.append(float(record["seconds"]))
                hardware.append(record.get("hardware") or "unknown hardware")
    if not seconds:
        return {}
    figure = Figure(
        "seconds_per_epoch",
        "seconds per epoch",
        statistics.median(seconds),
        "Median over the epochs, without testing; depends on what else the machine did.",
        is_share=False,
    )
    return {TRAINING: Section("Training", ", then ".join(dict.fromkeys(hardware)), (figure,))}


def _set_names(runs: Mapping[str, Results]) -> dict[str, str]:
    """Return names of the mixing sets by their digests: the ends of the folders' paths."""
    folders: dict[str, str] = {}
    for run, results in runs.items():
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            described = json.loads((Path(run) / _RUN_FILE).read_bytes())
            if results.set_digest is not None and described["set_digest"] == results.set_digest:
                folders.setdefault(results.set_digest, str(Path(described["set_folder"])))
    names, counts = short_names(folders.values()), Counter(folders.values())
    return {
        digest: names[folder] if counts[folder] == 1 else f"{names[folder]} ({digest[:8]})"
        for digest, folder in folders.items()
    }


def _columns(runs: Mapping[str, Results], set_names: Mapping[str, str]) -> tuple[Column, ...]:
    """Group the runs into columns, in the order of their first run."""
    found: dict[str, dict[str, Results]] = {}
    for run, results in runs.items():
        found.setdefault(json.dumps(_settings(results), sort_keys=True), {})[run] = results
    groups = list(found.values())
    settings = [_settings(next(iter(group.values()))) for group in groups]
    for own in settings:
        if "set" in own:
            own["set"] = set_names.get(own["set"], own["set"][:8])
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
        seeds = tuple(results.config.get("seed") for results in group.values())
        columns.append(Column(names[0], names[1], names[2], tuple(details), tuple(group), seeds))
    return tuple(columns)


def _settings(results: Results) -> dict[str, Any]:
    """Return the properties that all runs of a column share."""
    settings = _flat(results.config)
    settings.pop("seed", None)
    if results.set_digest is not None:
        settings["set"] = results.set_digest
    settings["checkpoint"] = results.checkpoint.get("name")
    if "method" not in results.config:  # how a user's network was trained is unknown
        settings["weights"] = f"{_DIGEST}{results.checkpoint.get('sha256')}"
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


def _rows(columns: Sequence[Column], measured: _Sections) -> tuple[Row, ...]:
    rows = []
    for key, sections in _by_key(measured.values()).items():
        figures = {figure.key: figure for section in sections for figure in section.figures}
        for figure in sorted(figures.values(), key=lambda figure: figure.detail):
            cells = tuple(_cell(column, measured, key, figure.key) for column in columns)
            best = [
                place
                for dataset in {column.dataset: None for column in columns}
                for place in best_of(
                    figure, cells, [i for i, one in enumerate(columns) if one.dataset == dataset]
                )
            ]
            rows.append(Row(key, sections[0].title, figure, cells, tuple(best)))
    return tuple(rows)


def _by_key(measured: Iterable[Mapping[str, Section]]) -> dict[str, list[Section]]:
    """Group the sections of all runs by key, in the order of the measurements."""
    found: dict[str, list[Section]] = {}
    for sections in measured:
        for key, section in sections.items():
            found.setdefault(key, []).append(section)
    order = [*MEASUREMENTS, TRAINING]
    return dict(sorted(found.items(), key=lambda item: order.index(item[0].partition(":")[0])))


def _cell(column: Column, measured: _Sections, section: str, figure: str) -> Cell | None:
    sections = [measured[run][section] for run in column.runs if section in measured[run]]
    values = tuple(
        found.value for each in sections for found in each.figures if found.key == figure
    )
    conditions = {each.conditions for each in sections}
    if not values or len(conditions) > 1:
        return None
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Cell(statistics.fmean(values), deviation, values, *conditions)


def _notes(
    columns: Sequence[Column], runs: Mapping[str, Results], measured: _Sections
) -> Iterator[str]:
    datasets = list(dict.fromkeys(column.dataset for column in columns))
    if len(datasets) > 1:
        yield f"Figures on different data sets are not comparable: {', '.join(datasets)}."
    for dataset in datasets:
        yield from _unlike([one for one in columns if one.dataset == dataset], measured)
    for column in columns:
        yield from _of_one_seed(column, runs)
    for run, results in runs.items():
        epoch, epochs = results.checkpoint.get("epoch"), results.config.get("epochs")
        last = results.checkpoint.get("name") == "last"
        if last and isinstance(epoch, int) and isinstance(epochs, int) and epoch < epochs:
            yield f"{run}: measured after epoch {epoch} of {epochs}."
    seeds = {
        run: str(found.options["seed"]) for run, found in runs.items() if "seed" in found.options
    }
    if len(set(seeds.values())) > 1:
        yield f"Different evaluation seeds: {_listed(seeds, columns)}."
    for library in dict.fromkeys(name for results in runs.values() for name in results.versions):
        versions = {
            run: results.versions[library]
            for run, results in runs.items()
            if library in results.versions
        }
        if len(set(versions.values())) > 1:
            yield f"Different versions of {library}: {_listed(versions, columns)}."


def _of_one_seed(column: Column, runs: Mapping[str, Results]) -> Iterator[str]:
    """List the copies of a run, and say if other runs have the same seed."""
    same: dict[Any, list[str]] = {}
    for run, seed in zip(column.runs, column.seeds, strict=True):
        same.setdefault((seed, runs[run].checkpoint.get("sha256", run)), []).append(run)
    for copies in same.values():
        if len(copies) > 1:
            yield (
                f"{column.name}: {' and '.join(copies)} are copies of one run, with the same "
                f"weights. It counts {len(copies)} times in the mean, and the deviation is too "
                "small; leave out all but one."
            )
    seeds = [seed for seed, _ in same]
    if len(set(seeds)) < len(seeds):
        yield f"{column.name}: a seed occurs more than once, in {', '.join(column.runs)}."


def _unlike(columns: Sequence[Column], measured: _Sections) -> Iterator[str]:
    """List measurements that differ between runs on the same data."""
    runs = [run for column in columns for run in column.runs]
    for measurement in MEASUREMENTS:
        titles = {
            run: [
                section.title
                for key, section in measured[run].items()
                if key.partition(":")[0] == measurement
            ]
            for run in runs
        }
        titles = {run: own for run, own in titles.items() if own}
        if titles and not set.intersection(*map(set, titles.values())):
            listed = _listed({run: " and ".join(own) for run, own in titles.items()}, columns)
            yield f"Measured on different images: {listed}."
    for key, sections in _by_key(measured[run] for run in runs).items():
        title = sections[0].title
        conditions = {run: measured[run][key].conditions for run in runs if key in measured[run]}
        if len(set(conditions.values())) > 1:
            yield f"{title}, measured differently: {_listed(conditions, columns)}."
        for column in columns:
            n = sum(run in conditions for run in column.runs)
            if 0 < n < len(column.runs):
                yield f"{title}: measured in {n} of the {len(column.runs)} runs of {column.name}."


def _listed(values: Mapping[str, str], columns: Sequence[Column]) -> str:
    """Write values with the runs that have them, or the columns whose runs all do."""
    places: dict[str, list[str]] = {value: [] for value in values.values()}
    for column in columns:
        own = [values.get(run) for run in column.runs]
        if own[0] is not None and own.count(own[0]) == len(own):
            places[own[0]].append(column.name)
        else:
            for run in column.runs:
                if run in values:
                    places[values[run]].append(run)
    return "; ".join(f"{value} in {' and '.join(names)}" for value, names in places.items())
