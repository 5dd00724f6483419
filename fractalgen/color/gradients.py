"""Smooth gradients through a palette's colours, the same bits on every processor."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fractalgen.color.spaces import LINEAR_TO_SRGB8, hex_to_oklab
from fractalgen.kernels.oklab import curve_through

__all__ = ["gradient", "srgb_gradient"]


@lru_cache(maxsize=256)
def gradient(colors: tuple[str, ...], n: int = 1024, cyclic: bool = False) -> NDArray[np.float32]:
    """Interpolate a palette's colours, evenly spaced, in OKLab.

    The curve is a monotone cubic in each of OKLab's coordinates: smooth at the colours, it never
    overshoots between them, so that no darker, lighter or more colourful band appears that the
    palette does not hold.

    Parameters
    ----------
    colors : tuple of str
        Two or more colours as ``"#rrggbb"``.
    n : int
        Number of entries, 2 or more.
    cyclic : bool
        Join the end to the start: entry `n`, were there one, would be entry 0 again.

    Returns
    -------
    ndarray of float32, shape (n, 3)
        Linear-light RGB in [0, 1], read-only: equal calls share it. Without `cyclic` the first
        and last entries are the first and last colours.

    Raises
    ------
    ValueError
        If there are fewer than two colours or entries, or a colour is not ``"#rrggbb"``.
    """
    if len(colors) < 2 or n < 2:
        raise ValueError(f"a gradient needs 2 colours and 2 entries, not {len(colors)} and {n}")
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
