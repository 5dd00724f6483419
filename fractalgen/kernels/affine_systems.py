"""Iterated function systems: draw them, move them into place, and scatter their orbits.

A system is an array of affine maps (a, b, c, d, e, f): x' = a x + b y + c, y' = d x + e y + f.

The chaos game runs eight orbits side by side, so the processor works on one while another waits for
its last multiplication. One 64-bit draw gives a byte to each, and a table of 256 rows
turns the byte into a map. The orbit is float64, which costs no more than float32 because no vector
unit is involved; a plain NumPy chaos game with the same choices gives exactly the same histogram.

Sources: C. Anderson and R. Farrell, "Improving fractal pre-training", WACV 2022; M. F. Barnsley,
"Fractals Everywhere", 1988, chapter 3.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.elementary import direction
from fractalgen.kernels.jit import inlined, kernel
from fractalgen.kernels.random_bits import bits_at

__all__ = [
    "COUNT_SHIFT",
    "N_CHAINS",
    "N_CHOICES",
    "N_UNIFORMS",
    "TONE_BITS",
    "choose_by_area",
    "draw_system",
    "frame",
    "scatter",
    "trace",
]

N_CHAINS = 8
N_CHOICES = 256
TONE_BITS = 16
COUNT_SHIFT = 36

# Steps in a block; the first block's points are not drawn.
_N_STEPS = 24

_BYTE = np.uint64(0xFF)
_BYTE_BITS = np.uint64(8)
_CHAIN = np.int32(N_CHAINS - 1)
_ONE = np.int32(1)
_SIGN = np.int32(31)
_TONE_TO_BYTE = np.int32(TONE_BITS - 8)
_ONE_HIT = np.uint64(1 << COUNT_SHIFT)
N_UNIFORMS = 8  # that `draw_system` needs for each map

_N_POINTS = 2048
_TRIMMED = 20
_STREAM = np.uint64(0)
_MIN_WEIGHT = 3
_MIN_SIDE = 1e-6
_MIN_UNIT = 1e9
_MAX_UNIT = 1e18


@kernel
def draw_system(uniforms: NDArray[np.float64], maps: NDArray[np.float64]) -> None:
    """Draw affine maps: rotation, scaling by two singular values, rotation, random signs.

    The sigma-factor is the sum of s1 + 2 s2 over the maps' singular values 1 >= s1 >= s2 >= 0.
    Drawn uniformly from ((5 + n) / 2, (6 + n) / 2), it gives attractors that are neither dust nor
    solid. Mirrored and transposed systems are as likely as the system itself.

    `uniforms`, in [0, 1), has the shape (1 + 8 n_maps,); c and f come out in [-1, 1].
    """
    n_maps = maps.shape[0]
    # The rest of the factor, and what would remain if every later map took its maximum, 3.
    left = 0.5 * (5.0 + n_maps + uniforms[0])
    beyond = left - 3.0 * n_maps + 3.0
    for index in range(n_maps):
        u = uniforms[1 + N_UNIFORMS * index :]
        if index < n_maps - 1:
            low, high = max(0.0, beyond / 3.0), min(1.0, left)
            first = low + (high - low) * u[0]
            left, beyond = left - first, beyond - first
            low, high = max(0.0, beyond / 2.0), min(first, left / 2.0)
            second = low + (high - low) * u[1]
            left, beyond = left - 2.0 * second, beyond - 2.0 * second + 3.0
        else:
            low, high = max(0.0, (left - 1.0) / 2.0), left / 3.0
            second = low + (high - low) * u[1]
            first = left - 2.0 * second
        cos_out, sin_out = direction(u[2])
        cos_in, sin_in = direction(u[3])
        sign_x = 1.0 if u[4] < 0.5 else -1.0
        sign_y = 1.0 if u[5] < 0.5 else -1.0
        maps[index, 0] = sign_x * (first * cos_out * cos_in - second * sin_out * sin_in)
        maps[index, 1] = -sign_y * (first * cos_out * sin_in + second * sin_out * cos_in)
        maps[index, 2] = 2.0 * u[6] - 1.0
        maps[index, 3] = sign_x * (first * sin_out * cos_in + second * cos_out * sin_in)
        maps[index, 4] = sign_y * (second * cos_out * cos_in - first * sin_out * sin_in)
        maps[index, 5] = 2.0 * u[7] - 1.0


@kernel
def choose_by_area(maps: NDArray[np.float64], weights: NDArray[np.int64]) -> None:
    """Set how many of the 256 byte values choose each map, in proportion to |determinant|.

    Every map gets at least 3, even one that flattens the plane: its image is part of the attractor.
    """
    total = 0.0
    for i in range(maps.shape[0]):
        total += abs(maps[i, 0] * maps[i, 4] - maps[i, 1] * maps[i, 3]) + 1e-12
    left, largest = N_CHOICES, 0
    for i in range(maps.shape[0]):
        area = abs(maps[i, 0] * maps[i, 4] - maps[i, 1] * maps[i, 3]) + 1e-12
        weights[i] = max(_MIN_WEIGHT, np.int64(N_CHOICES * area / total))
        left -= weights[i]
        largest = i if weights[i] > weights[largest] else largest
    weights[largest] += left


@inlined
def _nine_digits(value):
    """Round to nine significant digits or more: short to record, the same on every processor."""
    unit = _MIN_UNIT
    while abs(value) * unit < 1e8 and unit < _MAX_UNIT:
        unit *= 10.0
    return np.floor(value * unit + 0.5) / unit


@inlined
def _trimmed(points, sign):
    """Return the 21st smallest of the points times `sign`: about a hundredth are smaller."""
    least = np.empty(_TRIMMED + 1)
    for i in range(_TRIMMED + 1):
        least[i] = np.inf
    for i in range(points.size):
        value = sign * points[i]
        if value < least[_TRIMMED]:
            place = _TRIMMED
            while place > 0 and least[place - 1] > value:
                least[place] = least[place - 1]
                place -= 1
            least[place] = value
    return sign * least[_TRIMMED]


@kernel
def frame(
    maps: NDArray[np.float64],
    weights: NDArray[np.int64],
    center: NDArray[np.float64],
    extent: NDArray[np.float64],
) -> None:
    """Move and stretch a system in place, so that its attractor roughly fills a box.

    `center` and `extent` are the box's centre and sides. The outermost hundredth of a short orbit
    on each side is ignored. The maps come out rounded to nine digits.
    """
    points = np.empty((2, _N_POINTS))
    trace(maps, weights, _STREAM, points)
    scale = np.empty(2)
    shift = np.empty(2)
    for axis in range(2):
        low, high = _trimmed(points[axis], 1.0), _trimmed(points[axis], -1.0)
        scale[axis] = extent[axis] / max(high - low, _MIN_SIDE)
        shift[axis] = center[axis] - scale[axis] * (low + high) / 2.0
    for i in range(maps.shape[0]):
        for axis in range(2):
            row = maps[i, 3 * axis :]
            x = row[0] * scale[axis] / scale[0]
            y = row[1] * scale[axis] / scale[1]
            moved = scale[axis] * row[2] + shift[axis] - (x * shift[0] + y * shift[1])
            row[0], row[1], row[2] = _nine_digits(x), _nine_digits(y), _nine_digits(moved)


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
    """Count an orbit's visits to each pixel, and add up the tones it carried.

    `maps`, of shape (n_maps, 6), map the unit square; the first is a contraction, and the orbit
    starts at its fixed point. `weights` say how many of the 256 byte values choose each map.
    `tones`, 0 to 65535, are those of the maps: an orbit carries a tone, which every step moves
    halfway towards that of its map. `n_points`, rounded up to a multiple of 8, includes points
    outside the image.

    Results are added to `histogram`, of shape (size * size + 8,): visits in bits 36 and up, the sum
    of their tones / 256 in the lower bits. The last 8 entries collect points outside the image, so
    no step needs a branch.
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
    # Row 0 of each is the start of a block of steps, where the previous block ended.
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
            continue  # all orbits start at one point
        # Without look-ups, so this loop is vectorised.
        for at in range(N_CHAINS * _N_STEPS):
            # Conversion drops the fraction: adding and subtracting 1 rounds (-1, 0) to -1. A float
            # beyond all integers ends up outside too.
            column = np.int32(np.int32(xs[at + N_CHAINS] + 1.0) - _ONE)
            row = np.int32(np.int32(ys[at + N_CHAINS] + 1.0) - _ONE)
            # All ones if any of these is negative, else 0. A branch would be mispredicted if a
            # fractal reaches beyond the image, and would cost as much as everything else.
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

    The other parameters are those of `scatter`, but the maps may have any unit of length.
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
