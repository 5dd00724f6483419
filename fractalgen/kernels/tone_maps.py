"""From a histogram of colours to linear light: logarithmic density, gamma and vibrancy."""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.elementary import exp2, log2
from fractalgen.kernels.jit import inlined, kernel

__all__ = ["COLOR_UNIT", "develop"]

COLOR_UNIT = 256
"""What a visit adds to a channel at full light."""

_TINY = np.float32(1e-9)
_SIXTEENTH = np.float32(0.0625)
_SPARSE = np.float32(4.0)  # with so many visits, a pixel is half of what is around it


@inlined
def _power(x, exponent):
    return exp2(exponent * log2(max(x, _TINY)))


@kernel
def _develop_row(sums, scale, white, inverse_gamma, vibrancy, ground, red, green, blue):
    zero = np.float32(0.0)
    one = np.float32(1.0)
    for i in range(red.size):
        count = sums[0, i]
        density = min(log2(one + count * scale) * white, one)
        share = one / (max(count, _TINY) * np.float32(COLOR_UNIT))
        bright = _power(density, inverse_gamma)
        cover = bright if count > zero else zero
        rest = one - cover
        for_all = vibrancy * bright
        for_each = one - vibrancy if count > zero else zero
        r = sums[1, i] * share
        g = sums[2, i] * share
        b = sums[3, i] * share
        red[i] = r * for_all + for_each * _power(r * density, inverse_gamma) + rest * ground[0]
        green[i] = g * for_all + for_each * _power(g * density, inverse_gamma) + rest * ground[1]
        blue[i] = b * for_all + for_each * _power(b * density, inverse_gamma) + rest * ground[2]


@kernel
def _smooth_row(above, here, below, counts_above, counts_here, counts_below, out):
    """Mix sums with those around them, all the more the fewer visits there are.

    The rows have one more pixel at each end than `out`.
    """
    two = np.float32(2.0)
    for i in range(out.size):
        left = counts_above[i] + two * counts_here[i] + counts_below[i]
        middle = counts_above[i + 1] + two * counts_here[i + 1] + counts_below[i + 1]
        right = counts_above[i + 2] + two * counts_here[i + 2] + counts_below[i + 2]
        count = (left + two * middle + right) * _SIXTEENTH
        left = above[i] + two * here[i] + below[i]
        middle = above[i + 1] + two * here[i + 1] + below[i + 1]
        right = above[i + 2] + two * here[i + 2] + below[i + 2]
        around = (left + two * middle + right) * _SIXTEENTH
        out[i] = around + (here[i + 1] - around) * (count / (count + _SPARSE))


@kernel
def _add_cells(cells, column, oversample, sums):
    """Add up the cells of one pixel."""
    for cell in range(column * oversample, (column + 1) * oversample):
        for k in range(4):
            sums[k] += cells[cell, k]


@kernel
def develop(
    histogram: NDArray[np.uint32],
    oversample: int,
    scale: float,
    brightest: float,
    gamma: float,
    vibrancy: float,
    ground: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Write an image in linear light, smoothed where the histogram has few visits.

    Parameters
    ----------
    histogram : uint32 array, shape (side, side, 4)
        Visits, and the sums of their colours in units of 1 / `COLOR_UNIT`.
    oversample : int
        Cells per pixel along each side.
    scale : float32
        What a pixel's visits are multiplied by before the logarithm.
    brightest : float32
        The number of visits that is white, above 0.
    gamma, vibrancy : float32
        The brightness is the density to the power 1 / gamma. A vibrancy of 1 keeps the hues, 0
        applies the power to each channel.
    ground : float32 array, shape (3,)
        Linear light behind the flame.
    out : float32 array, shape (3, size, size)
        Written; may exceed 1.
    """
    size = out.shape[1]
    planes = np.zeros((4, size + 2, size + 2), np.float32)
    pixel = np.empty(4, np.uint32)
    for row in range(size):
        for column in range(size):
            pixel[:] = np.uint32(0)
            for cell_row in range(row * oversample, (row + 1) * oversample):
                _add_cells(histogram[cell_row], column, oversample, pixel)
            for k in range(4):
                planes[k, row + 1, column + 1] = np.float32(pixel[k])
    sums = np.empty((4, size), np.float32)
    white = np.float32(1.0) / log2(np.float32(1.0) + brightest * scale)
    for row in range(size):
        for k in range(4):
            _smooth_row(
                planes[k, row],
                planes[k, row + 1],
                planes[k, row + 2],
                planes[0, row],
                planes[0, row + 1],
                planes[0, row + 2],
                sums[k],
            )
        _develop_row(
            sums,
            scale,
            white,
            np.float32(1.0) / gamma,
            vibrancy,
            ground,
            out[0, row],
            out[1, row],
            out[2, row],
        )
