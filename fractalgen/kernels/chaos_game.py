"""The chaos game: scatter the random orbit of an iterated function system into a histogram.

Eight orbits run side by side, so that the processor works on one while another waits for its
last multiplication; one 64-bit draw gives a byte to each, and a table of 256 rows turns the byte
into a map. The orbit is float64: it costs what float32 does, since no vector unit is involved,
and a plain NumPy chaos game over the same choices gives the very same histogram.

Source: M. F. Barnsley, "Fractals Everywhere", 1988, chapter 3.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.jit import kernel
from fractalgen.kernels.random_bits import bits_at

__all__ = ["COUNT_SHIFT", "N_CHAINS", "N_CHOICES", "TONE_BITS", "scatter", "trace"]

N_CHAINS = 8
N_CHOICES = 256
TONE_BITS = 16
COUNT_SHIFT = 36

# Steps that are taken before the first point is drawn: all orbits start at one point.
_N_SILENT = 24

_BYTE = np.uint64(0xFF)
_BYTE_BITS = np.uint64(8)
_ONE = np.int32(1)
_SIGN = np.int32(31)
_TONE_TO_BYTE = np.int32(TONE_BITS - 8)
_ONE_HIT = np.uint64(1 << COUNT_SHIFT)


@kernel
def scatter(
    table: NDArray[np.float64],
    tones: NDArray[np.int32],
    start_x: float,
    start_y: float,
    n_points: int,
    stream: np.uint64,
    size: int,
    histogram: NDArray[np.uint64],
) -> None:
    """Count an orbit's visits to each pixel, and add up the tones with which it came.

    Parameters
    ----------
    table : ndarray of float64, shape (256, 6)
        The map of each random byte: x' = t0 x + t1 y + t2, y' = t3 x + t4 y + t5, in pixels.
    tones : ndarray of int32, shape (256,)
        The tone of each byte's map, 0 to 65535. An orbit carries a tone of its own, which every
        step moves halfway towards its map's.
    start_x, start_y : float
        A point of the attractor, in pixels.
    n_points : int
        Points to draw, those outside the picture included; rounded up to a multiple of 8.
    stream : uint64
        Which random stream to follow.
    size : int
        Pixels a side.
    histogram : ndarray of uint64, shape (size * size + 8,)
        Added to: visits in the bits from 36 on, the sum of their tones / 256 in those below. The
        last 8 entries take what fell outside, so that no step needs a branch.
    """
    xs = np.full(N_CHAINS, start_x)
    ys = np.full(N_CHAINS, start_y)
    carried = np.zeros(N_CHAINS, dtype=np.int32)
    places = np.empty(N_CHAINS, dtype=np.uint32)
    side = np.int32(size)
    last = np.int32(size - 1)
    outside = np.int32(size * size)
    for step in range(_N_SILENT + (n_points + N_CHAINS - 1) // N_CHAINS):
        drawn = bits_at(stream, np.uint64(step))
        shown = np.int32(step - _N_SILENT)
        for chain in range(N_CHAINS):
            choice = np.intp(drawn & _BYTE)
            drawn >>= _BYTE_BITS
            x = xs[chain]
            y = ys[chain]
            new_x = table[choice, 0] * x + table[choice, 1] * y + table[choice, 2]
            new_y = table[choice, 3] * x + table[choice, 4] * y + table[choice, 5]
            xs[chain] = new_x
            ys[chain] = new_y
            carried[chain] = (carried[chain] + tones[choice]) >> _ONE
            # Conversion drops the fraction: one more, then one less, rounds (-1, 0) to -1. What
            # comes of a float beyond all integers is outside too.
            column = np.int32(np.int32(new_x + 1.0) - _ONE)
            row = np.int32(np.int32(new_y + 1.0) - _ONE)
            # All ones if any of these is negative, else 0: a branch would be mispredicted where
            # a fractal reaches beyond the picture, and cost as much as all the rest.
            past = np.int32(last - column) | np.int32(last - row)
            hidden = np.int32(column | row | past | shown) >> _SIGN
            place = (row * side + column) & ~hidden | (outside + chain) & hidden
            places[chain] = np.uint32(place)
        for chain in range(N_CHAINS):
            tone = np.uint64(carried[chain] >> _TONE_TO_BYTE)
            histogram[np.intp(places[chain])] += _ONE_HIT + tone


@kernel
def trace(
    table: NDArray[np.float64], start_x: float, start_y: float, n_points: int, stream: np.uint64
) -> NDArray[np.float64]:
    """Return points of an orbit, float64 of shape (2, n_points): all x, then all y.

    The parameters are those of `scatter`; the table's unit of length is free.
    """
    points = np.empty((2, n_points))
    xs = np.full(N_CHAINS, start_x)
    ys = np.full(N_CHAINS, start_y)
    for step in range(_N_SILENT + n_points // N_CHAINS):
        drawn = bits_at(stream, np.uint64(step))
        for chain in range(N_CHAINS):
            choice = np.intp(drawn & _BYTE)
            drawn >>= _BYTE_BITS
            x = xs[chain]
            y = ys[chain]
            xs[chain] = table[choice, 0] * x + table[choice, 1] * y + table[choice, 2]
            ys[chain] = table[choice, 3] * x + table[choice, 4] * y + table[choice, 5]
            if step >= _N_SILENT:
                place = (step - _N_SILENT) * N_CHAINS + chain
                points[0, place] = xs[chain]
                points[1, place] = ys[chain]
    return points
