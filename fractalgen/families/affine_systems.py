"""Systems of contractive affine maps, as parameters: see `fractalgen.kernels.affine_systems`."""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.affine_systems import N_UNIFORMS, choose_by_area, draw_system, frame

__all__ = ["AffineMap", "is_contractive", "sample_system"]

AffineMap = tuple[float, float, float, float, float, float]
"""(a, b, c, d, e, f): x' = a x + b y + c, y' = d x + e y + f."""


def sample_system(
    rng: np.random.Generator,
    n_maps: int,
    center: tuple[float, float],
    extent: tuple[float, float],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Draw a system whose attractor fills a box, by and large.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_maps : int
        2 or more.
    center, extent : tuple of float
        The box's centre and sides.

    Returns
    -------
    maps : ndarray of float64, shape (n_maps, 6)
        Of nine digits.
    weights : ndarray of int64, shape (n_maps,)
        How many of 256 random bytes choose each map.
    """
    maps, weights = np.empty((n_maps, 6)), np.empty(n_maps, np.int64)
    draw_system(rng.random(1 + N_UNIFORMS * n_maps), maps)
    choose_by_area(maps, weights)
    frame(maps, weights, np.array(center), np.array(extent))
    return maps, weights


def is_contractive(row: AffineMap) -> bool:
    """Say whether a map's iterates converge: both eigenvalues are inside the unit circle."""
    a, b, _, d, e, _ = row
    determinant = a * e - b * d
    return abs(determinant) < 1.0 and abs(a + e) < 1.0 + determinant
