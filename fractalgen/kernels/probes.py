"""Integer measurements of small images, which families use to reject dull ones."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.affine_systems import COUNT_SHIFT
from fractalgen.kernels.jit import kernel

__all__ = ["TILE", "DensityProbe", "LightProbe", "probe_density", "probe_light"]

TILE = 8
"""Pixels a side of a tile."""

_COUNT_SHIFT = np.uint64(COUNT_SHIFT)
_ONE_VISIT = np.uint64(1 << COUNT_SHIFT)
_N_BINS = 8


class DensityProbe(NamedTuple):
    """How much of a square an orbit visits, and how evenly."""

    visited: int  # pixels that are visited
    single: int  # pixels that are visited once
    inner: int  # visited pixels whose four neighbours are visited too
    tiles: int  # tiles of 8 x 8 pixels that are visited
    visits: int  # the sum of the visits
    squares: int  # the sum of their squares


class LightProbe(NamedTuple):
    """How an image's light, 0 to 255 per pixel, varies."""

    total: int  # the sum of the light
    squares: int  # the sum of its squares
    steps: int  # the sum of the differences between neighbours across and down
    largest: int  # pixels in the fullest of eight equal ranges of light


@kernel
def _count_visits(histogram: NDArray[np.uint64], size: int) -> tuple[int, int, int, int, int, int]:
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


@kernel
def _measure_light(rgb: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    height, width = rgb.shape[0], rgb.shape[1]
    counts = np.empty(_N_BINS, np.int64)
    above = np.empty(width, np.int64)
    total = squares = steps = largest = 0
    for i in range(_N_BINS):
        counts[i] = 0
    for y in range(height):
        left = 0
        for x in range(width):
            light = (2 * rgb[y, x, 0] + 5 * rgb[y, x, 1] + np.int64(rgb[y, x, 2])) >> 3
            total += light
            squares += light * light
            count = counts[light >> 5] + 1
            counts[light >> 5] = count
            largest = count if count > largest else largest
            steps += abs(light - left) if x > 0 else 0
            steps += abs(light - above[x]) if y > 0 else 0
            left = light
            above[x] = light
    return total, squares, steps, largest


def probe_density(histogram: NDArray[np.uint64], size: int) -> DensityProbe:
    """Examine a histogram from `fractalgen.kernels.affine_systems.scatter`.

    `size` is the image's side, a multiple of 8 up to 496.
    """
    return DensityProbe(*_count_visits(histogram, size))


def probe_light(rgb: NDArray[np.uint8]) -> LightProbe:
    """Examine an image, uint8 of shape (height, width, 3)."""
    return LightProbe(*_measure_light(rgb))
