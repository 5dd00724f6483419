"""Fields made comparable: logarithms of counts and distances, and their histograms."""

import numpy as np

from fractalgen.kernels.elementary import log2
from fractalgen.kernels.escape_time import ANGLE, DISTANCE, HIT, SMOOTH
from fractalgen.kernels.jit import kernel

__all__ = ["compress_fields", "field_ranges", "histogram"]

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_NEAREST = np.float32(1e-6)
_FARTHEST = np.float32(1e4)


@kernel
def compress_fields(fields):
    """Replace counts n by log2(1 + n), distances d by log2(d), and angles by [0, 1], in place.

    Parameters
    ----------
    fields : float32 array, shape (4, side, side)
        As `fractalgen.kernels.escape_time.escape_fields` writes them. Smooth counts of samples
        that did not escape stay -1; distances are clamped to [1e-6, 1e4].
    """
    side = fields.shape[1]
    for row in range(side):
        for column in range(side):
            smooth = fields[SMOOTH, row, column]
            logarithm = log2(_ONE + max(smooth, _ZERO))
            fields[SMOOTH, row, column] = logarithm if smooth >= _ZERO else -_ONE
        for column in range(side):
            distance = fields[DISTANCE, row, column]
            fields[DISTANCE, row, column] = log2(min(max(distance, _NEAREST), _FARTHEST))
        for column in range(side):
            fields[HIT, row, column] = log2(_ONE + fields[HIT, row, column])
        for column in range(side):
            fields[ANGLE, row, column] += _HALF


@kernel
def field_ranges(fields, stride, ranges):
    """Write the least and the greatest value of each field.

    Parameters
    ----------
    fields : float32 array, shape (4, side, side)
        As `compress_fields` leaves them.
    stride : int
        Look at every `stride`-th sample in both directions.
    ranges : float32 array, shape (4, 2)
        Written. Smooth counts of samples that did not escape are left out; a field without any
        value gets (0, 0).
    """
    side = fields.shape[1]
    for field in range(4):
        lowest = np.float32(1e30)
        highest = np.float32(-1e30)
        for row in range(0, side, stride):
            for column in range(0, side, stride):
                value = fields[field, row, column]
                if field != SMOOTH or value >= _ZERO:
                    lowest = min(lowest, value)
                    highest = max(highest, value)
        empty = lowest > highest
        ranges[field, 0] = _ZERO if empty else lowest
        ranges[field, 1] = _ZERO if empty else highest


@kernel
def histogram(plane, stride, low, high, counts):
    """Count a field's values in equal bins; values below `low` are left out.

    Parameters
    ----------
    plane : float32 array, shape (side, side)
        One field.
    stride : int
        Look at every `stride`-th sample in both directions.
    low, high : float32
        The range of the bins; `high` above `low`.
    counts : int64 array, shape (n,)
        Written.
    """
    n = counts.size
    for bin_index in range(n):
        counts[bin_index] = 0
    scale = np.float32(n) / (high - low)
    for row in range(0, plane.shape[0], stride):
        for column in range(0, plane.shape[1], stride):
            value = plane[row, column]
            if value >= low:
                bin_index = min(np.int64((value - low) * scale), n - 1)
                counts[bin_index] += 1
