"""The figures that a table can show, by short names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fractalgen.errors import RunUsageError, UnknownNameError
from fractalgen.evaluation.compare import TRAINING
from fractalgen.evaluation.comparison import Comparison, Row
from fractalgen.evaluation.corruptions.generated import GENERATE
from fractalgen.evaluation.measurements.measurement import NONE
from fractalgen.registry import Registry

__all__ = ["MAIN", "METRICS", "Metric", "check_sources", "find_metrics", "measured_for"]


@dataclass(frozen=True)
class Metric:
    """A figure with its place in a table's head.

    Attributes
    ----------
    group, head : str
        The two lines of the head, such as ``Robustness`` and ``mCE``.
    measurement : str
        The measurement's key.
    figures : tuple of str
        Keys of the figure; the first that was measured counts.
    source : str
        What the source's name contains, such as ``imagenet-r``; empty for the first source that no
        other metric names.
    relative_to : str
        If set, show the mean divided by this method's.
    """

    group: str
    head: str
    measurement: str
    figures: tuple[str, ...]
    source: str = ""
    relative_to: str = ""

    def rows(self, comparison: Comparison, columns: Iterable[int] | None = None) -> list[Row]:
        """Return the rows with the figure of some columns; several if sources differ.

        Of several figures, the one that most columns have counts, then the first. Of several rows
        with a cell of a column, the first that is returned counts: most columns have it.

        Parameters
        ----------
        columns : iterable of int, optional
            Indices of columns that compare with each other, such as those of a data set; by default
            all.
        """
        places = list(range(len(comparison.columns)) if columns is None else columns)
        found: list[Row] = []
        n_found = 0
        for figure in self.figures:
            rows = [
                row for row in comparison.rows if self._is_at(row.section, row.figure.key, figure)
            ]
            n = sum(any(row.cells[place] is not None for row in rows) for place in places)
            if n > n_found:
                found, n_found = rows, n
        return sorted(found, key=lambda row: -sum(row.cells[place] is not None for place in places))

    def _is_at(self, section: str, key: str, figure: str) -> bool:
        measurement, _, source = section.partition(":")
        return (measurement, key) == (self.measurement, figure) and self._is_of(source.casefold())

    def _is_of(self, source: str) -> bool:
        if self.source:
            return self.source in source
        others = {each.source for each in METRICS.values() if each.measurement == self.measurement}
        return not any(other in source for other in others - {""})


METRICS: Registry[Metric] = Registry("metric")
"""In the order of the tables."""

for _name, _metric in {
    "clean-error": Metric("Classification", "Error", "clean", ("error",)),
    "mce": Metric("Robustness", "mCE", "corruptions", ("normalized_error", "mean_error")),
    "mce-cbar": Metric("Robustness", "mCE, C-bar", "corruptions", ("mean_error",), "c-bar"),
    "imagenet-r-error": Metric("ImageNet-R", "Error", "natural-shift", ("error",), "imagenet-r"),
    "mfr": Metric("Consistency", "mFR", "consistency", ("mean_flip_rate",)),
    "pgd-error": Metric("Adversaries", "Error", "adversarial", ("error",)),
    "autoattack-error": Metric("AutoAttack", "Error", "autoattack", ("error",)),
    "rms": Metric("Calibration", "RMS", "clean", ("rms_calibration_error",)),
    "rms-public": Metric("Calibration", "RMS, public", "clean", ("rms_calibration_error_public",)),
    "ece": Metric("Calibration", "ECE", "clean", ("expected_calibration_error",)),
    "adaptive-ece": Metric("Calibration", "adaptive", "clean", ("adaptive_calibration_error",)),
    "nll": Metric("Calibration", "NLL", "clean", ("negative_log_likelihood",)),
    "brier": Metric("Calibration", "Brier", "clean", ("brier_score",)),
    "aurc": Metric("Calibration", "AURC", "clean", ("area_under_risk_coverage",)),
    "rms-corrupted": Metric("Calibration", "RMS, C", "corruptions", ("rms_calibration_error",)),
    "imagenet-r-rms": Metric(
        "Calibration", "RMS, R", "natural-shift", ("rms_calibration_error",), "imagenet-r"
    ),
    "imagenet-a-rms": Metric(
        "Calibration", "RMS, A", "natural-shift", ("rms_calibration_error",), "imagenet-a"
    ),
    "imagenet-a-error": Metric("ImageNet-A", "Error", "natural-shift", ("error",), "imagenet-a"),
    "auroc": Metric("OOD", "AUROC", "ood", ("auroc",)),
    "aupr": Metric("OOD", "AUPR", "ood", ("aupr",)),
    "fpr95": Metric("OOD", "FPR95", "ood", ("fpr95",)),
    "imagenet-o-aupr": Metric("ImageNet-O", "AUPR", "ood", ("aupr",), "imagenet-o"),
    "seconds": Metric("Time", "s/epoch", TRAINING, ("seconds_per_epoch",)),
    "relative-seconds": Metric(
        "Time", "/ vanilla", TRAINING, ("seconds_per_epoch",), relative_to="vanilla"
    ),
}.items():
    METRICS.add(_name, _metric)

MAIN = (
    "clean-error",
    "mce",
    "mce-cbar",
    "imagenet-r-error",
    "imagenet-a-error",
    "mfr",
    "pgd-error",
    "autoattack-error",
    "rms",
    "rms-corrupted",
    "auroc",
    "imagenet-o-aupr",
)
"""The metrics of a table for which none are chosen."""

# What skips a measurement that a table does not show.
_SKIPS: dict[str, dict[str, Any]] = {
    "corruptions": {"corruptions": (NONE,)},
    "consistency": {"perturbations": NONE},
    "adversarial": {"pgd_steps": 0},
    "ood": {"ood": (NONE,)},
}

_CBAR = "cbar"

# The option that chooses the images of a source, and what to give it.
_CHOSEN_BY: dict[tuple[str, str], tuple[str, str]] = {
    ("corruptions", "c-bar"): ("corruptions", _CBAR),
    ("natural-shift", "imagenet-r"): ("natural_shift", "DIR"),
    ("natural-shift", "imagenet-a"): ("natural_shift", "DIR"),
    ("ood", "imagenet-o"): ("imagenet_o", "DIR"),
    ("autoattack", ""): ("autoattack", "linf"),
}


def find_metrics(names: Iterable[str]) -> tuple[Metric, ...]:
    """Return metrics by name; RunUsageError suggests the nearest."""
    try:
        return tuple(METRICS[name] for name in names)
    except UnknownNameError as error:
        raise RunUsageError(str(error)) from None


def measured_for(metrics: Iterable[Metric]) -> dict[str, Any]:
    """Return the options of an evaluation that measure what the metrics show, and skip the rest."""
    chosen = tuple(metrics)
    shown = {metric.measurement for metric in chosen}
    options: dict[str, Any] = {}
    for measurement, skips in _SKIPS.items():
        if measurement not in shown:
            options |= skips
    sources = {metric.source for metric in chosen if metric.measurement == "corruptions"}
    if any(sources):
        options["corruptions"] = (*((GENERATE,) if "" in sources else ()), _CBAR)
    return options


def check_sources(names: Iterable[str], options: Mapping[str, Any]) -> None:
    """Check that an evaluation with some options can measure metrics of the user's choice.

    Raises
    ------
    RunUsageError
        It names the option that a metric needs, which would be missing only after the training.
    """
    for name in names:
        metric = METRICS[name]
        option, example = _CHOSEN_BY.get((metric.measurement, metric.source), ("", ""))
        if option and not _has_source(metric.source, example, options.get(option)):
            flag = f"--{option.replace('_', '-')} {example}"
            where = f", where the name of DIR has {metric.source} in it" if example == "DIR" else ""
            raise RunUsageError(f"the metric {name} needs {flag}{where}")
        for other in () if metric.source else _SKIPS.get(metric.measurement, {}):
            values = _values(options.get(other))
            if values and all(_is_of_another(metric, value) for value in values):
                given = ",".join(map(str, values))
                raise RunUsageError(
                    f"the metric {name} cannot be measured with --{other.replace('_', '-')} "
                    f"{given}; leave that out"
                )


def _is_of_another(metric: Metric, value: Any) -> bool:
    """Whether an option's value skips a metric's measurement, or chooses images of others."""
    if metric.measurement == "adversarial":
        return bool(value == 0)
    return value == NONE or (metric.measurement == "corruptions" and value == _CBAR)


def _values(given: Any) -> tuple[Any, ...]:
    if given is None:
        return ()
    return tuple(given) if isinstance(given, (list, tuple)) else (given,)


def _has_source(source: str, example: str, given: Any) -> bool:
    """Whether one of the values of an option is a source that `Metric.rows` finds."""
    return any(
        value == example or source in Path(value).expanduser().resolve().name.casefold()
        for value in _values(given)
        if value != NONE
    )
