"""The samples under way at once, a lane each: where their numbers lie, how they begin and end.

The state is one flat array in which each quantity has its own run of `LANES` numbers at a fixed
offset; with offsets known at compile time LLVM sees that the runs don't overlap, and turns every
loop over lanes into vector code.
"""

import numpy as np

from fractalgen.kernels.jit import inlined, pasted

__all__ = [
    "LANES",
    "N_RECORDS",
    "STRIDE",
    "aligned_state",
    "begin",
    "is_finished",
    "n_finished",
    "save_iterates",
    "write_record",
]

STRIDE = 8  # iterations between two looks at which lanes are finished
# Unsigned, so that no index is checked for counting from an array's end.
LANES = np.uint64(64)
# Where each quantity's run starts in the state.
STATE_RUNS = 12
RE, IM, C_RE, C_IM, SAVED_RE, SAVED_IM, SAVE_AT, COUNT, BEST, HIT_COUNT, HIT_U, HIT_V = (
    np.uint64(run) * LANES for run in range(STATE_RUNS)
)

# What is recorded of an orbit: iterations until it escaped and |z|^2 there (-1 and 0 if it did
# not); the squared distance of the nearest hit, its iteration, and its place in the trap's frame.
ESCAPE_COUNT, MAGNITUDE, TRAP_DISTANCE, TRAP_COUNT, TRAP_U, TRAP_V = range(6)
N_RECORDS = 6

_FAR = 1e30
_CACHE_LINE = 64  # bytes


@pasted
def is_finished(x, y, saved_x, saved_y, count, bailout, max_count):
    """Say whether a lane has escaped, repeats its saved iterate, or has had its iterations."""
    return (x * x + y * y > bailout) | ((x == saved_x) & (y == saved_y)) | (count >= max_count)


@pasted
def n_finished(s, bailout, max_count):
    """Count the finished lanes."""
    finished = np.int32(0)
    for lane in range(LANES):
        done = is_finished(
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
def save_iterates(s):
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
def begin(s, lane, x, y, julia, constant_re, constant_im):
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
def write_record(s, lane, bailout, records, row, column):
    """Write what is known of the orbit in a lane."""
    x = s[RE + lane]
    y = s[IM + lane]
    magnitude = x * x + y * y
    escaped = magnitude > bailout
    records[ESCAPE_COUNT, row, column] = np.float32(s[COUNT + lane] if escaped else -1.0)
    records[MAGNITUDE, row, column] = np.float32(magnitude if escaped else 0.0)
    records[TRAP_DISTANCE, row, column] = np.float32(s[BEST + lane])
    records[TRAP_COUNT, row, column] = np.float32(s[HIT_COUNT + lane])
    records[TRAP_U, row, column] = np.float32(s[HIT_U + lane])
    records[TRAP_V, row, column] = np.float32(s[HIT_V + lane])


@inlined
def aligned_state(view):
    """Return memory for the state at a cache line's start, so that no vector straddles two."""
    size = np.int64(STATE_RUNS) * np.int64(LANES)
    spare = _CACHE_LINE // view.itemsize
    memory = np.empty(size + spare, view.dtype)
    start = (_CACHE_LINE - memory.ctypes.data % _CACHE_LINE) % _CACHE_LINE // view.itemsize
    return memory[start : start + size]
