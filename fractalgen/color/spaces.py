"""sRGB, linear light, OKLab, and gradients through colours, with the same bits on every processor.

Nothing here calls a power, a cube root or a sine of the C library; see
`fractalgen.kernels.color_spaces`.

References
----------
IEC 61966-2-1 for the transfer function.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import ArgumentError
from fractalgen.kernels.color_spaces import curve_through, linear_to_lab, nearest_codes

__all__ = [
    "LINEAR_TO_SRGB8",
    "SRGB8_TO_LINEAR",
    "exposure_of",
    "gradient",
    "hex_to_linear",
    "hex_to_oklab",
    "linear_to_srgb",
    "oklab_to_hex",
    "oklch_to_hex",
    "srgb_gradient",
]


def _fifth_root(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the fifth root of values in [0.001, 1] by Newton's method, from 1 downwards."""
    root = np.ones_like(x)
    for _ in range(16):
        fourth = root * root * root * root
        root = (4.0 * root + x / fourth) / 5.0
    return root


def _decode_srgb(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn sRGB codes in [0, 255] into linear light in [0, 1]."""
    encoded = code / 255.0
    shifted = (encoded + 0.055) / 1.055
    square = shifted * shifted
    return np.where(encoded <= 0.04045, encoded / 12.92, square * _fifth_root(square))


_CODES = np.arange(256, dtype=np.float64)
# Linear light at the midpoints between codes, where the nearest code changes.
_CODE_BORDERS = _decode_srgb(_CODES[:-1] + 0.5)

SRGB8_TO_LINEAR: NDArray[np.float32] = _decode_srgb(_CODES).astype(np.float32)
"""Linear light in [0, 1] of each 8-bit sRGB code; float32, shape (256,)."""

LINEAR_TO_SRGB8: NDArray[np.uint8] = np.searchsorted(
    _CODE_BORDERS, np.arange(8192) / 8191.0, side="right"
).astype(np.uint8)
"""The nearest 8-bit sRGB code of linear light `x` at ``int(x * 8191 + 0.5)``; shape (8192,)."""

SRGB8_TO_LINEAR.flags.writeable = False
LINEAR_TO_SRGB8.flags.writeable = False


def hex_to_linear(colors: tuple[str, ...]) -> NDArray[np.float64]:
    """Turn ``"#rrggbb"`` colours into linear-light RGB, float64 of shape (len(colors), 3)."""
    codes = np.frombuffer(bytes.fromhex("".join(colors).replace("#", "")), dtype=np.uint8)
    return SRGB8_TO_LINEAR[codes].astype(np.float64).reshape(-1, 3)


@lru_cache(maxsize=512)
def hex_to_oklab(colors: tuple[str, ...]) -> tuple[tuple[float, float, float], ...]:
    """Turn ``"#rrggbb"`` colours into OKLab: lightness in [0, 1], green to red, blue to yellow."""
    lab = linear_to_lab(hex_to_linear(colors)).tolist()
    return tuple((lightness, a, b) for lightness, a, b in lab)


def oklch_to_hex(colors: Sequence[tuple[float, float, float]]) -> tuple[str, ...]:
    """Turn OKLCH into ``"#rrggbb"`` colours; reduce the chroma of colours outside sRGB.

    Each colour is OKLab's L from 0 (black) to 1 (white), clipped; chroma from 0 (grey) to about
    0.32 for sRGB's most colourful; and the hue in turns: 0.08 is red, 0.30 yellow, 0.40 green,
    0.73 blue.
    """
    return _to_hex(nearest_codes(np.array(colors), True, _CODE_BORDERS))


def oklab_to_hex(colors: Sequence[tuple[float, float, float]]) -> tuple[str, ...]:
    """Turn OKLab into ``"#rrggbb"`` colours; reduce the chroma of colours outside sRGB."""
    return _to_hex(nearest_codes(np.array(colors), False, _CODE_BORDERS))


def exposure_of(
    axes: NDArray[np.float32], spread: Sequence[float], mean: Sequence[float]
) -> NDArray[np.float32]:
    """Return each colour axis's middle, gain and mean, as `opponents_to_rgb` takes them.

    The gain brings half the 4th to 96th percentile range of an axis, float32 (n, height, width), to
    its `spread`.
    """
    ranked = np.sort(axes.reshape(len(axes), -1), axis=1)
    n = ranked.shape[1]
    low, high = ranked[:, n // 25], ranked[:, n - n // 25]
    half = np.maximum((high - low) * np.float32(0.5), np.float32(1e-6))
    exposure = np.empty((len(axes), 3), np.float32)
    exposure[:, 0] = (low + high) * np.float32(0.5)
    exposure[:, 1] = np.array(spread, np.float32) / half
    exposure[:, 2] = mean
    return exposure


def linear_to_srgb(planes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Encode linear light in [0, 1], float32 (3, height, width), as sRGB, uint8 (height, width, 3).

    Values outside are clipped.
    """
    places = np.clip(planes, 0.0, 1.0) * np.float32(LINEAR_TO_SRGB8.size - 1) + np.float32(0.5)
    return np.ascontiguousarray(LINEAR_TO_SRGB8[places.astype(np.int32)].transpose(1, 2, 0))


def _to_hex(codes: NDArray[np.uint8]) -> tuple[str, ...]:
    digits = codes.tobytes().hex()
    return tuple("#" + digits[i : i + 6] for i in range(0, len(digits), 6))


@lru_cache(maxsize=256)
def gradient(colors: tuple[str, ...], n: int = 1024, cyclic: bool = False) -> NDArray[np.float32]:
    """Interpolate a palette's colours, evenly spaced, in OKLab.

    The curve is a monotone cubic in each OKLab coordinate. It is smooth at the colours and never
    overshoots between them, so no band is darker, lighter or more colourful than the palette.

    Parameters
    ----------
    colors : tuple of str
        Two or more colours as ``"#rrggbb"``.
    n : int
        Number of entries, 2 or more.
    cyclic : bool
        Join the end to the start: entry 0 follows entry n - 1.

    Returns
    -------
    ndarray of float32, shape (n, 3)
        Linear-light RGB in [0, 1], read-only because equal calls share it. Without `cyclic` the
        first and last entries are the first and last colours.

    Raises
    ------
    ArgumentError
        If there are fewer than two colours or entries.
    """
    if len(colors) < 2 or n < 2:
        raise ArgumentError(f"a gradient needs 2 colours and 2 entries, not {len(colors)} and {n}")
    knots = hex_to_oklab(colors)
    out = curve_through(np.array((*knots, knots[0]) if cyclic else knots), n, cyclic)
    out.flags.writeable = False
    return out


@lru_cache(maxsize=256)
def srgb_gradient(colors: tuple[str, ...], n: int, cyclic: bool = False) -> NDArray[np.uint8]:
    """Return `gradient` as 8-bit sRGB codes, shape (n, 3), read-only."""
    places = gradient(colors, n, cyclic) * np.float32(LINEAR_TO_SRGB8.size - 1) + np.float32(0.5)
    codes: NDArray[np.uint8] = LINEAR_TO_SRGB8[places.astype(np.int32)]
    codes.flags.writeable = False
    return codes
