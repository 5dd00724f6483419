"""Escape-time iteration of z -> f(z) + c, with orbit traps, over a square grid of samples.

`LANES` samples are under way at once, and the loop over the lanes is the innermost, so that LLVM
vectorises it whatever the processor's vector width. A lane that has escaped is frozen. Every
`STRIDE` iterations the finished lanes are counted, and when they are many enough their results
are written and the next samples take their places. What a sample gets depends on nothing but
the sample.

A lane is also finished when its iterate repeats an earlier one exactly (Brent's cycle test on the
rounded values): from there on the orbit, and so every trap, sees nothing new, and the result is
the one that the full number of iterations would give.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.jit import inlined, kernel, pasted
from fractalgen.kernels.lanes import (
    C_IM,
    C_RE,
    COUNT,
    IM,
    LANES,
    RE,
    SAVED_IM,
    SAVED_RE,
    STRIDE,
    aligned_state,
    begin,
    is_finished,
    n_finished,
    save_iterates,
    write_record,
)
from fractalgen.kernels.traps import update_trap

__all__ = ["BAILOUT", "FORMULAS", "follow_orbits"]

FORMULAS = ("power-2", "power-3", "power-4", "power-5", "burning-ship", "tricorn")

BAILOUT = 256.0
_REFILL_AT = 12  # finished lanes that are worth a refill
_FAR = 1e30


@pasted
def _advance(s, lane, x, y, next_x, next_y, within, max_count):
    """Take the step, or stay where the lane has escaped or has had its iterations."""
    count = s[COUNT + lane]
    live = within & (count < max_count)
    s[RE + lane] = next_x if live else x
    s[IM + lane] = next_y if live else y
    s[COUNT + lane] = count + s.dtype.type(live)


@inlined
def _step(s, formula, bailout, max_count):
    """Apply the formula once to every lane that is not done."""
    real = s.dtype.type
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
            _advance(s, lane, x, y, next_x, next_y, x2 + y2 <= bailout, max_count)
    elif formula == 1:
        for lane in range(LANES):
            x = s[RE + lane]
            y = s[IM + lane]
            x2 = x * x
            y2 = y * y
            next_x = x * (x2 - three * y2) + s[C_RE + lane]
            next_y = y * (three * x2 - y2) + s[C_IM + lane]
            _advance(s, lane, x, y, next_x, next_y, x2 + y2 <= bailout, max_count)
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
            _advance(s, lane, x, y, next_x, next_y, x2 + y2 <= bailout, max_count)
    else:  # the burning ship and, upside down, the tricorn
        for lane in range(LANES):
            x = s[RE + lane]
            y = s[IM + lane]
            x2 = x * x
            y2 = y * y
            xy = abs(x * y) if formula == 4 else -(x * y)
            next_x = x2 - y2 + s[C_RE + lane]
            next_y = xy + xy + s[C_IM + lane]
            _advance(s, lane, x, y, next_x, next_y, x2 + y2 <= bailout, max_count)


@kernel
def follow_orbits(
    view: NDArray[Any],
    formula: int,
    julia: bool,
    max_iter: int,
    shapes: NDArray[np.int64],
    traps: NDArray[Any],
    reach: float,
    records: NDArray[np.float32],
) -> None:
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
        Iterations.
    shapes : int64 array, shape (n,)
        Shapes of the traps, indices into `fractalgen.kernels.traps.SHAPES`; n is 1 or more.
    traps : array of view's dtype, shape (n, 6)
        See `fractalgen.kernels.traps.update_trap`. Traps look at iterates from z_1 on in a Julia
        set, from z_2 on in a Mandelbrot set, whose z_1 is the sample itself.
    reach : float
        Traps look at iterates with a squared magnitude below this, which is below the bailout's.
    records : float32 array, shape (6, side, side)
        Written; see `fractalgen.kernels.lanes` for the rows. Where no iterate came within
        reach, the squared distance is 1e30 and the rest 0.
    """
    real = view.dtype.type
    bailout = real(BAILOUT * BAILOUT)
    within = real(reach)
    max_count = real(max_iter)
    side = records.shape[1]
    s = aligned_state(view)
    rows = np.full(np.int64(LANES), -1, np.int32)
    columns = np.zeros(np.int64(LANES), np.int32)
    for lane in range(LANES):  # an empty lane counts as escaped
        begin(s, lane, real(_FAR), real(0.0), julia, real(0.0), real(0.0))
    next_row = np.int32(0)
    next_column = np.int32(0)
    n_lanes = np.int64(LANES)
    n_empty = n_lanes
    n_idle = n_lanes
    n_left = side * side
    while True:
        if n_idle - n_empty >= _REFILL_AT or n_idle == n_lanes:
            n_empty = 0
            for lane in range(LANES):
                finished = is_finished(
                    s[RE + lane],
                    s[IM + lane],
                    s[SAVED_RE + lane],
                    s[SAVED_IM + lane],
                    s[COUNT + lane],
                    bailout,
                    max_count,
                )
                if finished:
                    if rows[lane] >= 0:
                        write_record(s, lane, bailout, records, rows[lane], columns[lane])
                        rows[lane] = -1
                    if n_left > 0:
                        n_left -= 1
                        column = real(next_column)
                        row = real(next_row)
                        x = view[0] + (column * view[2] + row * view[4])
                        y = view[1] + (column * view[3] + row * view[5])
                        begin(s, lane, x, y, julia, view[6], view[7])
                        rows[lane] = next_row
                        columns[lane] = next_column
                        next_column += np.int32(1)
                        if next_column == side:
                            next_column = np.int32(0)
                            next_row += np.int32(1)
                    else:
                        s[RE + lane] = real(_FAR)
                        n_empty += 1
            if n_empty == n_lanes:
                break
        save_iterates(s)  # only now: a lane that has just been saved equals its saved iterate
        for _ in range(STRIDE):
            _step(s, formula, bailout, max_count)
            for t in range(shapes.size):
                update_trap(s, shapes[t], traps[t], within)
        n_idle = n_finished(s, bailout, max_count)
