"""What a small histogram of visits tells of a fractal, in whole numbers."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.chaos_game import COUNT_SHIFT
from fractalgen.kernels.jit import kernel

__all__ = ["TILE", "DensityProbe", "examine"]

TILE = 8
"""Pixels a side of a tile."""

_COUNT_SHIFT = np.uint64(COUNT_SHIFT)
_ONE_VISIT = np.uint64(1 << COUNT_SHIFT)


class DensityProbe(NamedTuple):
    """How much of a square is visited, and how.

    Attributes
    ----------
    visited, single : int
        Pixels that are visited, and those that are visited once.
    inner : int
        Visited pixels whose four neighbours are visited too.
    tiles : int
        Tiles of 8 x 8 pixels that are visited.
    visits, squares : int
        Sums of the visits and of their squares.
    """

    visited: int
    single: int
    inner: int
    tiles: int
    visits: int
    squares: int


@kernel
def _count(histogram: NDArray[np.uint64], size: int) -> tuple[int, int, int, int, int, int]:
    visited = single = inner = tiles = visits = squares = 0
    row = column = band = 0
    for pixel in range(size * size):
        count = np.int64(histogram[pixel] >> _COUNT_SHIFT)
        if count > 0:
            visited += 1
            single += count == 1
            visits += count
            squares += count * count
            band |= 1 << column // TILE
            if 0 < row < size - 1 and 0 < column < size - 1:
                inner += (
                    histogram[pixel - 1] >= _ONE_VISIT
                    and histogram[pixel + 1] >= _ONE_VISIT
                    and histogram[pixel - size] >= _ONE_VISIT
                    and histogram[pixel + size] >= _ONE_VISIT
                )
        column += 1
        if column == size:
            column = 0
            row += 1
            if row % TILE == 0:
                while band:
                    tiles += band & 1
                    band >>= 1
    return visited, single, inner, tiles, visits, squares


def examine(histogram: NDArray[np.uint64], size: int) -> DensityProbe:
    """Examine a histogram from `fractalgen.kernels.chaos_game.scatter`.

    Parameters
    ----------
    histogram : ndarray of uint64, shape (at least size * size,)
    size : int
        Pixels a side, a multiple of 8, at most 496.
    """
    return DensityProbe(*_count(histogram, size))
