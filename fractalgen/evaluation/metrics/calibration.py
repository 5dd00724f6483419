"""Calibration: whether a classifier is right as often as its confidence suggests."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fractalgen.errors import ArgumentError
from fractalgen.evaluation.metrics import finite

__all__ = [
    "BIN_SIZE",
    "CalibrationBin",
    "adaptive_calibration_error",
    "expected_calibration_error",
    "reliability_bins",
    "rms_calibration_error",
    "rms_calibration_error_public",
]

BIN_SIZE = 100
"""Number of predictions in a bin of equal mass."""


@dataclass(frozen=True)
class CalibrationBin:
    """Mean confidence and accuracy of ``n`` predictions of similar confidence."""

    confidence: float
    accuracy: float
    n: int


def rms_calibration_error(
    confidence: ArrayLike, correct: ArrayLike, *, bin_size: int = BIN_SIZE
) -> float:
    """Return the RMS calibration error over bins of equal mass, from 0 to 1.

    Predictions are sorted by confidence (ties in the given order) and split into n // bin_size
    bins; the last and most confident one also gets the remainder. The error is

        sqrt(sum over bins b of (n_b / n) * (accuracy_b - mean confidence_b)^2).

    Source: Hendrycks, Mazeika and Dietterich, "Deep anomaly detection with outlier exposure",
    ICLR 2019; Nguyen and O'Connor, EMNLP 2015, for bins of equal mass.

    Parameters
    ----------
    confidence : array of float, shape (n,)
        From 0 to 1.
    correct : array of bool, shape (n,)
        Whether each prediction is right.
    bin_size : int
        Predictions in a bin, 1 or more.
    """
    terms = _squared_gaps(confidence, correct, bin_size)
    return float(np.sqrt(terms.sum()))


def rms_calibration_error_public(
    confidence: ArrayLike, correct: ArrayLike, *, bin_size: int = BIN_SIZE
) -> float:
    """Return the error as computed by the code behind published results, which is too small.

    That code's loop skips the last bin, so the most confident predictions, usually the majority,
    count as perfectly calibrated. The error is 0 if there is only one bin.
    """
    terms = _squared_gaps(confidence, correct, bin_size)
    return float(np.sqrt(terms[:-1].sum()))


def expected_calibration_error(
    confidence: ArrayLike, correct: ArrayLike, *, n_bins: int = 15
) -> float:
    """Return the expected calibration error (ECE) over bins of equal width, from 0 to 1.

    ECE = sum over bins b of (n_b / n) * |accuracy_b - mean confidence_b|, with the bins of
    `reliability_bins`. Source: Naeini, Cooper and Hauskrecht, "Obtaining well calibrated
    probabilities using Bayesian binning", AAAI 2015; Guo et al., ICML 2017, for 15 bins.
    """
    bins = reliability_bins(confidence, correct, n_bins=n_bins)
    n = sum(one.n for one in bins)
    return sum(one.n / n * abs(one.accuracy - one.confidence) for one in bins)


def adaptive_calibration_error(
    confidence: ArrayLike, correct: ArrayLike, *, n_bins: int = 15
) -> float:
    """Return the calibration error over `n_bins` bins of equal mass, from 0 to 1.

    As `expected_calibration_error`, but the predictions are sorted by confidence and split into
    bins whose sizes differ by one at most. Source: Nguyen and O'Connor, EMNLP 2015, for the bins.
    """
    sure, right = _checked(confidence, correct)
    if n_bins < 1:
        raise ArgumentError(f"n_bins must be 1 or more, not {n_bins}")
    order = np.argsort(sure, kind="stable")
    parts = [part for part in np.array_split(order, n_bins) if len(part)]
    gaps = [abs(float(right[part].sum() - sure[part].sum())) for part in parts]
    return sum(gaps) / len(sure)


def reliability_bins(
    confidence: ArrayLike, correct: ArrayLike, *, n_bins: int = 15
) -> tuple[CalibrationBin, ...]:
    """Return mean confidence and accuracy in bins of equal width, for a reliability diagram.

    Bin i, counted from 0, holds confidences in [i / n_bins, (i + 1) / n_bins); the last one also
    holds 1. Empty bins are omitted.
    """
    sure, right = _checked(confidence, correct)
    if n_bins < 1:
        raise ArgumentError(f"n_bins must be 1 or more, not {n_bins}")
    edges = np.arange(1, n_bins) / n_bins
    bins = np.searchsorted(edges, sure, side="right")
    return tuple(
        CalibrationBin(
            confidence=float(sure[bins == i].mean()),
            accuracy=float(right[bins == i].mean()),
            n=int((bins == i).sum()),
        )
        for i in np.unique(bins)
    )


def _squared_gaps(confidence: ArrayLike, correct: ArrayLike, bin_size: int) -> NDArray[np.float64]:
    """Return each bin's share times its squared gap, from the least to the most confident."""
    sure, right = _checked(confidence, correct)
    if bin_size < 1:
        raise ArgumentError(f"bin_size must be 1 or more, not {bin_size}")
    order = np.argsort(sure, kind="stable")
    n_bins = max(1, len(order) // bin_size)
    starts = np.arange(n_bins) * bin_size
    counts = np.diff(starts, append=len(order))
    gaps = (np.add.reduceat(right[order], starts) - np.add.reduceat(sure[order], starts)) / counts
    weighted: NDArray[np.float64] = counts / len(order) * gaps**2
    return weighted


def _checked(
    confidence: ArrayLike, correct: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    sure, right = finite("confidence", confidence), finite("correct", correct)
    if sure.shape != right.shape:
        raise ArgumentError(f"{len(sure)} confidences do not match {len(right)} predictions")
    if sure.min() < 0 or sure.max() > 1 + 1e-6:
        raise ArgumentError("confidence must be from 0 to 1")
    if not np.isin(right, (0, 1)).all():
        raise ArgumentError("correct must be true or false")
    return sure, right
