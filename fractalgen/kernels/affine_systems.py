"""Systems of contractive affine maps: how they are drawn, and moved to where they are wanted.

A system is an array of rows (a, b, c, d, e, f): x' = a x + b y + c, y' = d x + e y + f.

Source: C. Anderson and R. Farrell, "Improving fractal pre-training", WACV 2022.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.chaos_game import N_CHOICES, trace
from fractalgen.kernels.elementary import direction
from fractalgen.kernels.jit import inlined, kernel

__all__ = ["N_UNIFORMS", "choose_by_area", "draw_system", "frame"]

N_UNIFORMS = 8
"""Uniform numbers that `draw_system` takes for each map."""

_N_POINTS = 2048
_TRIMMED = 20
_STREAM = np.uint64(0)
_MIN_WEIGHT = 3
_MIN_SIDE = 1e-6
_LEAST_UNIT = 1e9
_MOST_UNIT = 1e18


@kernel
def draw_system(uniforms: NDArray[np.float64], maps: NDArray[np.float64]) -> None:
    """Draw affine maps: rotation, scaling by two singular values, rotation, random signs.

    The sigma-factor is the sum of s1 + 2 s2 over the maps' singular values 1 >= s1 >= s2 >= 0;
    uniform in ((5 + n) / 2, (6 + n) / 2) it gives attractors that are neither dust nor solid.
    Mirrored and transposed systems are as likely as the system itself.

    Parameters
    ----------
    uniforms : ndarray of float64, shape (1 + 8 n_maps,)
        Uniform in [0, 1).
    maps : ndarray of float64, shape (n_maps, 6)
        Filled; c and f are in [-1, 1].
    """
    n_maps = maps.shape[0]
    # What is left of the factor, and what is left when every map to come takes its most, 3.
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
    """Fill in how many of 256 random bytes choose each map, in proportion to |determinant|.

    A map that flattens the plane keeps 3 of them: its image is part of the attractor too.
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
    """Round to nine significant digits or more: short on record, the same on every processor."""
    unit = _LEAST_UNIT
    while abs(value) * unit < 1e8 and unit < _MOST_UNIT:
        unit *= 10.0
    return np.floor(value * unit + 0.5) / unit


@inlined
def _trimmed(points, sign):
    """Return the 21st smallest of the points times `sign`: a hundredth of them is smaller."""
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
    """Move and stretch a system, in place, so that its attractor fills a box, by and large.

    The hundredth part of a short orbit that is farthest out on each side does not count.

    Parameters
    ----------
    maps : ndarray of float64, shape (n_maps, 6)
        Afterwards the same system in the new coordinates, to nine digits.
    weights : ndarray of int64, shape (n_maps,)
        From `choose_by_area`.
    center, extent : ndarray of float64, shape (2,)
        The box's centre and sides.
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
