"""Variations of an affine system, of which fractals of one class are made.

Source: Kataoka et al., "Pre-training without natural images", ACCV 2020: one of the six numbers of
all maps is multiplied by a weight from 0.8 to 1.2, and images are mirrored.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fractalgen.families.base import AffineMap, is_contractive
from fractalgen.kernels.affine_systems import choose_by_area, frame

__all__ = ["vary_system"]

_SHARE = 0.2
_MAX_HALVINGS = 8


def vary_system(
    maps: Sequence[AffineMap],
    rng: np.random.Generator,
    center: tuple[float, float],
    extent: tuple[float, float],
) -> tuple[tuple[AffineMap, ...], tuple[int, ...]]:
    """Weight one of the six numbers of all maps, mirror the system, and fit it to a box.

    Return the maps, and how many of 256 random bytes choose each of them. A weight that makes a
    map expand is moved half way to 1, until it does not.
    """
    number, change = int(rng.integers(6)), rng.uniform(-_SHARE, _SHARE)
    mirrored = np.array([1.0 if rng.random() < 0.5 else -1.0 for _ in range(2)])
    system = np.array(maps)
    # Seen from the middle of the image, mirroring changes only signs.
    system[:, 2] += 0.5 * (system[:, 0] + system[:, 1]) - 0.5
    system[:, 5] += 0.5 * (system[:, 3] + system[:, 4]) - 0.5
    for _ in range(_MAX_HALVINGS):
        varied = system.copy()
        varied[:, number] *= 1.0 + change
        if all(is_contractive(tuple(row)) for row in varied.tolist()):
            break
        change *= 0.5
    else:
        varied = system
    across, along = mirrored
    varied = varied * np.array([1.0, across * along, across, across * along, 1.0, along])
    varied[:, 2] -= 0.5 * (varied[:, 0] + varied[:, 1]) - 0.5
    varied[:, 5] -= 0.5 * (varied[:, 3] + varied[:, 4]) - 0.5
    weights = np.empty(len(varied), np.int64)
    choose_by_area(varied, weights)
    frame(varied, weights, np.array(center), np.array(extent))
    return _rows(varied), tuple(weights.tolist())


def _rows(maps: NDArray[np.float64]) -> tuple[AffineMap, ...]:
    a, b, c, d, e, f = maps.T.tolist()
    return tuple(zip(a, b, c, d, e, f, strict=True))
