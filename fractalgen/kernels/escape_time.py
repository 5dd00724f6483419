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

import numpy as np

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
    SAVE_AT,
    STATE_RUNS,
    update_trap,
)

__all__ = [
    "BAILOUT",
    "FORMULAS",
    "N_RECORDS",
    "STRIDE",
    "follow_orbits",
]

FORMULAS = ("power-2", "power-3", "power-4", "power-5", "burning-ship", "tricorn")
# What is recorded of an orbit: iterations until it escaped (-1 if it did not) and |z|^2 there;
# the squared distance of the nearest hit, its iteration, and its place in the trap's frame.
ESCAPE_COUNT, MAGNITUDE, TRAP_DISTANCE, TRAP_COUNT, TRAP_U, TRAP_V = range(6)
N_RECORDS = 6

BAILOUT = 256.0
STRIDE = 8  # iterations between two looks at which lanes are finished
_REFILL_AT = 8  # finished lanes that are worth a refill
_FAR = 1e30
_CACHE_LINE = 64  # bytes


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


@pasted
def _is_finished(x, y, saved_x, saved_y, count, bailout, max_count):
    return (
        (x * x + y * y > bailout) | ((x == saved_x) & (y == saved_y)) | (count >= max_count)
    )


@pasted
def _n_finished(s, bailout, max_count):
    finished = np.int32(0)
    for lane in range(LANES):
        done = _is_finished(
            s[RE + lane],
            s[IM + lane],
            s[SAVED_RE + lane],
            s[SAVED_IM + lane],
            s[COUNT + lane],
            bailout,
            max_count,
        )
        finished += np.int32(1) if done else np.int32(0)
    return finished


@pasted
def _save_iterates(s):
    """Save the iterate of each lane whose count has doubled since the last time."""
    lowest = s.dtype.type(-_FAR)
    for lane in range(LANES):
        due = s[COUNT + lane] >= s[SAVE_AT + lane]
        save_at = s[SAVE_AT + lane]
        saved_x = s[SAVED_RE + lane]
        saved_y = s[SAVED_IM + lane]
        # A maximum that changes nothing: a choice of two plain loads would become a gather.
        x = max(s[RE + lane], lowest)
        y = max(s[IM + lane], lowest)
        s[SAVED_RE + lane] = x if due else saved_x
        s[SAVED_IM + lane] = y if due else saved_y
        s[SAVE_AT + lane] = save_at + save_at if due else save_at


@inlined
def _begin(s, lane, x, y, julia, constant_re, constant_im):
    """Put a sample into a lane: at z = sample, which is z_0 of a Julia set and z_1 otherwise."""
    real = s.dtype.type
    s[RE + lane] = x
    s[IM + lane] = y
    s[C_RE + lane] = constant_re if julia else x
    s[C_IM + lane] = constant_im if julia else y
    s[SAVED_RE + lane] = real(_FAR)
    s[SAVED_IM + lane] = real(_FAR)
    s[SAVE_AT + lane] = real(STRIDE)
    s[COUNT + lane] = real(0.0) if julia else real(1.0)
    s[BEST + lane] = real(_FAR)
    s[HIT_COUNT + lane] = real(0.0)
    s[HIT_U + lane] = real(0.0)
    s[HIT_V + lane] = real(0.0)


@inlined
def _write(s, lane, bailout, records, row, column):
    """Write what is known of the orbit in a lane."""
    x = s[RE + lane]
    y = s[IM + lane]
    magnitude = x * x + y * y
    count = np.float32(s[COUNT + lane])
    records[ESCAPE_COUNT, row, column] = count if magnitude > bailout else np.float32(-1.0)
    records[MAGNITUDE, row, column] = np.float32(magnitude)
    records[TRAP_DISTANCE, row, column] = np.float32(s[BEST + lane])
    records[TRAP_COUNT, row, column] = np.float32(s[HIT_COUNT + lane])
    records[TRAP_U, row, column] = np.float32(s[HIT_U + lane])
    records[TRAP_V, row, column] = np.float32(s[HIT_V + lane])


@inlined
def _aligned_state(view):
    """Return the lanes' state on a cache line's boundary, where whole vectors don't straddle two."""
    size = np.int64(STATE_RUNS) * np.int64(LANES)
    spare = _CACHE_LINE // view.itemsize
    memory = np.empty(size + spare, view.dtype)
    start = (_CACHE_LINE - memory.ctypes.data % _CACHE_LINE) % _CACHE_LINE // view.itemsize
    return memory[start : start + size]


@kernel
def follow_orbits(view, formula, julia, max_iter, shapes, traps, reach, records):
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
        Written; the rows are named at the top of this module. Where no iterate came within
        reach, the squared distance is 1e30 and the rest 0.
    """
    real = view.dtype.type
    bailout = real(BAILOUT * BAILOUT)
    within = real(reach)
    max_count = real(max_iter)
    side = records.shape[1]
    s = _aligned_state(view)
    rows = np.full(np.int64(LANES), -1, np.int32)
    columns = np.zeros(np.int64(LANES), np.int32)
    for lane in range(LANES):  # an empty lane counts as escaped
        _begin(s, lane, real(_FAR), real(0.0), julia, real(0.0), real(0.0))
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
                finished = _is_finished(
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
                        _write(s, lane, bailout, records, rows[lane], columns[lane])
                        rows[lane] = -1
                    if n_left > 0:
                        n_left -= 1
                        column = real(next_column)
                        row = real(next_row)
                        x = view[0] + (column * view[2] + row * view[4])
                        y = view[1] + (column * view[3] + row * view[5])
                        _begin(s, lane, x, y, julia, view[6], view[7])
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
        _save_iterates(s)  # only now: a lane that has just been saved equals its saved iterate
        for _ in range(STRIDE):
            _step(s, formula, bailout, max_count)
            for t in range(shapes.size):
                update_trap(s, shapes[t], traps[t], within)
        n_idle = _n_finished(s, bailout, max_count)
