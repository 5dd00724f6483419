"""What the light of a small image tells, in whole numbers."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.jit import kernel

__all__ = ["LightProbe", "examine"]

_RANGES = 8


class LightProbe(NamedTuple):
    """How an image's light varies, 0 to 255 a pixel.

    Attributes
    ----------
    total, squares : int
        Sums of the light and of its squares.
    steps : int
        Sum of the differences between neighbours across and down.
    largest : int
        Pixels in the fullest of eight equal ranges of light.
    """

    total: int
    squares: int
    steps: int
    largest: int


@kernel
def _measure(rgb: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    height, width = rgb.shape[0], rgb.shape[1]
    counts = np.empty(_RANGES, np.int64)
    above = np.empty(width, np.int64)
    total = squares = steps = largest = 0
    for i in range(_RANGES):
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


def examine(rgb: NDArray[np.uint8]) -> LightProbe:
    """Examine an image, uint8 of shape (height, width, 3)."""
    return LightProbe(*_measure(rgb))
