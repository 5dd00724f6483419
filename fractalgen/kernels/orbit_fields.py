"""Orbit fields: logarithms of the orbits' records, their ranges and histograms."""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.elementary import atan2_turns, log2
from fractalgen.kernels.jit import kernel
from fractalgen.kernels.lanes import AVERAGE as _LAST_AVERAGE
from fractalgen.kernels.lanes import (
    AVERAGE_BEFORE,
    ESCAPE_COUNT,
    MAGNITUDE,
    N_RECORDS,
    TRAP_COUNT,
    TRAP_DISTANCE,
    TRAP_U,
    TRAP_V,
)
from fractalgen.kernels.orbits import BAILOUT

__all__ = [
    "ANGLE",
    "AVERAGE",
    "DISTANCE",
    "HIT",
    "SMOOTH",
    "field_ranges",
    "histogram",
    "measure_orbits",
]

SMOOTH, DISTANCE, HIT, ANGLE, AVERAGE = range(5)

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)
_NEAREST = np.float32(1e-12)
_FARTHEST = np.float32(1e8)


@kernel
def measure_orbits(records: NDArray[np.float32], power: int) -> None:
    """Turn orbit records into fields, in place: they take the first rows.

    Parameters
    ----------
    records : float32 array, shape (6 or 8, rows, columns)
        As written by `fractalgen.kernels.orbits.follow_orbits`. Afterwards the rows are

        - `SMOOTH`: log2(1 + s) of the smooth escape count s = n + 1 - log(log|z| / log B) / log p,
          with B the bailout and p the power; -1 where the orbit did not escape;
        - `DISTANCE`: log2 of the least distance to a trap, clamped to [1e-6, 1e4];
        - `HIT`: log2(1 + n) of the iteration n of that hit;
        - `ANGLE`: the hit's direction in the trap's frame, from 0 to 1 turn;
        - `AVERAGE`, if there are 8 records: between the averages up to the last iterate but one
          and up to the last, by the fraction of s; -1 where the orbit did not escape.
    power : int
        The formula's power.
    """
    n_rows = records.shape[1]
    n_columns = records.shape[2]
    per_power = _ONE / log2(np.float32(power))
    per_bailout = _HALF / log2(np.float32(BAILOUT))
    with_average = records.shape[0] > N_RECORDS
    for row in range(n_rows):
        if with_average:
            for x in range(n_columns):
                growth = log2(max(records[MAGNITUDE, row, x], _TWO)) * per_bailout
                fraction = min(max(_ONE - log2(growth) * per_power, _ZERO), _ONE)
                before = records[AVERAGE_BEFORE, row, x]
                average = before + fraction * (records[_LAST_AVERAGE, row, x] - before)
                is_outside = records[ESCAPE_COUNT, row, x] >= _ZERO
                records[AVERAGE_BEFORE, row, x] = max(average, _ZERO) if is_outside else -_ONE
        for x in range(n_columns):
            count = records[ESCAPE_COUNT, row, x]
            growth = log2(max(records[MAGNITUDE, row, x], _TWO)) * per_bailout
            smooth = count + _ONE - log2(growth) * per_power
            logarithm = log2(_ONE + max(smooth, _ZERO))
            records[SMOOTH, row, x] = logarithm if count >= _ZERO else -_ONE
        for x in range(n_columns):
            angle = atan2_turns(records[TRAP_V, row, x], records[TRAP_U, row, x])
            squared = records[TRAP_DISTANCE, row, x]
            hit = log2(_ONE + records[TRAP_COUNT, row, x])
            records[DISTANCE, row, x] = _HALF * log2(min(max(squared, _NEAREST), _FARTHEST))
            records[HIT, row, x] = hit
            records[ANGLE, row, x] = angle + _HALF
        if with_average:
            for x in range(n_columns):
                records[AVERAGE, row, x] = records[AVERAGE_BEFORE, row, x]


@kernel
def field_ranges(fields: NDArray[np.float32], ranges: NDArray[np.float32]) -> None:
    """Write the minimum and maximum of each field to `ranges`, of shape (fields, 2).

    Samples that did not escape have no smooth count and no average. A field without
    values gets (0, 0).
    """
    for field in range(ranges.shape[0]):
        lowest = np.float32(1e30)
        highest = np.float32(-1e30)
        for row in range(fields.shape[1]):
            for column in range(fields.shape[2]):
                value = fields[field, row, column]
                if (field != SMOOTH and field != AVERAGE) or value >= _ZERO:
                    lowest = min(lowest, value)
                    highest = max(highest, value)
        empty = lowest > highest
        ranges[field, 0] = _ZERO if empty else lowest
        ranges[field, 1] = _ZERO if empty else highest


@kernel
def histogram(
    plane: NDArray[np.float32],
    low: np.float32,
    high: np.float32,
    counts: NDArray[np.int64],
) -> None:
    """Count a field's values in equal bins from `low` to `high`, ignoring values below `low`."""
    n = counts.size
    for bin_index in range(n):
        counts[bin_index] = 0
    scale = np.float32(n) / (high - low)
    for row in range(plane.shape[0]):
        for column in range(plane.shape[1]):
            value = plane[row, column]
            if value >= low:
                bin_index = min(np.int64((value - low) * scale), n - 1)
                counts[bin_index] += 1
