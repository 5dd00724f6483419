"""sRGB, linear light and OKLab, with the same bits on every processor.

Nothing here calls a power, a cube root or a sine of the C library; see `fractalgen.kernels.oklab`.

References
----------
IEC 61966-2-1 for the transfer function.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.oklab import linear_to_lab, nearest_codes

__all__ = [
    "LINEAR_TO_SRGB8",
    "SRGB8_TO_LINEAR",
    "hex_to_linear",
    "hex_to_oklab",
    "linear_to_oklab",
    "oklab_to_hex",
    "oklch_to_hex",
]


def _fifth_root(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the fifth root of values in [0.001, 1]; Newton's method falls to it from 1."""
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


def _frozen(table: NDArray[np.generic]) -> None:
    table.flags.writeable = False


_CODES = np.arange(256, dtype=np.float64)
# Linear light halfway, in code, between neighbours: where the nearest code changes.
_CODE_BORDERS = _decode_srgb(_CODES[:-1] + 0.5)

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


@lru_cache(maxsize=512)
def hex_to_oklab(colors: tuple[str, ...]) -> tuple[tuple[float, float, float], ...]:
    """Turn ``"#rrggbb"`` colours into OKLab: lightness in [0, 1], green to red, blue to yellow."""
    lab = linear_to_lab(hex_to_linear(colors)).tolist()
    return tuple((lightness, a, b) for lightness, a, b in lab)


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
    return linear_to_lab(np.ascontiguousarray(rgb).reshape(-1, 3)).reshape(rgb.shape)


def oklch_to_hex(colors: Sequence[tuple[float, float, float]]) -> tuple[str, ...]:
    """Return the sRGB colours of OKLCH ones, with less chroma where sRGB has no such colour.

    Parameters
    ----------
    colors : sequence of tuple of float
        Of each colour: OKLab's L, 0 (black) to 1 (white), clipped; chroma, 0 (grey) or more,
        of which sRGB's most colourful reach 0.32; the hue in turns: 0.08 is red, 0.30 yellow,
        0.40 green, 0.73 blue.

    Returns
    -------
    tuple of str
        As ``"#rrggbb"``.
    """
    return _to_hex(nearest_codes(np.array(colors), True, _CODE_BORDERS))


def oklab_to_hex(colors: Sequence[tuple[float, float, float]]) -> tuple[str, ...]:
    """Return the sRGB colours of OKLab ones, with less chroma where sRGB has no such colour."""
    return _to_hex(nearest_codes(np.array(colors), False, _CODE_BORDERS))


def _to_hex(codes: NDArray[np.uint8]) -> tuple[str, ...]:
    digits = codes.tobytes().hex()
    return tuple("#" + digits[i : i + 6] for i in range(0, len(digits), 6))
