"""Systems of contractive affine maps: how they are drawn, and where their attractors lie.

Source: C. Anderson and R. Farrell, "Improving fractal pre-training", WACV 2022.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.families.base import rounded
from fractalgen.kernels.chaos_game import N_CHOICES, trace

__all__ = [
    "AffineMap",
    "choice_table",
    "choice_weights",
    "fixed_point",
    "framed",
    "is_contractive",
    "sample_singular_values",
    "sample_system",
    "visited_box",
]

AffineMap = tuple[float, float, float, float, float, float]
"""(a, b, c, d, e, f): x' = a x + b y + c, y' = d x + e y + f."""

_N_WINDOW_POINTS = 2048
_TRIMMED_SHARE = 0.01
_MIN_WEIGHT = 3
_MIN_SIDE = 1e-6
_WINDOW_STREAM = np.uint64(0)


def sample_singular_values(rng: np.random.Generator, n_maps: int) -> NDArray[np.float64]:
    """Draw the singular values of contractive maps whose sigma-factor suits their number.

    The sigma-factor is the sum of s1 + 2 s2 over the maps; uniform in ((5 + n) / 2, (6 + n) / 2)
    it gives attractors that are neither dust nor solid.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_maps : int
        2 or more.

    Returns
    -------
    ndarray of float64, shape (n_maps, 2)
        Pairs 1 >= s1 >= s2 >= 0.
    """
    factor = rng.uniform(0.5 * (5 + n_maps), 0.5 * (6 + n_maps))
    values = np.empty((n_maps, 2))
    # What is left of the factor, and what is left when every map to come takes its most, 3.
    left, beyond = factor, factor - 3 * n_maps + 3
    for index in range(n_maps - 1):
        first = rng.uniform(max(0.0, beyond / 3), min(1.0, left))
        left, beyond = left - first, beyond - first
        second = rng.uniform(max(0.0, beyond / 2), min(first, left / 2))
        left, beyond = left - 2 * second, beyond - 2 * second + 3
        values[index] = first, second
    second = rng.uniform(max(0.0, (left - 1) / 2), left / 3)
    values[-1] = left - 2 * second, second
    return values


def sample_system(rng: np.random.Generator, n_maps: int) -> NDArray[np.float64]:
    """Draw affine maps: rotation, scaling by two singular values, rotation, random signs.

    Returns
    -------
    ndarray of float64, shape (n_maps, 6)
        Rows (a, b, c, d, e, f): x' = a x + b y + c, y' = d x + e y + f; c and f in [-1, 1].
        Mirrored and transposed systems are as likely as the system itself.
    """
    first, second = sample_singular_values(rng, n_maps).T
    angles = 2 * np.pi * rng.random((2, n_maps))
    signs = rng.integers(0, 2, (2, n_maps)) * 2.0 - 1.0
    (cos_out, cos_in), (sin_out, sin_in) = np.cos(angles), np.sin(angles)
    maps = np.empty((n_maps, 6))
    maps[:, 0] = signs[0] * (first * cos_out * cos_in - second * sin_out * sin_in)
    maps[:, 1] = -signs[1] * (first * cos_out * sin_in + second * sin_out * cos_in)
    maps[:, 3] = signs[0] * (first * sin_out * cos_in + second * cos_out * sin_in)
    maps[:, 4] = signs[1] * (second * cos_out * cos_in - first * sin_out * sin_in)
    maps[:, 2::3] = rng.uniform(-1, 1, (n_maps, 2))
    return maps


def choice_weights(maps: NDArray[np.float64]) -> tuple[int, ...]:
    """Return how many of 256 random bytes choose each map, in proportion to |determinant|.

    A map that flattens the plane keeps 3 of them: its image is part of the attractor too.
    """
    area = np.abs(maps[:, 0] * maps[:, 4] - maps[:, 1] * maps[:, 3]) + 1e-12
    weights = np.maximum(_MIN_WEIGHT, np.floor(N_CHOICES * area / area.sum())).astype(int)
    weights[np.argmax(weights)] += N_CHOICES - weights.sum()
    return tuple(weights.tolist())


def choice_table(
    maps: tuple[AffineMap, ...] | NDArray[np.float64], weights: tuple[int, ...], unit: float = 1.0
) -> NDArray[np.float64]:
    """Return the map of each random byte, shape (256, 6), with a side of `unit` pixels."""
    scaled = np.array(maps) * np.array((1.0, 1.0, unit, 1.0, 1.0, unit))
    return np.repeat(scaled, weights, axis=0)


def is_contractive(row: AffineMap) -> bool:
    """Say whether a map's iterates converge: both eigenvalues are inside the unit circle."""
    a, b, _, d, e, _ = row
    determinant = a * e - b * d
    return abs(determinant) < 1.0 and abs(a + e) < 1.0 + determinant


def fixed_point(row: AffineMap | NDArray[np.float64]) -> tuple[float, float]:
    """Return the fixed point of a contractive map, which belongs to the attractor."""
    a, b, c, d, e, f = (float(value) for value in row)
    determinant = (1.0 - a) * (1.0 - e) - b * d
    return ((1.0 - e) * c + b * f) / determinant, ((1.0 - a) * f + d * c) / determinant


def visited_box(
    maps: NDArray[np.float64], weights: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper corner of where the orbit spends its time.

    The hundredth part of a short orbit that is farthest out on each side does not count.
    """
    table = choice_table(maps, weights)
    points = trace(table, *fixed_point(maps[0]), _N_WINDOW_POINTS, _WINDOW_STREAM)
    points.sort(axis=1)
    trimmed = int(_TRIMMED_SHARE * _N_WINDOW_POINTS)
    return points[:, trimmed], points[:, -1 - trimmed]


def framed(
    maps: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    center: NDArray[np.float64],
    extent: NDArray[np.float64],
) -> tuple[AffineMap, ...]:
    """Move and stretch a system so that a box of the plane lands where it is wanted.

    Parameters
    ----------
    maps : ndarray of float64, shape (n_maps, 6)
    low, high : ndarray of float64, shape (2,)
        Corners of the box.
    center, extent : ndarray of float64, shape (2,)
        Where its centre is to be, and its sides.

    Returns
    -------
    tuple of tuple of float
        The same system in the new coordinates, to nine digits.
    """
    scale = extent / np.maximum(high - low, _MIN_SIDE)
    shift = center - scale * (low + high) / 2
    system = maps.reshape(-1, 2, 3)
    moved = np.empty_like(system)
    moved[:, :, :2] = system[:, :, :2] * scale[:, None] / scale
    turned = moved[:, :, 0] * shift[0] + moved[:, :, 1] * shift[1]
    moved[:, :, 2] = scale * system[:, :, 2] + shift - turned
    rows = (tuple(map(rounded, row)) for row in moved.reshape(-1, 6).tolist())
    return tuple((a, b, c, d, e, f) for a, b, c, d, e, f in rows)
