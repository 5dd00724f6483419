"""The formulas z -> f(z) ** p + c: a table, their steps in vector code, and their boundaries.

f takes the absolute values of both parts, or the conjugate, or both, or neither. Adding such a
formula takes one line in `FORMULAS`; a new power also takes a branch in `apply_formula`.

The distance estimate is |z| log|z| / |z'|, with z' the derivative of the escaping iterate by the
sample (Milnor; Thurston; see Peitgen and Saupe, "The Science of Fractal Images", 1988). With
absolute values or a conjugate the formula is not analytic: there |z'| is bounded by
p |z| ** (p - 1) |z'| + 1, which ranks places just as well.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.elementary import log2
from fractalgen.kernels.jit import inlined, inlined_early, kernel
from fractalgen.kernels.lanes import (
    C_IM,
    C_RE,
    COUNT,
    IM,
    LANES,
    NEXT_COUNT,
    ORBIT_IM,
    ORBIT_RE,
    RE,
    STRIDE,
)

__all__ = ["FORMULAS", "MAX_LEVELS", "Formula", "apply_formula", "approach_boundary"]


class Formula(NamedTuple):
    """z -> f(z) ** power + c."""

    power: int  # one of those that `apply_formula` knows, 2 to 5
    absolute: bool  # whether f takes the absolute values of both parts
    conjugate: bool  # whether f then takes the conjugate
    share: float  # of the family's images that use the formula
    window: tuple[float, float, float]  # centre and width of a square around its Mandelbrot set

    @property
    def steps(self) -> tuple[int, bool, bool]:
        """What the kernels need to know: power, absolute, conjugate."""
        return self.power, self.absolute, self.conjugate


# At least 70% of the images use z**2 + c.
FORMULAS = {
    "power-2": Formula(2, False, False, 0.76, (-0.6, 0.0, 3.0)),
    "power-3": Formula(3, False, False, 0.06, (0.0, 0.0, 2.8)),
    "power-4": Formula(4, False, False, 0.04, (0.0, 0.0, 2.8)),
    "power-5": Formula(5, False, False, 0.03, (0.0, 0.0, 2.8)),
    "burning-ship": Formula(2, True, False, 0.06, (-0.5, -0.5, 3.6)),
    "tricorn": Formula(2, False, True, 0.05, (-0.2, 0.0, 3.8)),
}

MAX_LEVELS = 24
_GRID = 7
_SHRINK = 3.0
_BAILOUT = 65536.0
_FAR = 1e30


@inlined
def _folded(x, y, absolute, conjugate):
    """Return f(z)."""
    a = abs(x) if absolute else x
    b = abs(y) if absolute else y
    return a, -b if conjugate else b


# z ** power of z = x + iy, given x * x and y * y: the arithmetic is the same bits for either sign.


@inlined
def _square_or_cube(x, y, x2, y2, power):
    three = type(x)(3.0)
    if power == 2:
        return x2 - y2, x * y + x * y
    return x * (x2 - three * y2), y * (three * x2 - y2)


@inlined
def _fourth_or_fifth(x, y, x2, y2, power):
    a = x2 - y2
    b = x * y + x * y
    p = a * a - b * b
    q = a * b + a * b
    px = p * x - q * y
    py = p * y + q * x
    return (px, py) if power == 5 else (p, q)


@inlined_early
def _apply(s, power, absolute, conjugate, bailout, raised):
    real = s.dtype.type
    one = real(1.0)
    zero = real(0.0)
    for lane in range(LANES):
        x = s[RE + lane]
        y = s[IM + lane]
        c_re = s[C_RE + lane]
        c_im = s[C_IM + lane]
        count = s[COUNT + lane]
        for step in range(np.uint64(STRIDE)):
            x2 = x * x
            y2 = y * y
            live = x2 + y2 <= bailout
            u, v = _folded(x, y, absolute, conjugate)
            next_x, next_y = raised(u, v, x2, y2, power)
            x = next_x + c_re if live else x
            y = next_y + c_im if live else y
            count += one if live else zero
            s[ORBIT_RE + step * LANES + lane] = x
            s[ORBIT_IM + step * LANES + lane] = y
        s[NEXT_COUNT + lane] = count


@kernel
def apply_formula(s, power, absolute, conjugate, bailout):
    """Apply a formula `STRIDE` times to every lane, or until it escapes.

    LLVM moves most choices out of the loops, unrolls the steps, so that an orbit stays in
    registers, and then vectorises the lanes. With more powers in one loop it does not.
    """
    if power <= 3:
        _apply(s, power, absolute, conjugate, bailout, _square_or_cube)
    else:
        _apply(s, power, absolute, conjugate, bailout, _fourth_or_fifth)


@inlined
def _distance_estimate(power, absolute, conjugate, julia, x, y, c_re, c_im, max_iter):
    """Return the distance estimate of a sample in float64, or -1 where it does not escape."""
    z_re, z_im = (x, y) if julia else (0.0, 0.0)
    k_re, k_im = (c_re, c_im) if julia else (x, y)
    d_re = 1.0 if julia else 0.0
    d_im = 0.0
    added = 0.0 if julia else 1.0
    p = np.float64(power)
    for _ in range(max_iter):
        magnitude = z_re * z_re + z_im * z_im
        if magnitude > _BAILOUT:
            derivative = np.sqrt(d_re * d_re + d_im * d_im)
            if not derivative < _FAR:
                return 0.0
            return np.sqrt(magnitude) * np.float64(log2(np.float32(magnitude))) / derivative
        z_re, z_im = _folded(z_re, z_im, absolute, conjugate)
        w_re = z_re  # w = z ** (power - 1)
        w_im = z_im
        for _ in range(power - 2):
            w_re, w_im = w_re * z_re - w_im * z_im, w_re * z_im + w_im * z_re
        if absolute or conjugate:
            d_re = p * np.sqrt(w_re * w_re + w_im * w_im) * d_re + added
        else:
            d_re, d_im = p * (w_re * d_re - w_im * d_im) + added, p * (w_re * d_im + w_im * d_re)
        z_re, z_im = w_re * z_re - w_im * z_im + k_re, w_re * z_im + w_im * z_re + k_im
    return -1.0


@kernel
def approach_boundary(
    power: int,
    absolute: bool,
    conjugate: bool,
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

    If `julia`, walk the plane of z for the constant (`c_re`, `c_im`), else the plane of c. Start
    with the window of centre (`x`, `y`) and `width`, and stop at the width `target`. Points that
    don't escape within `max_iter` iterations count as inside. `picks`, of shape (MAX_LEVELS, 3),
    are uniform in [0, 1): for each level the grid's shift and the choice. Return a point outside
    the set, within about `target` of its boundary, or the last centre if no grid point escapes.
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
            distance = _distance_estimate(
                power, absolute, conjugate, julia, at_x, at_y, c_re, c_im, max_iter
            )
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
