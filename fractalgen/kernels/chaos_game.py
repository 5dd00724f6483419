"""The chaos game: scatter the random orbit of an iterated function system into a histogram.

Eight orbits run side by side, so that the processor works on one while another waits for its
last multiplication; one 64-bit draw gives a byte to each, and a table of 256 rows turns the byte
into a map. The orbit is float64: it costs what float32 does, since no vector unit is involved,
and a plain NumPy chaos game over the same choices gives the very same histogram.

Source: M. F. Barnsley, "Fractals Everywhere", 1988, chapter 3.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.jit import inlined, kernel
from fractalgen.kernels.random_bits import bits_at

__all__ = ["COUNT_SHIFT", "N_CHAINS", "N_CHOICES", "TONE_BITS", "scatter", "trace"]

N_CHAINS = 8
N_CHOICES = 256
TONE_BITS = 16
COUNT_SHIFT = 36

# Steps that are taken at a time, and also before the first point is drawn.
_N_STEPS = 24

_BYTE = np.uint64(0xFF)
_BYTE_BITS = np.uint64(8)
_CHAIN = np.int32(N_CHAINS - 1)
_ONE = np.int32(1)
_SIGN = np.int32(31)
_TONE_TO_BYTE = np.int32(TONE_BITS - 8)
_ONE_HIT = np.uint64(1 << COUNT_SHIFT)


@inlined
def _start(maps):
    """Return the first map's fixed point, which belongs to the attractor."""
    a, b, c = maps[0, 0], maps[0, 1], maps[0, 2]
    d, e, f = maps[0, 3], maps[0, 4], maps[0, 5]
    determinant = (1.0 - a) * (1.0 - e) - b * d
    return ((1.0 - e) * c + b * f) / determinant, ((1.0 - a) * f + d * c) / determinant


@kernel
def scatter(
    maps: NDArray[np.float64],
    weights: NDArray[np.int64],
    tones: NDArray[np.int32],
    n_points: int,
    stream: np.uint64,
    size: int,
    histogram: NDArray[np.uint64],
) -> None:
    """Count an orbit's visits to each pixel, and add up the tones with which it came.

    Parameters
    ----------
    maps : ndarray of float64, shape (n_maps, 6)
        Rows (a, b, c, d, e, f): x' = a x + b y + c, y' = d x + e y + f, of the unit square. The
        first is a contraction, and the orbit starts at its fixed point.
    weights : ndarray of int64, shape (n_maps,)
        How many of 256 random bytes choose each map; they add up to 256.
    tones : ndarray of int32, shape (n_maps,)
        The tone of each map, 0 to 65535. An orbit carries a tone of its own, which every
        step moves halfway towards its map's.
    n_points : int
        Points to draw, those outside the image included; rounded up to a multiple of 8.
    stream : uint64
        Which random stream to follow.
    size : int
        Pixels a side.
    histogram : ndarray of uint64, shape (size * size + 8,)
        Added to: visits in the bits from 36 on, the sum of their tones / 256 in those below. The
        last 8 entries take what fell outside, so that no step needs a branch.
    """
    unit = np.float64(size)
    table = np.empty((N_CHOICES, 6))
    tone_of = np.empty(N_CHOICES, dtype=np.int32)
    choice = 0
    for row in range(maps.shape[0]):
        for _ in range(weights[row]):
            for k in range(6):
                table[choice, k] = maps[row, k] * unit if k % 3 == 2 else maps[row, k]
            tone_of[choice] = tones[row]
            choice += 1
    # Row 0 of these is where a block of steps starts, as the block before has left it.
    xs = np.empty(N_CHAINS * (_N_STEPS + 1))
    ys = np.empty(N_CHAINS * (_N_STEPS + 1))
    carried = np.empty(N_CHAINS * (_N_STEPS + 1), dtype=np.int32)
    places = np.empty(N_CHAINS * _N_STEPS, dtype=np.int32)
    start_x, start_y = _start(maps)
    for at in range(N_CHAINS * _N_STEPS, N_CHAINS * (_N_STEPS + 1)):
        xs[at] = start_x * unit
        ys[at] = start_y * unit
        carried[at] = 0
    side = np.int32(size)
    last = np.int32(size - 1)
    outside = np.int32(size * size)
    n_steps = _N_STEPS + (n_points + N_CHAINS - 1) // N_CHAINS
    for first in range(0, n_steps, _N_STEPS):
        for at in range(N_CHAINS):
            xs[at] = xs[at + N_CHAINS * _N_STEPS]
            ys[at] = ys[at + N_CHAINS * _N_STEPS]
            carried[at] = carried[at + N_CHAINS * _N_STEPS]
        for step in range(_N_STEPS):
            drawn = bits_at(stream, np.uint64(first + step))
            for at in range(step * N_CHAINS, (step + 1) * N_CHAINS):
                choice = np.intp(drawn & _BYTE)
                drawn >>= _BYTE_BITS
                x = xs[at]
                y = ys[at]
                new_x = table[choice, 0] * x + table[choice, 1] * y + table[choice, 2]
                new_y = table[choice, 3] * x + table[choice, 4] * y + table[choice, 5]
                xs[at + N_CHAINS] = new_x
                ys[at + N_CHAINS] = new_y
                carried[at + N_CHAINS] = np.int32(carried[at] + tone_of[choice]) >> _ONE
        if first == 0:
            continue  # all orbits started at one point
        # Nothing here is looked up: this loop is one of vectors.
        for at in range(N_CHAINS * _N_STEPS):
            # Conversion drops the fraction: one more, then one less, rounds (-1, 0) to -1. What
            # comes of a float beyond all integers is outside too.
            column = np.int32(np.int32(xs[at + N_CHAINS] + 1.0) - _ONE)
            row = np.int32(np.int32(ys[at + N_CHAINS] + 1.0) - _ONE)
            # All ones if any of these is negative, else 0: a branch would be mispredicted where
            # a fractal reaches beyond the image, and cost as much as all the rest.
            past = np.int32(last - column) | np.int32(last - row)
            hidden = np.int32(column | row | past) >> _SIGN
            inside = np.int32(np.int32(row * side) + column)
            beyond = outside + (np.int32(at) & _CHAIN)
            places[at] = inside & ~hidden | np.int32(beyond) & hidden
        for at in range(N_CHAINS * min(_N_STEPS, n_steps - first)):
            tone = np.uint64(carried[at + N_CHAINS] >> _TONE_TO_BYTE)
            histogram[np.intp(np.uint32(places[at]))] += _ONE_HIT + tone


@kernel
def trace(
    maps: NDArray[np.float64],
    weights: NDArray[np.int64],
    stream: np.uint64,
    points: NDArray[np.float64],
) -> None:
    """Fill `points`, float64 of shape (2, n_points), with an orbit: all x, then all y.

    The other parameters are those of `scatter`; the maps' unit of length is free. All are points
    of one orbit.
    """
    chosen = np.empty(N_CHOICES, dtype=np.int64)
    row, end = 0, weights[0]
    for choice in range(N_CHOICES):
        while choice >= end:
            row += 1
            end += weights[row]
        chosen[choice] = row
    x, y = _start(maps)
    for step in range(_N_STEPS + points.shape[1]):
        row = chosen[np.intp(bits_at(stream, np.uint64(step)) & _BYTE)]
        new_x = maps[row, 0] * x + maps[row, 1] * y + maps[row, 2]
        y = maps[row, 3] * x + maps[row, 4] * y + maps[row, 5]
        x = new_x
        if step >= _N_STEPS:
            points[0, step - _N_STEPS] = x
            points[1, step - _N_STEPS] = y
