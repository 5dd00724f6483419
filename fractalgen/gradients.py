"""Smooth gradients through a palette's colours, the same bits on every processor."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fractalgen.color_spaces import hex_to_linear, linear_to_oklab, oklab_planes_to_linear

__all__ = ["gradient"]


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
    knots = np.ascontiguousarray(linear_to_oklab(hex_to_linear(colors)).T)
    if cyclic:
        knots = np.concatenate((knots, knots[:, :1]), axis=1)
    segment, fraction = _positions(n, knots.shape[1] - 1, cyclic)
    constant, linear, square, cube = _cubic_coefficients(knots, cyclic)[:, :, segment]
    lab = ((cube * fraction + square) * fraction + linear) * fraction + constant
    out = np.empty((n, 3), dtype=np.float32)
    for channel, plane in enumerate(oklab_planes_to_linear(lab[0], lab[1], lab[2])):
        out[:, channel] = np.minimum(np.maximum(plane, 0.0), 1.0)
    out.flags.writeable = False
    return out


@lru_cache(maxsize=64)
def _positions(
    n: int, n_segments: int, cyclic: bool
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return each entry's segment between two colours, and its place in there, 0 to 1."""
    position = np.arange(n) * n_segments / (n if cyclic else n - 1)
    segment = np.minimum(position.astype(np.intp), n_segments - 1)
    fraction = position - segment
    segment.flags.writeable = fraction.flags.writeable = False
    return segment, fraction


def _cubic_coefficients(knots: NDArray[np.float64], cyclic: bool) -> NDArray[np.float64]:
    """Return the cubics between evenly spaced knots.

    The slope at a knot is the harmonic mean of its neighbours' differences, or 0 where they
    differ in sign: F. N. Fritsch and J. Butland, "A method for constructing local monotone
    piecewise cubic interpolants", 1984.

    Parameters
    ----------
    knots : ndarray of float64, shape (3, n_segments + 1)
        OKLab coordinates; with `cyclic` the last column repeats the first.
    cyclic : bool
        Whether the curve goes on from its end to its start.

    Returns
    -------
    ndarray of float64, shape (4, 3, n_segments)
        Constant, linear, square and cubic coefficients of the place within each segment.
    """
    rise = knots[:, 1:] - knots[:, :-1]
    slope = np.empty_like(knots)
    slope[:, 1:-1] = _harmonic_mean(rise[:, :-1], rise[:, 1:])
    slope[:, 0] = _harmonic_mean(rise[:, -1], rise[:, 0]) if cyclic else rise[:, 0]
    slope[:, -1] = slope[:, 0] if cyclic else rise[:, -1]
    start, end = slope[:, :-1], slope[:, 1:]
    coefficients = np.empty((4, *rise.shape))
    coefficients[0] = knots[:, :-1]
    coefficients[1] = start
    coefficients[2] = 3.0 * rise - 2.0 * start - end
    coefficients[3] = start + end - 2.0 * rise
    return coefficients


def _harmonic_mean(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 2xy / (x + y) where both have one sign, else 0."""
    product = x * y
    same_sign = product > 0.0
    return np.where(same_sign, 2.0 * product / np.where(same_sign, x + y, 1.0), 0.0)
