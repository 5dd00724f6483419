"""Metrics as functions of arrays, and the checks that they share."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fractalgen.errors import ArgumentError

__all__ = ["classes", "finite", "max_softmax", "softmax"]

_ROWS = 4096


def finite(name: str, values: ArrayLike, *, ndim: int = 1) -> NDArray[np.float64]:
    """Return values as float64; ArgumentError if empty, not finite, or of the wrong rank."""
    array = np.asarray(values, np.float64)
    _check_shape(name, array, ndim)
    if not np.isfinite(array).all():
        raise ArgumentError(f"{name} must be finite numbers")
    return array


def classes(name: str, values: ArrayLike, *, ndim: int = 1) -> NDArray[np.int64]:
    """Return class indices as int64; ArgumentError if empty, not integers, or of the wrong rank."""
    array = np.asarray(values)
    _check_shape(name, array, ndim)
    if array.dtype.kind not in "iu":
        raise ArgumentError(f"{name} must be whole numbers, not {array.dtype}")
    return array.astype(np.int64)


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return probabilities, float64 of shape (n, classes), from outputs of that shape."""
    shifted = np.asarray(logits, np.float64)
    shifted = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities


def max_softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the largest probability of each row, computed in chunks to save memory."""
    parts = [logits[start : start + _ROWS] for start in range(0, len(logits), _ROWS)]
    return np.concatenate([softmax(part).max(axis=1) for part in parts])


def _check_shape(name: str, array: NDArray[Any], ndim: int) -> None:
    if array.ndim != ndim or array.size == 0:
        raise ArgumentError(
            f"{name} must have {ndim} axes and not be empty, not shape {array.shape}"
        )
