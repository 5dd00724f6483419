"""Error and calibration on the original test images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fractalgen.evaluation.evaluated_model import EvaluatedModel
from fractalgen.evaluation.measurements.measurement import (
    Entry,
    Figure,
    Measured,
    Measurement,
    Options,
    Section,
    count_of,
)
from fractalgen.evaluation.metrics.calibration import (
    BIN_SIZE,
    CalibrationBin,
    adaptive_calibration_error,
    expected_calibration_error,
    reliability_bins,
    rms_calibration_error,
    rms_calibration_error_public,
)
from fractalgen.evaluation.metrics.probabilities import (
    area_under_risk_coverage,
    brier_score,
    negative_log_likelihood,
)

__all__ = ["Clean", "CleanEntry"]


@dataclass(frozen=True)
class CleanEntry(Entry):
    """The figures on all test images; errors are shares from 0 to 1.

    Attributes
    ----------
    error : float
        Share of wrong predictions.
    rms_calibration_error, rms_calibration_error_public : float
        Over bins of equal mass; the second one without the most confident bin, like the paper's
        public code.
    reliability : tuple of CalibrationBin
        Fifteen bins of equal width, without the empty ones.
    n : int
        Number of images.
    expected_calibration_error, adaptive_calibration_error : float or None
        Over fifteen bins of equal width and of equal mass. None, like those below, in results of
        earlier versions.
    negative_log_likelihood, brier_score : float or None
        Proper scores of the probabilities; the Brier score is from 0 to 2.
    area_under_risk_coverage : float or None
        Mean error if only the most confident predictions are used.
    """

    error: float
    rms_calibration_error: float
    rms_calibration_error_public: float
    reliability: tuple[CalibrationBin, ...]
    n: int
    expected_calibration_error: float | None = None
    adaptive_calibration_error: float | None = None
    negative_log_likelihood: float | None = None
    brier_score: float | None = None
    area_under_risk_coverage: float | None = None


_LATER_FIGURES = (
    (
        "expected_calibration_error",
        "expected calibration error",
        "Mean difference between confidence and accuracy, over fifteen bins of equal width.",
        True,
    ),
    (
        "adaptive_calibration_error",
        "adaptive calibration error",
        "The same over fifteen bins of equal mass.",
        True,
    ),
    (
        "negative_log_likelihood",
        "negative log-likelihood",
        "Cross entropy of the test images, in nats.",
        False,
    ),
    (
        "brier_score",
        "Brier score",
        "Squared distance of the probabilities from the label, from 0 to 2.",
        False,
    ),
    (
        "area_under_risk_coverage",
        "area under risk and coverage",
        "Mean error if only the most confident predictions are used, over all shares of them.",
        True,
    ),
)


class Clean(Measurement[Options, CleanEntry]):
    """Always measured, on all test images."""

    key = "clean"
    options = Options
    entry = CleanEntry
    template = "clean.html"

    def plan(self, model: EvaluatedModel, options: Options) -> Sequence[Callable[[], Measured]]:
        """Plan one run."""
        return [lambda: self._measure(model)]

    def _measure(self, model: EvaluatedModel) -> Measured:
        clean = model.clean
        entry = CleanEntry(
            error=clean.error,
            rms_calibration_error=rms_calibration_error(clean.confidence, clean.correct),
            rms_calibration_error_public=rms_calibration_error_public(
                clean.confidence, clean.correct
            ),
            reliability=reliability_bins(clean.confidence, clean.correct),
            n=len(clean.labels),
            expected_calibration_error=expected_calibration_error(clean.confidence, clean.correct),
            adaptive_calibration_error=adaptive_calibration_error(clean.confidence, clean.correct),
            negative_log_likelihood=negative_log_likelihood(model.clean_logits, clean.labels),
            brier_score=brier_score(model.clean_logits, clean.labels),
            area_under_risk_coverage=area_under_risk_coverage(clean.confidence, clean.correct),
        )
        return Measured(entry)

    def section(self, entry: CleanEntry, n_test: int) -> Section:
        """Return the error, the calibration errors and the scores of the probabilities."""
        figures = [
            Figure(
                "error",
                "clean error",
                entry.error,
                "Share of wrong predictions on the original test images.",
                main=True,
            ),
            Figure(
                "rms_calibration_error",
                "RMS calibration error",
                entry.rms_calibration_error,
                "Difference between confidence and accuracy, over bins of equal mass.",
                main=True,
            ),
        ]
        if entry.n >= 2 * BIN_SIZE:  # with a single bin, that code finds no error at all
            figures.append(
                Figure(
                    "rms_calibration_error_public",
                    "RMS calibration error, public code",
                    entry.rms_calibration_error_public,
                    "The same without the most confident bin, as in published results of IPMix.",
                )
            )
        for key, name, meaning, is_share in _LATER_FIGURES:
            value = getattr(entry, key)
            if value is not None:
                figures.append(Figure(key, name, value, meaning, is_share=is_share))
        return Section("Test images", count_of(entry.n, "image"), tuple(figures))
