"""Error and calibration on the test images as they are."""

from fractalgen.evaluation.metrics.calibration import (
    reliability_bins,
    rms_calibration_error,
    rms_calibration_error_public,
)
from fractalgen.evaluation.metrics.classification import error_rate
from fractalgen.evaluation.results import CleanResult
from fractalgen.evaluation.subject import Answers

__all__ = ["clean_result"]


def clean_result(answers: Answers) -> CleanResult:
    """Return what is known from the answers for all test images."""
    confidence, correct = answers.confidence, answers.correct
    return CleanResult(
        error=error_rate(answers.predictions, answers.labels),
        rms_calibration_error=rms_calibration_error(confidence, correct),
        rms_calibration_error_public=rms_calibration_error_public(confidence, correct),
        reliability=reliability_bins(confidence, correct),
        n=len(answers.labels),
    )
