"""What the metrics ask of the arrays that they are given."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["classes", "finite"]


def finite(name: str, values: ArrayLike, *, ndim: int = 1) -> NDArray[np.float64]:
    """Return the values as float64; ValueError if empty, of another rank, or not finite."""
    array = np.asarray(values, np.float64)
    _check_shape(name, array, ndim)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite numbers")
    return array


def classes(name: str, values: ArrayLike, *, ndim: int = 1) -> NDArray[np.int64]:
    """Return class numbers as int64; ValueError if empty, of another rank, or not whole."""
    array = np.asarray(values)
    _check_shape(name, array, ndim)
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} must be whole numbers, not {array.dtype}")
    return array.astype(np.int64)


def _check_shape(name: str, array: NDArray[Any], ndim: int) -> None:
    if array.ndim != ndim or array.size == 0:
        raise ValueError(f"{name} must have {ndim} axes and not be empty, not shape {array.shape}")
