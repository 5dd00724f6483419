"""sRGB, linear light and OKLab, with the same bits on every processor.

Nothing here calls a power, a cube root or a sine of the C library: roots are found by Newton's
method and angles by a polynomial, from additions, multiplications and divisions alone.

References
----------
IEC 61966-2-1 for the transfer function; Björn Ottosson, "A perceptual color space for image
processing", 2020, for OKLab and its matrices.
"""

import math
from bisect import bisect_right
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

# A plane of float64 values, or a single float: the matrices below are written for both.
Plane = TypeVar("Plane", float, NDArray[np.float64])

__all__ = [
    "LINEAR_TO_SRGB8",
    "SRGB8_TO_LINEAR",
    "hex_to_linear",
    "linear_to_hex",
    "linear_to_oklab",
    "oklab_planes_to_linear",
    "oklab_to_linear",
    "oklch_to_hex",
]

_GAMUT_TOLERANCE = 1e-6
_CHROMA_HALVINGS = 10


def _fifth_root(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the fifth root of values in [0.001, 1]; Newton's method falls to it from 1."""
    root = np.ones_like(x)
    for _ in range(16):
        fourth = root * root * root * root
        root = (4.0 * root + x / fourth) / 5.0
    return root


def _cube_root(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cube root of values of 0 or more."""
    # A third of the exponent's bits is within 4 %; each of Newton's steps squares the error.
    root = (x.view(np.int64) // 3 + 0x2A9F7893782DA1CE).view(np.float64)
    for _ in range(4):
        root = (2.0 * root + x / (root * root)) / 3.0
    return np.where(x > 0.0, root, 0.0)


def _decode_srgb(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn sRGB codes in [0, 255] into linear light in [0, 1]."""
    encoded = code / 255.0
    shifted = (encoded + 0.055) / 1.055
    square = shifted * shifted
    return np.where(encoded <= 0.04045, encoded / 12.92, square * _fifth_root(square))


def _frozen(table: NDArray[np.generic]) -> None:
    table.flags.writeable = False


_CODES = np.arange(256, dtype=np.float64)
# Linear light halfway, in code, between neighbours: where the nearest code changes.
_CODE_BORDERS = _decode_srgb(_CODES[:-1] + 0.5)
_CODE_BORDERS_LIST: list[float] = _CODE_BORDERS.tolist()

SRGB8_TO_LINEAR: NDArray[np.float32] = _decode_srgb(_CODES).astype(np.float32)
"""Linear light in [0, 1] of each 8-bit sRGB code; float32, shape (256,)."""

LINEAR_TO_SRGB8: NDArray[np.uint8] = np.searchsorted(
    _CODE_BORDERS, np.arange(8192) / 8191.0, side="right"
).astype(np.uint8)
"""The nearest 8-bit sRGB code of linear light `x` at ``int(x * 8191 + 0.5)``; shape (8192,)."""

_frozen(SRGB8_TO_LINEAR)
_frozen(LINEAR_TO_SRGB8)


def hex_to_linear(colors: tuple[str, ...]) -> NDArray[np.float64]:
    """Turn ``"#rrggbb"`` colours into linear-light RGB, float64 of shape (len(colors), 3)."""
    codes = np.frombuffer(bytes.fromhex("".join(colors).replace("#", "")), dtype=np.uint8)
    return SRGB8_TO_LINEAR[codes].astype(np.float64).reshape(-1, 3)


def linear_to_hex(red: float, green: float, blue: float) -> str:
    """Return ``"#rrggbb"`` of the nearest 8-bit sRGB colour; values beyond [0, 1] are clipped."""
    codes = (bisect_right(_CODE_BORDERS_LIST, value) for value in (red, green, blue))
    return "#" + "".join(f"{code:02x}" for code in codes)


def linear_to_oklab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn linear-light sRGB into OKLab.

    Parameters
    ----------
    rgb : ndarray of float64, shape (..., 3)
        Linear light, 0 or more.

    Returns
    -------
    ndarray of float64, shape (..., 3)
        Lightness in [0, 1], green to red, blue to yellow.
    """
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    cones = np.empty((3, *rgb.shape[:-1]))
    cones[0] = 0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue
    cones[1] = 0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue
    cones[2] = 0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue
    long, medium, short = _cube_root(cones)
    lab = np.empty(rgb.shape)
    lab[..., 0] = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    lab[..., 1] = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    lab[..., 2] = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return lab


def oklab_planes_to_linear(lightness: Plane, a: Plane, b: Plane) -> tuple[Plane, Plane, Plane]:
    """Turn OKLab, as three float64 planes or three floats, into linear red, green and blue.

    Colours outside sRGB's gamut give values below 0 or above 1.
    """
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


def oklab_to_linear(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn OKLab of shape (..., 3) into linear-light sRGB of the same shape, not clipped."""
    return np.stack(oklab_planes_to_linear(lab[..., 0], lab[..., 1], lab[..., 2]), axis=-1)


def _direction(turns: float) -> tuple[float, float]:
    """Return cosine and sine of an angle in turns, within 1e-14."""
    quarter = math.floor(turns * 4.0 + 0.5)
    angle = (turns - quarter * 0.25) * 6.283185307179586
    x = angle * angle  # below 0.617, so that the Taylor series end after eight terms
    sine = cosine = 0.0
    for k in (14, 12, 10, 8, 6, 4, 2, 0):
        cosine = 1.0 - cosine * x / ((k + 1) * (k + 2))
        sine = 1.0 - sine * x / ((k + 2) * (k + 3))
    sine *= angle
    turned = ((cosine, sine), (-sine, cosine), (-cosine, -sine), (sine, -cosine))
    return turned[quarter % 4]


def oklch_to_hex(lightness: float, chroma: float, hue_turns: float) -> str:
    """Return the sRGB colour of an OKLCH one, with less chroma where sRGB has no such colour.

    Parameters
    ----------
    lightness : float
        OKLab's L, 0 (black) to 1 (white); clipped.
    chroma : float
        0 (grey) or more; sRGB's most colourful reach 0.32.
    hue_turns : float
        Hue in turns: 0.08 is red, 0.30 yellow, 0.40 green, 0.73 blue.

    Returns
    -------
    str
        ``"#rrggbb"``.
    """
    lightness = min(max(lightness, 0.0), 1.0)
    cosine, sine = _direction(hue_turns)

    def linear(c: float) -> tuple[float, float, float]:
        return oklab_planes_to_linear(lightness, c * cosine, c * sine)

    def shown(c: float) -> bool:
        rgb = linear(c)
        return min(rgb) >= -_GAMUT_TOLERANCE and max(rgb) <= 1.0 + _GAMUT_TOLERANCE

    if not shown(chroma):
        low, high = 0.0, chroma
        for _ in range(_CHROMA_HALVINGS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if shown(middle) else (low, middle)
        chroma = low
    return linear_to_hex(*linear(chroma))
