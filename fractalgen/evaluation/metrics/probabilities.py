"""How good predicted probabilities are: proper scores, selective prediction, temperature."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fractalgen.errors import ArgumentError
from fractalgen.evaluation.metrics import classes, finite, softmax

__all__ = [
    "area_under_risk_coverage",
    "brier_score",
    "fitted_temperature",
    "negative_log_likelihood",
]

_LOG_TEMPERATURE = 5.0
"""Temperatures from exp(-5) to exp(5) are tried."""


def negative_log_likelihood(logits: ArrayLike, labels: ArrayLike) -> float:
    """Return the mean of -log p(label), in nats, 0 or more.

    Parameters
    ----------
    logits : array of float, shape (n, classes)
        The network's outputs.
    labels : array of int, shape (n,)
        The true classes.

    Raises
    ------
    ArgumentError
        If the shapes don't match or a label has no column.
    """
    outputs, true = _checked(logits, labels)
    return float(_log_losses(outputs, true).mean())


def brier_score(logits: ArrayLike, labels: ArrayLike) -> float:
    """Return the mean over images of sum over classes of (p - [class is the label])^2, 0 to 2.

    Arguments and errors are those of `negative_log_likelihood`. Source: Brier, "Verification of
    forecasts expressed in terms of probability", Monthly Weather Review 1950.
    """
    outputs, true = _checked(logits, labels)
    gaps = softmax(outputs)
    gaps[np.arange(len(true)), true] -= 1
    return float((gaps**2).sum(axis=1).mean())


def area_under_risk_coverage(confidence: ArrayLike, correct: ArrayLike) -> float:
    """Return the area under the risk-coverage curve, from 0 to 1.

    The risk at coverage i / n is the error on the i most confident predictions, and the area is its
    mean over i = 1 ... n. Equal confidences share the mean of their errors, so their order does not
    matter. Source: Geifman, Uziel and El-Yaniv, "Bias-reduced uncertainty estimation for deep
    neural classifiers", ICLR 2019.

    Parameters
    ----------
    confidence : array of float, shape (n,)
        Larger is more confident.
    correct : array of bool, shape (n,)
        Whether each prediction is right.
    """
    sure, right = finite("confidence", confidence), finite("correct", correct)
    if sure.shape != right.shape:
        raise ArgumentError(f"{len(sure)} confidences do not match {len(right)} predictions")
    _, group, sizes = np.unique(-sure, return_inverse=True, return_counts=True)
    errors_of_group = np.bincount(group, 1 - right) / sizes
    errors = np.repeat(errors_of_group, sizes)
    return float(np.mean(np.cumsum(errors) / np.arange(1, len(errors) + 1)))


def fitted_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """Return the temperature T > 0 at which logits / T have the smallest log-likelihood loss.

    Fit it on images that the network was not trained on. Arguments and errors are those of
    `negative_log_likelihood`. Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern
    neural networks", ICML 2017.
    """
    from scipy.optimize import minimize_scalar

    outputs, true = _checked(logits, labels)

    def loss(log_temperature: float) -> float:
        return float(_log_losses(outputs / np.exp(log_temperature), true).mean())

    found = minimize_scalar(
        loss,
        bounds=(-_LOG_TEMPERATURE, _LOG_TEMPERATURE),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(found.x))


def _log_losses(outputs: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    own = shifted[np.arange(len(labels)), labels]
    losses: NDArray[np.float64] = np.log(np.exp(shifted).sum(axis=1)) - own
    return losses


def _checked(logits: Any, labels: Any) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    outputs, true = finite("logits", logits, ndim=2), classes("labels", labels)
    if len(outputs) != len(true):
        raise ArgumentError(f"{len(outputs)} predictions do not match {len(true)} labels")
    if true.min() < 0 or true.max() >= outputs.shape[1]:
        raise ArgumentError(f"labels must be from 0 to {outputs.shape[1] - 1}")
    return outputs, true
