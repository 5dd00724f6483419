"""How well a score tells unknown images, the positives, from known ones."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fractalgen.evaluation.metrics.arrays import finite

__all__ = ["anomaly_scores", "aupr", "auroc", "fpr_at_95_tpr"]


def anomaly_scores(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return the negative maximum softmax probability of each image.

    Source: Hendrycks and Gimpel, "A baseline for detecting misclassified and out-of-distribution
    examples in neural networks", ICLR 2017.

    Parameters
    ----------
    probabilities : array of float, shape (n, classes)
        Rows that sum to 1.

    Returns
    -------
    ndarray of float64, shape (n,)
        From -1, familiar, to -1 / classes, strange.

    Raises
    ------
    ValueError
        If the array is empty or not finite.
    """
    scores: NDArray[np.float64] = -finite("probabilities", probabilities, ndim=2).max(axis=1)
    return scores


def auroc(unknown: ArrayLike, known: ArrayLike) -> float:
    """Return the area under the receiver operating characteristic.

    It is the probability that an unknown image has a higher score than a known one, where a
    tie counts a half.

    Parameters
    ----------
    unknown, known : array of float, shapes (n,) and (m,)
        Scores; higher is stranger.

    Returns
    -------
    float
        From 0 to 1; chance is a half.

    Raises
    ------
    ValueError
        If one is empty or has a score that is not finite.
    """
    caught, alarms = _counts(unknown, known)
    width = np.diff(alarms, prepend=0)
    height = caught - np.diff(caught, prepend=0) / 2
    return float((width * height).sum() / (float(caught[-1]) * float(alarms[-1])))


def aupr(unknown: ArrayLike, known: ArrayLike) -> float:
    """Return the area under the precision-recall curve as the average precision.

    AP = sum over thresholds i, from the highest score down, of (R_i - R_(i-1)) * P_i with
    precision P and recall R; equal scores are one threshold. Parameters and errors are those of
    `auroc`. Chance is n / (n + m), so that figures compare only between equal shares of unknown
    images.
    """
    caught, alarms = _counts(unknown, known)
    precision = caught / (caught + alarms)
    return float((np.diff(caught, prepend=0) * precision).sum() / caught[-1])


def fpr_at_95_tpr(unknown: ArrayLike, known: ArrayLike) -> float:
    """Return the share of known images reported where 95% of the unknown ones are, or just over.

    The threshold is the highest score that reports at least 95% of the unknown images, itself
    included. Parameters and errors are those of `auroc`; lower is better.
    """
    caught, alarms = _counts(unknown, known)
    at = int(np.argmax(caught * 20 >= caught[-1] * 19))
    return float(alarms[at] / alarms[-1])


def _counts(unknown: ArrayLike, known: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count unknown and known images at or above each score that occurs, highest first."""
    positive, negative = finite("unknown", unknown), finite("known", known)
    scores = np.concatenate([positive, negative])
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    caught = np.cumsum(order < len(positive))[ends]
    return caught.astype(np.int64), (ends + 1 - caught).astype(np.int64)
