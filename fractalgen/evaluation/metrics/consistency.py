"""How steady predictions are along sequences of slowly changing images."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from fractalgen.evaluation.metrics.arrays import classes, finite

__all__ = ["flip_rate", "mean_flip_rate"]


def flip_rate(predictions: ArrayLike, *, against_first: bool = False) -> float:
    """Return the share of frames whose predicted class differs from that of a frame before.

    Source: Hendrycks and Dietterich, "Benchmarking neural network robustness to common
    corruptions and perturbations", ICLR 2019.

    Parameters
    ----------
    predictions : array of int, shape (n, frames)
        Classes, a row for each sequence; two frames or more.
    against_first : bool
        Compare each frame with the sequence's first, as is done for noise, where neighbouring
        frames are not related; otherwise with the one before it.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ValueError
        If there are no sequences, fewer than two frames, or no class numbers.
    """
    frames = classes("predictions", predictions, ndim=2)
    if frames.shape[1] < 2:
        raise ValueError(f"a sequence needs two frames or more, not {frames.shape[1]}")
    earlier = frames[:, :1] if against_first else frames[:, :-1]
    return float(np.mean(frames[:, 1:] != earlier))


def mean_flip_rate(flip_rates: Mapping[str, float]) -> float:
    """Return the plain mean over perturbations, as on CIFAR-P.

    Raises
    ------
    ValueError
        If there are none, or if one is not finite.
    """
    return float(finite("flip_rates", list(flip_rates.values())).mean())
