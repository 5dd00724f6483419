"""From three opponent axes to eight-bit RGB.

The axes are those of Ohta, Kanade and Sakai ("Color information for region segmentation", 1980),
close to the principal axes of natural images: intensity (R + G + B) / 3, blue to yellow-red
(R - B) / 2, and magenta to green (2 G - R - B) / 4. Three divisions and square roots a pixel.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.jit import inlined, kernel

__all__ = ["opponents_to_gradient", "opponents_to_rgb"]

_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_TWO_THIRDS = np.float32(2.0 / 3.0)
_FOUR_THIRDS = np.float32(4.0 / 3.0)
_FULL = np.float32(255.0)


@inlined
def _saturated(value):
    return _HALF + _HALF * value / np.sqrt(_ONE + value * value)


@kernel
def opponents_to_rgb(
    axes: NDArray[np.float32], exposure: NDArray[np.float32], rgb: NDArray[np.uint8]
) -> None:
    """Colour pixels by their three axes, softly saturated into the range.

    Parameters
    ----------
    axes : ndarray of float32, shape (3, rows, size)
        Raw answers.
    exposure : ndarray of float32, shape (3, 3)
        Middle, gain and mean of each axis: ``(answer - middle) * gain + mean`` is shown.
    rgb : ndarray of uint8, shape (rows, size, 3)
        Filled.
    """
    light_middle, light_gain, light_mean = exposure[0, 0], exposure[0, 1], exposure[0, 2]
    red_middle, red_gain, red_mean = exposure[1, 0], exposure[1, 1], exposure[1, 2]
    green_middle, green_gain, green_mean = exposure[2, 0], exposure[2, 1], exposure[2, 2]
    size = rgb.shape[1]
    # Numbers of one kind side by side can be worked on eight at a time, RGB triples cannot.
    codes = np.empty((3, size), np.int32)
    for y in range(rgb.shape[0]):
        for x in range(size):
            light = (axes[0, y, x] - light_middle) * light_gain + light_mean
            blue_red = (axes[1, y, x] - red_middle) * red_gain + red_mean
            green = (axes[2, y, x] - green_middle) * green_gain + green_mean
            plain = light - _TWO_THIRDS * green
            codes[0, x] = np.int32(_saturated(plain + blue_red) * _FULL + _HALF)
            codes[1, x] = np.int32(_saturated(light + _FOUR_THIRDS * green) * _FULL + _HALF)
            codes[2, x] = np.int32(_saturated(plain - blue_red) * _FULL + _HALF)
        for x in range(size):
            rgb[y, x, 0] = codes[0, x]
            rgb[y, x, 1] = codes[1, x]
            rgb[y, x, 2] = codes[2, x]


@kernel
def opponents_to_gradient(
    axes: NDArray[np.float32],
    exposure: NDArray[np.float32],
    colors: NDArray[np.uint8],
    rgb: NDArray[np.uint8],
) -> None:
    """Colour pixels from a gradient, along which the three axes move them together.

    Parameters
    ----------
    axes, exposure, rgb
        As in `opponents_to_rgb`.
    colors : ndarray of uint8, shape (N, 3)
        The gradient.
    """
    mean = exposure[0, 2] + exposure[1, 2] + exposure[2, 2]
    last = np.float32(colors.shape[0] - 1)
    places = np.empty(rgb.shape[1], np.int32)
    for y in range(rgb.shape[0]):
        for x in range(rgb.shape[1]):
            value = mean + (axes[0, y, x] - exposure[0, 0]) * exposure[0, 1]
            value += (axes[1, y, x] - exposure[1, 0]) * exposure[1, 1]
            value += (axes[2, y, x] - exposure[2, 0]) * exposure[2, 1]
            places[x] = np.int32(_saturated(value) * last + _HALF)
        for x in range(rgb.shape[1]):
            place = np.intp(np.uint32(places[x]))
            rgb[y, x, 0] = colors[place, 0]
            rgb[y, x, 1] = colors[place, 1]
            rgb[y, x, 2] = colors[place, 2]
