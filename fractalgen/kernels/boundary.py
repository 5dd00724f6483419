"""Walk towards a set's boundary, where its images are.

The distance estimate is |z| log|z| / |z'|, with z' the derivative of the escaping iterate by the
sample (Milnor; Thurston; see Peitgen and Saupe, "The Science of Fractal Images", 1988). The
burning ship and the tricorn are not analytic: for them the derivative's magnitude is bounded by
2 |z| |z'| + 1, which ranks places as well.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.elementary import log2
from fractalgen.kernels.jit import inlined, kernel

__all__ = ["MAX_LEVELS", "approach_boundary"]

MAX_LEVELS = 24
_GRID = 7
_SHRINK = 3.0
_BAILOUT = 65536.0
_FAR = 1e30


@inlined
def _distance_estimate(formula, julia, x, y, c_re, c_im, max_iter):
    """Return the distance estimate of a sample in float64, or -1 where it does not escape."""
    z_re, z_im = (x, y) if julia else (0.0, 0.0)
    k_re, k_im = (c_re, c_im) if julia else (x, y)
    d_re = 1.0 if julia else 0.0
    d_im = 0.0
    added = 0.0 if julia else 1.0
    for _ in range(max_iter):
        magnitude = z_re * z_re + z_im * z_im
        if magnitude > _BAILOUT:
            derivative = np.sqrt(d_re * d_re + d_im * d_im)
            if not derivative < _FAR:
                return 0.0
            return np.sqrt(magnitude) * np.float64(log2(np.float32(magnitude))) / derivative
        if formula < 4:
            # (w, dw) = (z**(p - 1), p * z**(p - 1) * z')
            w_re = z_re
            w_im = z_im
            for _ in range(formula):
                w_re, w_im = w_re * z_re - w_im * z_im, w_re * z_im + w_im * z_re
            p = np.float64(formula + 2)
            d_re, d_im = p * (w_re * d_re - w_im * d_im) + added, p * (w_re * d_im + w_im * d_re)
            z_re, z_im = w_re * z_re - w_im * z_im + k_re, w_re * z_im + w_im * z_re + k_im
        else:
            d_re = 2.0 * np.sqrt(magnitude) * d_re + added
            product = z_re * z_im
            product = abs(product) if formula == 4 else -product
            z_re, z_im = z_re * z_re - z_im * z_im + k_re, product + product + k_im
    return -1.0


@kernel
def approach_boundary(
    formula: int,
    julia: bool,
    c_re: float,
    c_im: float,
    x: float,
    y: float,
    width: float,
    target: float,
    max_iter: int,
    picks: NDArray[np.float64],
) -> tuple[float, float]:
    """Zoom by threes, each time onto a random grid point whose distance estimate is small.

    Parameters
    ----------
    formula : int
        Index into `fractalgen.kernels.escape_time.FORMULAS`.
    julia : bool
        Walk the plane of z for the constant (`c_re`, `c_im`), else the plane of c.
    c_re, c_im : float
        The Julia constant.
    x, y, width : float
        The window to begin with: its centre and width.
    target : float
        Width to stop at.
    max_iter : int
        Iterations after which a point counts as inside.
    picks : float64 array, shape (MAX_LEVELS, 3)
        Uniform numbers in [0, 1): for each level the grid's shift and the choice.

    Returns
    -------
    x, y : float
        A point outside the set, within about `target` of its boundary. Where no grid point
        escapes, the last centre.
    """
    found_x = np.empty(_GRID * _GRID)
    found_y = np.empty(_GRID * _GRID)
    for level in range(MAX_LEVELS):
        cell = width / _GRID
        n_found = 0
        nearest = _FAR
        nearest_x = x
        nearest_y = y
        for point in range(_GRID * _GRID):
            column = point % _GRID + picks[level, 0]
            row = point // _GRID + picks[level, 1]
            at_x = x + column * cell - 0.5 * width
            at_y = y + row * cell - 0.5 * width
            distance = _distance_estimate(formula, julia, at_x, at_y, c_re, c_im, max_iter)
            if distance >= 0.0:
                if distance < cell:
                    found_x[n_found] = at_x
                    found_y[n_found] = at_y
                    n_found += 1
                if distance < nearest:
                    nearest = distance
                    nearest_x = at_x
                    nearest_y = at_y
        if n_found > 0:
            choice = min(np.int64(picks[level, 2] * n_found), n_found - 1)
            x = found_x[choice]
            y = found_y[choice]
        else:
            x = nearest_x
            y = nearest_y
        if width <= target:
            break
        width = max(width / _SHRINK, target)
    return x, y
