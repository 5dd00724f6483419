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
    CalibrationBin,
    reliability_bins,
    rms_calibration_error,
    rms_calibration_error_public,
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
    """

    error: float
    rms_calibration_error: float
    rms_calibration_error_public: float
    reliability: tuple[CalibrationBin, ...]
    n: int


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
        )
        return Measured(entry)

    def section(self, entry: CleanEntry, n_test: int) -> Section:
        """Return the error and the two calibration errors."""
        figures = (
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
            Figure(
                "rms_calibration_error_public",
                "RMS calibration error, public code",
                entry.rms_calibration_error_public,
                "The same without the most confident bin, as in published results of IPMix.",
            ),
        )
        return Section("Test images", count_of(entry.n, "image"), figures)
