"""The state of samples in progress, one lane each, and the fields of an orbit's record.

The state is one flat array in which each quantity has its own run of `LANES` numbers at a fixed
offset. Because LLVM knows the offsets at compile time, it sees that the runs don't overlap, and
vectorises every loop over lanes. No choice between a new value and the loaded one is stored
directly: LLVM would make a masked store of it, which is slow on many processors.
"""

import numpy as np

from fractalgen.kernels.jit import inlined_early, kernel

__all__ = [
    "LANES",
    "NO_HIT",
    "N_RECORDS",
    "N_RECORDS_WITH_AVERAGES",
    "OUTSIDE",
    "STRIDE",
    "TILE_COLUMNS",
    "TILE_ROWS",
    "aligned_state",
    "fill_tile",
    "move_lane",
]

STRIDE = 8  # iterations between two checks for lanes that are done
TILE_ROWS, TILE_COLUMNS = 4, 16
# Unsigned, so that Numba does not check whether an index counts from an array's end.
LANES = np.uint64(TILE_ROWS * TILE_COLUMNS)
# Where each quantity's run starts in the state: first those that move with a lane, then the results
# of a stride, its iterates after two earlier ones, and their distances from a trap, one run per
# step.
N_MOVED = 14
RE, IM, C_RE, C_IM, COUNT, BEST, HIT_COUNT, HIT_RE, HIT_IM, HIT_TRAP = (
    np.uint64(run) * LANES for run in range(10)
)
# For averages: the sum of their terms, the last term, and the iterate before the current one.
SUM, LAST_TERM, OLD_RE, OLD_IM = (np.uint64(run) * LANES for run in range(10, N_MOVED))
SAVED_RE, SAVED_IM, NEXT_COUNT, EARLIER_RE, ORBIT_RE, EARLIER_IM, ORBIT_IM, DISTANCE, _END = (
    np.uint64(N_MOVED + run) * LANES
    for run in (0, 1, 2, 3, 5, 5 + STRIDE, 7 + STRIDE, 7 + 2 * STRIDE, 7 + 3 * STRIDE)
)

# The fields of an orbit's record: iterations until it escaped and |z|^2 there (-1 and 0 if it did
# not); the nearest hit's squared distance, its iteration, and its place in the trap's frame.
ESCAPE_COUNT, MAGNITUDE, TRAP_DISTANCE, TRAP_COUNT, TRAP_U, TRAP_V = range(6)
N_RECORDS = 6
# Two more where an average is asked for: that of all its terms, and of all but the last.
AVERAGE, AVERAGE_BEFORE = range(6, 8)
N_RECORDS_WITH_AVERAGES = 8

OUTSIDE = 1000.0  # the real part of a lane that is done without having escaped
NO_HIT = 1e30  # recorded as the squared distance where no iterate came within reach
_CACHE_LINE = 64  # bytes


@kernel
def aligned_state(view):
    """Return memory for the state that starts at a cache line, so that no vector straddles two."""
    size = np.int64(_END)
    spare = _CACHE_LINE // view.itemsize
    memory = np.empty(size + spare, view.dtype)
    start = (_CACHE_LINE - memory.ctypes.data % _CACHE_LINE) % _CACHE_LINE // view.itemsize
    return memory[start : start + size]


@kernel
def fill_tile(s, view, julia, first_row, first_column, stride, n_rows, n_columns):
    """Set the lanes to z_0 of a tile's samples.

    The tile's first sample is at (`first_row`, `first_column`), the others are `stride` apart.
    Lanes beyond the first `n_rows` rows or `n_columns` columns are done from the start.
    """
    real = s.dtype.type
    zero = real(0.0)
    outside = real(OUTSIDE)
    left, top, across_x, across_y = view[0], view[1], view[2], view[3]
    constant_re, constant_im = view[6], view[7]
    for row in range(np.uint64(TILE_ROWS)):
        steps_down = real(first_row + np.int64(row) * stride)
        down_x = steps_down * view[4]
        down_y = steps_down * view[5]
        n_used = np.int32(n_columns if np.int64(row) < n_rows else 0)
        for column in range(np.uint64(TILE_COLUMNS)):
            lane = row * np.uint64(TILE_COLUMNS) + column
            steps = real(np.int32(first_column) + np.int32(column) * np.int32(stride))
            x = left + (steps * across_x + down_x)
            y = top + (steps * across_y + down_y)
            begin_re = x if julia else zero
            s[RE + lane] = begin_re if np.int32(column) < n_used else outside
            s[IM + lane] = y if julia else zero
            s[C_RE + lane] = constant_re if julia else x
            s[C_IM + lane] = constant_im if julia else y
            s[COUNT + lane] = zero
    for lane in range(LANES):
        s[BEST + lane] = real(NO_HIT)
        s[HIT_COUNT + lane] = real(0.0)
        s[HIT_RE + lane] = real(0.0)
        s[HIT_IM + lane] = real(0.0)
        s[HIT_TRAP + lane] = real(0.0)
        s[SUM + lane] = real(0.0)
        s[LAST_TERM + lane] = real(0.0)
        s[OLD_RE + lane] = real(0.0)
        s[OLD_IM + lane] = real(0.0)


@inlined_early
def move_lane(source, from_lane, target, to_lane):
    """Copy an orbit from one lane to another, in the same state or in another."""
    for run in range(np.uint64(N_MOVED)):
        target[run * LANES + to_lane] = source[run * LANES + from_lane]
