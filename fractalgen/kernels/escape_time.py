"""Escape-time iteration of z -> f(z) + c, with orbit traps, over a square grid of samples.

Samples are taken in tiles of `LANES`; the loop over a tile's lanes is the innermost, so that
LLVM vectorises it whatever the processor's vector width. An escaped lane is frozen until its
whole tile is done. The tile also ends when every lane that has not escaped repeats itself
exactly (Brent's cycle test on the rounded values): from there on the orbit, and so every trap,
sees nothing new, and the result is the one that the full number of iterations would give.
"""

import numpy as np

from fractalgen.kernels.elementary import atan2_turns, log2
from fractalgen.kernels.jit import inlined, kernel, pasted
from fractalgen.kernels.traps import (
    BEST,
    C_IM,
    C_RE,
    COUNT,
    HIT_COUNT,
    HIT_U,
    HIT_V,
    IM,
    LANES,
    RE,
    SAVED_IM,
    SAVED_RE,
    STATE_RUNS,
    update_trap,
)

__all__ = ["ANGLE", "BAILOUT", "DISTANCE", "FORMULAS", "HIT", "SMOOTH", "STRIDE", "escape_fields"]

FORMULAS = ("power-2", "power-3", "power-4", "power-5", "burning-ship", "tricorn")
# Rows of the result.
SMOOTH, DISTANCE, HIT, ANGLE = range(4)

BAILOUT = 256.0
STRIDE = 8  # iterations between two looks at whether a tile is done
_TILE_SIDE = 8
_LOG2_BAILOUT = np.float32(8.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)


@pasted
def _freeze(s, lane, x, y, next_x, next_y, live, one, zero):
    s[RE + lane] = next_x if live else x
    s[IM + lane] = next_y if live else y
    s[COUNT + lane] += one if live else zero


@inlined
def _step(s, formula, bailout):
    """Apply the formula once to every lane that has not escaped."""
    real = s.dtype.type
    one = real(1.0)
    zero = real(0.0)
    three = real(3.0)
    if formula == 0:
        for lane in range(LANES):
            x = s[RE + lane]
            y = s[IM + lane]
            x2 = x * x
            y2 = y * y
            xy = x * y
            next_x = x2 - y2 + s[C_RE + lane]
            next_y = xy + xy + s[C_IM + lane]
            _freeze(s, lane, x, y, next_x, next_y, x2 + y2 <= bailout, one, zero)
    elif formula == 1:
        for lane in range(LANES):
            x = s[RE + lane]
            y = s[IM + lane]
            x2 = x * x
            y2 = y * y
            next_x = x * (x2 - three * y2) + s[C_RE + lane]
            next_y = y * (three * x2 - y2) + s[C_IM + lane]
            _freeze(s, lane, x, y, next_x, next_y, x2 + y2 <= bailout, one, zero)
    elif formula <= 3:
        for lane in range(LANES):
            x = s[RE + lane]
            y = s[IM + lane]
            x2 = x * x
            y2 = y * y
            a = x2 - y2
            b = x * y + x * y
            p = a * a - b * b
            q = a * b + a * b
            px = p * x - q * y
            py = p * y + q * x
            next_x = (p if formula == 2 else px) + s[C_RE + lane]
            next_y = (q if formula == 2 else py) + s[C_IM + lane]
            _freeze(s, lane, x, y, next_x, next_y, x2 + y2 <= bailout, one, zero)
    else:  # the burning ship and, upside down, the tricorn
        for lane in range(LANES):
            x = s[RE + lane]
            y = s[IM + lane]
            x2 = x * x
            y2 = y * y
            xy = abs(x * y) if formula == 4 else -(x * y)
            next_x = x2 - y2 + s[C_RE + lane]
            next_y = xy + xy + s[C_IM + lane]
            _freeze(s, lane, x, y, next_x, next_y, x2 + y2 <= bailout, one, zero)


@inlined
def _n_busy(s, bailout):
    """Count the lanes that have neither escaped nor come back to their saved iterate."""
    busy = np.int32(0)
    for lane in range(LANES):
        x = s[RE + lane]
        y = s[IM + lane]
        moving = (x != s[SAVED_RE + lane]) | (y != s[SAVED_IM + lane])
        busy += np.int32(1) if (x * x + y * y <= bailout) & moving else np.int32(0)
    return busy


