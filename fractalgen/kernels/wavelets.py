"""Wavelet coefficients with heavy tails, for edges, blobs and sparse structure in noise.

The wavelet is CDF 9/7, computed by four lifting steps an axis (Daubechies and Sweldens, "Factoring
wavelet transforms into lifting steps", 1998). It is symmetric, so that structures stay in place,
and almost orthogonal; fields are periodic.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.elementary import exp2, log2
from fractalgen.kernels.jit import kernel

__all__ = ["analyze", "reshape_marginals", "synthesize"]

_STEPS = np.array([-1.586134342, -0.05298011854, 0.8829110762, 0.4435068522], np.float32)
_LOW = np.float32(1.149604398)  # so that white noise keeps its variance, almost
_HIGH = np.float32(1.0 / 1.149604398)
_ONE = np.float32(1.0)
_TINY = np.float32(1e-20)
_FLOOR = np.float32(1e-6)
_CEILING = np.float32(1e6)


@kernel
def _add_both(target, before, after, factor):
    for i in range(target.size):
        target[i] += factor * (before[i] + after[i])


@kernel
def _scale_row(row, factor):
    for i in range(row.size):
        row[i] *= factor


@kernel
def _lift_row(low, high, step, factor):
    """Lift within a row: the details by their two neighbours, or the other way round."""
    last = low.size - 1
    if step % 2 == 0:
        _add_both(high[:last], low[:last], low[1:], factor)
        high[last] += factor * (low[last] + low[0])
    else:
        _add_both(low[1:], high[:last], high[1:], factor)
        low[0] += factor * (high[last] + high[0])


@kernel
def _lift_rows(rows, step, factor):
    """Lift between rows: the lower half of `rows` are the details."""
    half = rows.shape[0] // 2
    for k in range(half):
        if step % 2 == 0:
            _add_both(rows[half + k], rows[k], rows[(k + 1) % half], factor)
        else:
            _add_both(rows[k], rows[half + (k - 1) % half], rows[half + k], factor)


@kernel
def _split_row(row, low, high):
    for i in range(low.size):
        low[i] = row[2 * i]
        high[i] = row[2 * i + 1]


@kernel
def _join_row(low, high, row):
    for i in range(low.size):
        row[2 * i] = low[i]
        row[2 * i + 1] = high[i]


@kernel
def analyze(plane: NDArray[np.float32], coarsest: int) -> None:
    """Transform a field into wavelet coefficients, in place.

    `plane` is float32 (n, n), n a power of two. The top left (m, m) corner is split again into one
    half as large with the means and three bands of details, while m > `coarsest`.
    """
    size = plane.shape[0]
    while size > coarsest:
        half = size // 2
        rows = np.empty((size, size), np.float32)
        for y in range(half):
            rows[y] = plane[2 * y, :size]
            rows[half + y] = plane[2 * y + 1, :size]
        for step in range(4):
            _lift_rows(rows, step, _STEPS[step])
        for y in range(size):
            low, high = plane[y, :half], plane[y, half:size]
            _split_row(rows[y], low, high)
            for step in range(4):
                _lift_row(low, high, step, _STEPS[step])
            _scale_row(low, _LOW * (_LOW if y < half else _HIGH))
            _scale_row(high, _HIGH * (_LOW if y < half else _HIGH))
        size = half


@kernel
def synthesize(plane: NDArray[np.float32], coarsest: int) -> None:
    """Undo `analyze`."""
    size = 2 * coarsest
    while size <= plane.shape[0]:
        half = size // 2
        rows = np.empty((size, size), np.float32)
        for y in range(size):
            low, high = plane[y, :half], plane[y, half:size]
            _scale_row(low, _ONE / (_LOW * (_LOW if y < half else _HIGH)))
            _scale_row(high, _ONE / (_HIGH * (_LOW if y < half else _HIGH)))
            for step in range(3, -1, -1):
                _lift_row(low, high, step, -_STEPS[step])
            _join_row(low, high, rows[y])
        for step in range(3, -1, -1):
            _lift_rows(rows, step, -_STEPS[step])
        for y in range(half):
            plane[2 * y, :size] = rows[y]
            plane[2 * y + 1, :size] = rows[half + y]
        size *= 2


@kernel
def _raise_row(row, unit, power):
    for i in range(row.size):
        size = min(max(abs(row[i]) * unit, _FLOOR), _CEILING)
        raised = exp2(power * log2(size))
        row[i] = -raised if row[i] < 0 else raised


@kernel
def _energy(plane, top, left, half):
    """Sum squares row by row, in an order that no vector unit changes."""
    total = 0.0
    for y in range(top, top + half):
        for x in range(left, left + half):
            total += np.float64(plane[y, x]) * np.float64(plane[y, x])
    return total


@kernel
def reshape_marginals(
    plane: NDArray[np.float32], coarsest: int, marginals: NDArray[np.float32]
) -> None:
    """Give a field's wavelet coefficients heavy tails: sign(c) |c| ** power, in each band.

    A Gaussian coefficient's power p has a density with the tail exp(-|x| ** (2 / p) / 2), as the
    generalised Gaussian of shape 2 / p.

    Parameters
    ----------
    plane : float32 array, shape (n, n)
        The field, changed in place; n is a power of two.
    coarsest : int
        Bands smaller than this a side stay as they are.
    marginals : float32 array, shape (levels, 3, 2)
        By level, from the coarsest, and for the details across, along and diagonally: the power,
        and the gain of the band's standard deviation. Finer levels than there are repeat the last.
    """
    if plane.shape[0] <= coarsest:
        return
    analyze(plane, coarsest)
    half = coarsest
    level = 0
    while half < plane.shape[0]:
        for side in range(3):
            top = 0 if side == 0 else half
            left = 0 if side == 1 else half
            power = marginals[level, side, 0]
            before = np.sqrt(_energy(plane, top, left, half) / (half * half))
            unit = _ONE / max(np.float32(before), _TINY)
            for y in range(top, top + half):
                _raise_row(plane[y, left : left + half], unit, power)
            after = np.sqrt(_energy(plane, top, left, half) / (half * half))
            gain = np.float32(before * marginals[level, side, 1] / after)
            for y in range(top, top + half):
                _scale_row(plane[y, left : left + half], gain)
        half *= 2
        level = min(level + 1, marginals.shape[0] - 1)
    synthesize(plane, coarsest)
