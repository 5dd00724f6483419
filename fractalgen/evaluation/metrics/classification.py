"""How often a classifier is wrong on clean, corrupted and gradually changing images."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from fractalgen.errors import ArgumentError
from fractalgen.evaluation.metrics import classes, finite

__all__ = [
    "ALEXNET_CORRUPTION_ERRORS",
    "error_rate",
    "flip_rate",
    "mean_corruption_error",
    "mean_flip_rate",
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
    """Return the share of wrong predictions, for class indices of shape (n,)."""
    predicted, true = classes("predictions", predictions), classes("labels", labels)
    if predicted.shape != true.shape:
        raise ArgumentError(f"{len(predicted)} predictions do not match {len(true)} labels")
    return float(np.mean(predicted != true))


def mean_corruption_error(errors: Mapping[str, Sequence[float]]) -> float:
    """Return the unweighted mean over corruptions and severities, as for CIFAR-C.

    `errors` has the errors at each severity, by corruption; all have the same number of severities.
    """
    lengths = {len(by_severity) for by_severity in errors.values()}
    if len(lengths) > 1:
        raise ArgumentError(
            f"all corruptions must have the same number of severities, not {sorted(lengths)}"
        )
    return float(finite("errors", list(errors.values()), ndim=2).mean())


def normalized_corruption_error(errors: Mapping[str, Sequence[float]]) -> float:
    """Return ImageNet-C's mCE, in which each corruption's error is relative to AlexNet's.

    mCE = mean over corruptions c of (mean over severities of the error) / (AlexNet's for c), so
    AlexNet's own is 1. `errors` has exactly the fifteen corruptions of `ALEXNET_CORRUPTION_ERRORS`.
    Source: Hendrycks and Dietterich, "Benchmarking neural network robustness to common corruptions
    and perturbations", ICLR 2019.
    """
    wrong = set(errors) ^ set(ALEXNET_CORRUPTION_ERRORS)
    if wrong:
        raise ArgumentError(f"missing, or not of ImageNet-C: {', '.join(sorted(wrong))}")
    relative = [
        finite(name, errors[name]).mean() / alexnet
        for name, alexnet in ALEXNET_CORRUPTION_ERRORS.items()
    ]
    return float(np.mean(relative))


def flip_rate(predictions: ArrayLike, *, against_first: bool = False) -> float:
    """Return the share of frames whose predicted class differs from that of an earlier frame.

    `predictions` has shape (n, frames), a row for each sequence. A frame is compared with the one
    before it or, `against_first`, with the first: in noise, neighbouring frames are unrelated.
    Source: Hendrycks and Dietterich, ICLR 2019.
    """
    frames = classes("predictions", predictions, ndim=2)
    if frames.shape[1] < 2:
        raise ArgumentError(f"a sequence needs two frames or more, not {frames.shape[1]}")
    earlier = frames[:, :1] if against_first else frames[:, :-1]
    return float(np.mean(frames[:, 1:] != earlier))


def mean_flip_rate(flip_rates: Mapping[str, float]) -> float:
    """Return the unweighted mean over perturbations, as for CIFAR-P."""
    return float(finite("flip_rates", list(flip_rates.values())).mean())
