"""How often a classifier is wrong, on images as they are and on corrupted ones."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from fractalgen.evaluation.metrics.arrays import classes, finite

__all__ = [
    "ALEXNET_CORRUPTION_ERRORS",
    "error_rate",
    "mean_corruption_error",
    "normalized_corruption_error",
]

ALEXNET_CORRUPTION_ERRORS = MappingProxyType(
    {
        "gaussian_noise": 0.886428,
        "shot_noise": 0.894468,
        "impulse_noise": 0.922640,
        "defocus_blur": 0.819880,
        "glass_blur": 0.826268,
        "motion_blur": 0.785948,
        "zoom_blur": 0.798360,
        "snow": 0.866816,
        "frost": 0.826572,
        "fog": 0.819324,
        "brightness": 0.564592,
        "contrast": 0.853204,
        "elastic_transform": 0.646056,
        "pixelate": 0.717840,
        "jpeg_compression": 0.606500,
    }
)
"""AlexNet's mean error over the five severities of each of ImageNet-C's corruptions."""


def error_rate(predictions: ArrayLike, labels: ArrayLike) -> float:
    """Return the share of wrong predictions, from 0 to 1.

    Parameters
    ----------
    predictions, labels : array of int, shape (n,)
        Classes.

    Raises
    ------
    ValueError
        If they are empty, not whole numbers, or of different shapes.
    """
    predicted, true = classes("predictions", predictions), classes("labels", labels)
    if predicted.shape != true.shape:
        raise ValueError(f"{len(predicted)} predictions do not match {len(true)} labels")
    return float(np.mean(predicted != true))


def mean_corruption_error(errors: Mapping[str, Sequence[float]]) -> float:
    """Return the plain mean of the errors at all severities of all corruptions, as on CIFAR-C.

    Parameters
    ----------
    errors : mapping of str to sequence of float
        By corruption, the error at each severity, from 0 to 1.

    Raises
    ------
    ValueError
        If it is empty, if an error is not finite, or if corruptions differ in their severities.
    """
    lengths = {len(by_severity) for by_severity in errors.values()}
    if len(lengths) > 1:
        raise ValueError(f"every corruption needs as many severities, not {sorted(lengths)}")
    return float(finite("errors", list(errors.values()), ndim=2).mean())


def normalized_corruption_error(errors: Mapping[str, Sequence[float]]) -> float:
    """Return ImageNet-C's mean corruption error: that of each corruption relative to AlexNet's.

    mCE = mean over corruptions c of (mean over severities of the error) / (AlexNet's for c), so
    that AlexNet's own is 1. Source: Hendrycks and Dietterich, "Benchmarking neural network
    robustness to common corruptions and perturbations", ICLR 2019.

    Parameters
    ----------
    errors : mapping of str to sequence of float
        By corruption, exactly the fifteen of `ALEXNET_CORRUPTION_ERRORS`; errors from 0 to 1.

    Raises
    ------
    ValueError
        If a corruption is missing or is none of these, or if an error is not finite.
    """
    wrong = set(errors) ^ set(ALEXNET_CORRUPTION_ERRORS)
    if wrong:
        raise ValueError(f"missing, or not of ImageNet-C: {', '.join(sorted(wrong))}")
    relative = [
        finite(name, errors[name]).mean() / alexnet
        for name, alexnet in ALEXNET_CORRUPTION_ERRORS.items()
    ]
    return float(np.mean(relative))
