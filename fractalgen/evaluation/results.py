"""The figures of an evaluation, as ``metrics.json`` keeps them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

__all__ = [
    "AdversarialResult",
    "AnomalyResult",
    "CalibrationBin",
    "CleanResult",
    "ConsistencyResult",
    "CorruptionResult",
    "NaturalShiftResult",
    "Results",
    "with_entry",
]

RESULTS_VERSION = 1


@dataclass(frozen=True)
class CalibrationBin:
    """Mean confidence and accuracy of ``n`` predictions of neighbouring confidence."""

    confidence: float
    accuracy: float
    n: int


@dataclass(frozen=True)
class CleanResult:
    """On the test images as they are; errors are shares from 0 to 1 here and below.

    Attributes
    ----------
    error : float
        Share of wrong predictions.
    rms_calibration_error : float
        Over bins of equal mass.
    rms_calibration_error_public : float
        As the paper's public code computes it, without the most confident bin.
    reliability : tuple of CalibrationBin
        For the diagram; fifteen bins of equal width, empty ones left out.
    n : int
        Images.
    """

    error: float
    rms_calibration_error: float
    rms_calibration_error_public: float
    reliability: tuple[CalibrationBin, ...]
    n: int


@dataclass(frozen=True)
class CorruptionResult:
    """On corrupted test images.

    Attributes
    ----------
    source : str
        ``generated``, or what was published and in which folder.
    errors : dict of str to tuple of 5 floats
        By corruption, the error at severities 1 to 5.
    mean_error : float
        The plain mean of all of them.
    normalized_error : float or None
        Mean over corruptions of the error relative to AlexNet's; of ImageNet only.
    rms_calibration_error : float
        Over all corrupted images together.
    n : int
        Images of each corruption and severity.
    """

    source: str
    errors: dict[str, tuple[float, ...]]
    mean_error: float
    normalized_error: float | None
    rms_calibration_error: float
    n: int


@dataclass(frozen=True)
class ConsistencyResult:
    """On sequences of slowly perturbed images: shares of changed predictions."""

    source: str
    flip_rates: dict[str, float]
    mean_flip_rate: float
    n: int


@dataclass(frozen=True)
class AdversarialResult:
    """Under projected gradient descent; sizes in units of a pixel's range from 0 to 1."""

    error: float
    norm: str
    epsilon: float
    step_size: float
    steps: int
    n: int


@dataclass(frozen=True)
class AnomalyResult:
    """Telling test images from others by the maximum softmax probability; others are positive."""

    source: str
    auroc: float
    aupr: float
    fpr95: float
    n_known: int
    n_unknown: int


@dataclass(frozen=True)
class NaturalShiftResult:
    """On images of some of the classes from elsewhere, such as ImageNet-R or ImageNet-A."""

    source: str
    error: float
    rms_calibration_error: float
    n_classes: int
    n: int


@dataclass(frozen=True)
class Results:
    """An evaluation of one run; what was not asked for is None or empty.

    Attributes
    ----------
    run : str
        The run's folder.
    config : dict
        The run's configuration, as its ``config.json`` has it (dataset, model, method, seed, ...).
    checkpoint : dict
        ``name`` (last or best), ``epoch``, ``sha256`` of the file.
    set_digest : str or None
        Of the mixing set that the run was trained with.
    versions : dict of str to str
        Of fractalgen, Python and the libraries that the figures depend on; several between commas
        where figures of an earlier evaluation were kept.
    options : dict
        What was last asked for: see `fractalgen.evaluation.options.EvaluationOptions`. Figures
        that were kept are of the same seed and limit.
    """

    run: str
    config: dict[str, Any]
    checkpoint: dict[str, Any]
    set_digest: str | None
    versions: dict[str, str]
    clean: CleanResult
    corruptions: tuple[CorruptionResult, ...] = ()
    consistency: ConsistencyResult | None = None
    adversarial: AdversarialResult | None = None
    anomalies: tuple[AnomalyResult, ...] = ()
    natural_shifts: tuple[NaturalShiftResult, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    version: int = field(default=RESULTS_VERSION)

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return dataclasses.asdict(self)


class _Sourced(Protocol):
    @property
    def source(self) -> str: ...


_Entry = TypeVar("_Entry", bound=_Sourced)


def with_entry(entries: tuple[_Entry, ...], new: _Entry) -> tuple[_Entry, ...]:
    """Put an entry in the place of that of the same source, or at the end if there is none."""
    if all(entry.source != new.source for entry in entries):
        return (*entries, new)
    return tuple(new if entry.source == new.source else entry for entry in entries)