@kernel
def escape_fields(view, formula, julia, max_iter, shapes, traps, first_hit, reach, fields):
    """Iterate every sample of a square grid and write what is known of its orbit.

    Parameters
    ----------
    view : float32 or float64 array, shape (8,)
        The first sample's x and y, the step from one column to the next (x, y) and from one row
        to the next (x, y), and the Julia constant (real, imaginary). Its dtype is the arithmetic's.
    formula : int
        Index into `FORMULAS`.
    julia : bool
        True: z starts at the sample and c is the constant; False: z starts at 0, c is the sample.
    max_iter : int
        Iterations, rounded up to a multiple of `STRIDE`.
    shapes : int64 array, shape (n,)
        Shapes of the traps, indices into `fractalgen.kernels.traps.SHAPES`; n is 1 or more.
    traps : array of view's dtype, shape (n, 6)
        See `fractalgen.kernels.traps.update_trap`.
    first_hit : int
        First iteration that the traps look at, from 1.
    reach : float
        Traps look at iterates with a squared magnitude below this.
    fields : float32 array, shape (4, side, side)
        Written: `SMOOTH`, the smooth escape count n + 1 - log(log|z| / log B) / log p, or -1 where
        the sample did not escape; `DISTANCE`, the least distance to a trap; `HIT`, the iteration
        of that hit, 0 if none; `ANGLE`, the hit's direction in the trap's frame, in turns.
    """
    real = view.dtype.type
    zero = real(0.0)
    far = real(1e30)
    bailout = real(BAILOUT * BAILOUT)
    never = real(-1.0)
    within = real(reach)
    side = fields.shape[1]
    power = np.float32(formula + 2) if formula < 4 else np.float32(2.0)
    per_power = _ONE / log2(power)
    s = np.empty(STATE_RUNS * LANES, view.dtype)
    for tile_row in range(0, side, LANES // _TILE_SIDE):
        for tile_column in range(0, side, _TILE_SIDE):
            for lane in range(LANES):
                row = real(min(tile_row + lane // _TILE_SIDE, side - 1))
                column = real(min(tile_column + lane % _TILE_SIDE, side - 1))
                x = view[0] + (column * view[2] + row * view[4])
                y = view[1] + (column * view[3] + row * view[5])
                s[RE + lane] = x if julia else zero
                s[IM + lane] = y if julia else zero
                s[C_RE + lane] = view[6] if julia else x
                s[C_IM + lane] = view[7] if julia else y
                s[SAVED_RE + lane] = far
                s[SAVED_IM + lane] = far
                s[COUNT + lane] = zero
                s[BEST + lane] = far
                s[HIT_COUNT + lane] = zero
                s[HIT_U + lane] = zero
                s[HIT_V + lane] = zero
            done = 0
            save_at = STRIDE
            while done < max_iter:
                for _ in range(STRIDE):
                    done += 1
                    _step(s, formula, bailout)
                    looked_at = within if done >= first_hit else never
                    for t in range(shapes.size):
                        update_trap(s, shapes[t], traps[t], real(done), looked_at)
                if _n_busy(s, bailout) == 0:
                    break
                if done == save_at:
                    save_at += save_at
                    for lane in range(LANES):
                        s[SAVED_RE + lane] = s[RE + lane]
                        s[SAVED_IM + lane] = s[IM + lane]
            for lane in range(LANES):
                row_index = tile_row + lane // _TILE_SIDE
                column_index = tile_column + lane % _TILE_SIDE
                if row_index < side and column_index < side:
                    x = s[RE + lane]
                    y = s[IM + lane]
                    magnitude = x * x + y * y
                    smooth = -_ONE
                    if magnitude > bailout:
                        growth = _HALF * log2(np.float32(magnitude)) / _LOG2_BAILOUT
                        smooth = np.float32(s[COUNT + lane]) + _ONE - log2(growth) * per_power
                    fields[SMOOTH, row_index, column_index] = smooth
                    fields[DISTANCE, row_index, column_index] = np.sqrt(np.float32(s[BEST + lane]))
                    fields[HIT, row_index, column_index] = np.float32(s[HIT_COUNT + lane])
                    fields[ANGLE, row_index, column_index] = atan2_turns(
                        np.float32(s[HIT_V + lane]), np.float32(s[HIT_U + lane])
                    )
