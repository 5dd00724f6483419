"""Calibration after temperature scaling, fitted on training images that were held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fractalgen.evaluation.evaluated_model import EvaluatedModel, Predictions, batches_of
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
    adaptive_calibration_error,
    expected_calibration_error,
    rms_calibration_error,
)
from fractalgen.evaluation.metrics.probabilities import (
    brier_score,
    fitted_temperature,
    negative_log_likelihood,
)
from fractalgen.training.datasets.data_set import Images

__all__ = ["Temperature", "TemperatureEntry"]


@dataclass(frozen=True)
class TemperatureEntry(Entry):
    """The figures on all test images after their logits are divided by a temperature.

    Attributes
    ----------
    temperature : float
        Above 1 if the network is too confident.
    rms_calibration_error, expected_calibration_error, adaptive_calibration_error : float
        After scaling.
    negative_log_likelihood, brier_score : float
        After scaling.
    n, n_held_out : int
        Numbers of test images, and of images that the temperature is fitted on.
    """

    temperature: float
    rms_calibration_error: float
    expected_calibration_error: float
    adaptive_calibration_error: float
    negative_log_likelihood: float
    brier_score: float
    n: int
    n_held_out: int


class Temperature(Measurement[Options, TemperatureEntry]):
    """Measured if the run held out training images, and is not measured on these themselves."""

    key = "temperature"
    options = Options
    entry = TemperatureEntry

    def plan(self, model: EvaluatedModel, options: Options) -> Sequence[Callable[[], Measured]]:
        """Plan one run."""
        held_out = model.data.validation
        if held_out is None or held_out is model.data.test:
            return []
        return [lambda: self._measure(model, held_out)]

    def _measure(self, model: EvaluatedModel, held_out: Images) -> Measured:
        batches = batches_of(held_out, model.batch_size)
        logits = model.logits(batches, "held-out images", len(held_out))
        temperature = fitted_temperature(logits, held_out.labels)
        scaled, labels = model.clean_logits / temperature, model.data.test.labels
        found = Predictions.of(scaled, labels)
        judged = (found.confidence, found.correct)
        entry = TemperatureEntry(
            temperature=temperature,
            rms_calibration_error=rms_calibration_error(*judged),
            expected_calibration_error=expected_calibration_error(*judged),
            adaptive_calibration_error=adaptive_calibration_error(*judged),
            negative_log_likelihood=negative_log_likelihood(scaled, labels),
            brier_score=brier_score(scaled, labels),
            n=len(labels),
            n_held_out=len(held_out),
        )
        return Measured(entry)

    def section(self, entry: TemperatureEntry, n_test: int) -> Section:
        """Return the temperature, and the figures that it changes."""
        figures = (
            Figure(
                "temperature",
                "temperature",
                entry.temperature,
                "Divides the network's outputs; above 1 if the network is too confident.",
                higher_is_better=None,
                is_share=False,
            ),
            Figure("rms_calibration_error", "RMS calibration error", entry.rms_calibration_error),
            Figure(
                "expected_calibration_error",
                "expected calibration error",
                entry.expected_calibration_error,
            ),
            Figure(
                "adaptive_calibration_error",
                "adaptive calibration error",
                entry.adaptive_calibration_error,
            ),
            Figure(
                "negative_log_likelihood",
                "negative log-likelihood",
                entry.negative_log_likelihood,
                is_share=False,
            ),
            Figure("brier_score", "Brier score", entry.brier_score, is_share=False),
        )
        return Section(
            "After temperature scaling",
            f"{count_of(entry.n, 'image')}, fitted on {entry.n_held_out:,} held-out ones",
            figures,
        )
