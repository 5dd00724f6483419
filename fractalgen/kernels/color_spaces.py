"""Colour spaces: OKLab one colour at a time, and opponent axes for whole images.

Nothing here calls a power, a cube root or a sine of the C library: roots are found by Newton's
method and angles by a polynomial, from additions, multiplications and divisions alone.

Sources: Björn Ottosson, "A perceptual color space for image processing", 2020. The opponent axes
are those of Ohta, Kanade and Sakai, "Color information for region segmentation", 1980, close to the
principal axes of natural images: intensity (R + G + B) / 3, blue to yellow-red (R - B) / 2, and
magenta to green (2 G - R - B) / 4.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.elementary import direction
from fractalgen.kernels.jit import inlined, kernel

__all__ = [
    "curve_through",
    "linear_to_lab",
    "nearest_codes",
    "opponents_to_gradient",
    "opponents_to_rgb",
]

_GAMUT_TOLERANCE = 1e-6
_CHROMA_HALVINGS = 10
_THREE = np.int64(3)
_ROOT_BITS = np.int64(0x2A9F7893782DA1CE)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_TWO_THIRDS = np.float32(2.0 / 3.0)
_FOUR_THIRDS = np.float32(4.0 / 3.0)
_FULL = np.float32(255.0)


@inlined
def _cube_root(x):
    """Return the cube root of a value that is 0 or more."""
    # A third of the exponent's bits is within 4 %; each of Newton's steps squares the error.
    root = np.int64(np.float64(x).view(np.int64) // _THREE + _ROOT_BITS).view(np.float64)
    for _ in range(4):
        root = (2.0 * root + x / (root * root)) / 3.0
    return root if x > 0.0 else 0.0


@kernel
def linear_to_lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn linear-light sRGB into OKLab, both float64 of shape (n, 3)."""
    lab = np.empty(rgb.shape)
    for i in range(rgb.shape[0]):
        red, green, blue = rgb[i, 0], rgb[i, 1], rgb[i, 2]
        long = _cube_root(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
        medium = _cube_root(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
        short = _cube_root(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
        lab[i, 0] = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
        lab[i, 1] = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
        lab[i, 2] = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return lab


@inlined
def _linear(lightness, a, b):
    """Return linear red, green and blue; below 0 or above 1 outside sRGB's gamut."""
    long = lightness + 0.3963377774 * a + 0.2158037573 * b
    medium = lightness - 0.1055613458 * a - 0.0638541728 * b
    short = lightness - 0.0894841775 * a - 1.2914855480 * b
    long = long * long * long
    medium = medium * medium * medium
    short = short * short * short
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        2.6097574011 * medium - 1.2684380046 * long - 0.3413193965 * short,
        1.7076147010 * short - 0.0041960863 * long - 0.7034186147 * medium,
    )


@kernel
def nearest_codes(
    colors: NDArray[np.float64], polar: bool, borders: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Return the nearest 8-bit sRGB colours; chroma shrinks where sRGB has no such colour.

    `colors`, of shape (n, 3), hold OKLab's lightness, clipped to [0, 1], and a and b, or if `polar`
    chroma and hue in turns. `borders` (255,) is the linear light at the midpoints between codes.
    """
    codes = np.empty(colors.shape, np.uint8)
    for i in range(colors.shape[0]):
        lightness = min(max(colors[i, 0], 0.0), 1.0)
        a, b, low, high = colors[i, 1], colors[i, 2], 0.0, 1.0
        if polar:
            high = colors[i, 1]
            a, b = direction(colors[i, 2])
        # Try the full chroma first, then bisect between none and all of it.
        chroma = high
        for step in range(_CHROMA_HALVINGS + 2):
            red, green, blue = _linear(lightness, chroma * a, chroma * b)
            least, most = min(red, min(green, blue)), max(red, max(green, blue))
            shown = least >= -_GAMUT_TOLERANCE and most <= 1.0 + _GAMUT_TOLERANCE
            if step == _CHROMA_HALVINGS + 1 or (step == 0 and shown):
                break
            if shown:
                low = chroma
            else:
                high = chroma
            chroma = 0.5 * (low + high) if step < _CHROMA_HALVINGS else low
        for channel in range(3):
            value = red if channel == 0 else green if channel == 1 else blue
            code = 0
            for bit in (128, 64, 32, 16, 8, 4, 2, 1):
                code += bit if value >= borders[code + bit - 1] else 0
            codes[i, channel] = code
    return codes


@inlined
def _harmonic_mean(x, y):
    """Return 2xy / (x + y) if both have the same sign, else 0."""
    product = x * y
    return 2.0 * product / (x + y) if product > 0.0 else 0.0


@kernel
def curve_through(knots: NDArray[np.float64], n: int, cyclic: bool) -> NDArray[np.float32]:
    """Return `n` entries of clipped linear RGB along the monotone cubic through some colours.

    The slope at a knot is the harmonic mean of its neighbours' differences, or 0 where they differ
    in sign: F. N. Fritsch and J. Butland, "A method for constructing local monotone piecewise cubic
    interpolants", 1984. `knots`, of shape (n_knots, 3), are evenly spaced OKLab coordinates; if
    `cyclic`, the last is the first again, and the entries stop before it.
    """
    n_segments = knots.shape[0] - 1
    slope = np.empty(knots.shape)
    for i in range(n_segments + 1):
        for c in range(3):
            before = i - 1 if i > 0 else n_segments - 1
            after = i if i < n_segments else 0
            rise = knots[after + 1, c] - knots[after, c]
            fall = knots[before + 1, c] - knots[before, c]
            if cyclic or 0 < i < n_segments:
                slope[i, c] = _harmonic_mean(fall, rise)
            else:
                slope[i, c] = rise if i == 0 else fall
    out = np.empty((n, 3), np.float32)
    lab = np.empty(3)
    whole = n if cyclic else n - 1
    for entry in range(n):
        position = entry * n_segments / whole
        segment = min(np.int64(position), n_segments - 1)
        t = position - segment
        for c in range(3):
            rise = knots[segment + 1, c] - knots[segment, c]
            start, end = slope[segment, c], slope[segment + 1, c]
            square = 3.0 * rise - 2.0 * start - end
            cube = start + end - 2.0 * rise
            lab[c] = ((cube * t + square) * t + start) * t + knots[segment, c]
        red, green, blue = _linear(lab[0], lab[1], lab[2])
        out[entry, 0] = min(max(red, 0.0), 1.0)
        out[entry, 1] = min(max(green, 0.0), 1.0)
        out[entry, 2] = min(max(blue, 0.0), 1.0)
    return out


@inlined
def _saturated(value):
    return _HALF + _HALF * value / np.sqrt(_ONE + value * value)


@kernel
def opponents_to_rgb(
    axes: NDArray[np.float32], exposure: NDArray[np.float32], rgb: NDArray[np.uint8]
) -> None:
    """Colour pixels by their three axes, softly clipped to the range of sRGB.

    `axes`, of shape (3, rows, size), are raw responses; `exposure` holds the middle, gain and mean
    of each: the image `rgb`, of shape (rows, size, 3), shows ``(response - middle) * gain + mean``.
    """
    light_middle, light_gain, light_mean = exposure[0, 0], exposure[0, 1], exposure[0, 2]
    red_middle, red_gain, red_mean = exposure[1, 0], exposure[1, 1], exposure[1, 2]
    green_middle, green_gain, green_mean = exposure[2, 0], exposure[2, 1], exposure[2, 2]
    size = rgb.shape[1]
    # One channel at a time is vectorised; RGB triples are not.
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
    """Colour pixels from a gradient, along which the three axes together move them.

    `colors`, of shape (n, 3), is the gradient; for the rest see `opponents_to_rgb`.
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
