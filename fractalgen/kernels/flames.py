"""Fractal flames: the chaos game with nonlinear maps, into a histogram of colours.

64 orbits run side by side. A step looks up each orbit's map, then applies the flame's few
variations one after another with the orbits as vectorised loop. Source: Draves and Reckase, "The
fractal flame algorithm", 2008, which also names the variations and measures angles from the y axis.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.elementary import atan2_turns, cos_turns, sin_turns
from fractalgen.kernels.jit import kernel
from fractalgen.kernels.random_bits import bits_at

__all__ = ["MAX_VARIATIONS", "N_CHOICES", "VARIATIONS", "play_flame"]

(
    LINEAR,
    SINUSOIDAL,
    SPHERICAL,
    SWIRL,
    HORSESHOE,
    POLAR,
    HANDKERCHIEF,
    HEART,
    DISC,
    SPIRAL,
    HYPERBOLIC,
    DIAMOND,
    JULIA,
    FISHEYE,
    BUBBLE,
    CYLINDER,
) = range(16)

VARIATIONS = {
    "linear": LINEAR,
    "sinusoidal": SINUSOIDAL,
    "spherical": SPHERICAL,
    "swirl": SWIRL,
    "horseshoe": HORSESHOE,
    "polar": POLAR,
    "handkerchief": HANDKERCHIEF,
    "heart": HEART,
    "disc": DISC,
    "spiral": SPIRAL,
    "hyperbolic": HYPERBOLIC,
    "diamond": DIAMOND,
    "julia": JULIA,
    "fisheye": FISHEYE,
    "bubble": BUBBLE,
    "cylinder": CYLINDER,
}
MAX_VARIATIONS = 4
N_CHOICES = 256

LANES = np.uint64(64)
# Runs of the state: the place, the place after the affine map, the sum of variations, the colour
# before and after the step, and the weights of the variations.
X, Y, TX, TY, OX, OY, TONE, NEXT_TONE, WEIGHTS, _END = (
    np.uint64(run) * LANES for run in (0, 1, 2, 3, 4, 5, 6, 7, 8, 8 + MAX_VARIATIONS)
)
_EIGHT = np.uint64(8)
_BYTE = np.uint64(0xFF)
_WORD = np.uint64(0xFFFF)
_START = np.uint64(1 << 40)  # of the stream that places the orbits
_WARM_UP = 20
_PER_TURN = np.float32(0.15915494)  # 1 / (2 pi)
_TINY = np.float32(1e-12)
_FAR = np.float32(1e4)


@kernel
def _vary(s, variation, weight, coins):
    """Add one variation of (tx, ty), times each orbit's weight, to the sum."""
    one = np.float32(1.0)
    half = np.float32(0.5)
    two = np.float32(2.0)
    if variation == LINEAR:
        for i in range(LANES):
            w = s[weight + i]
            s[OX + i] += w * s[TX + i]
            s[OY + i] += w * s[TY + i]
    elif variation == SINUSOIDAL:
        for i in range(LANES):
            w = s[weight + i]
            s[OX + i] += w * sin_turns(s[TX + i] * _PER_TURN)
            s[OY + i] += w * sin_turns(s[TY + i] * _PER_TURN)
    elif variation == SPHERICAL:
        for i in range(LANES):
            x = s[TX + i]
            y = s[TY + i]
            w = s[weight + i] / (x * x + y * y + _TINY)
            s[OX + i] += w * x
            s[OY + i] += w * y
    elif variation == SWIRL:
        for i in range(LANES):
            x = s[TX + i]
            y = s[TY + i]
            w = s[weight + i]
            t = min((x * x + y * y) * _PER_TURN, np.float32(65536.0))
            sine = sin_turns(t)
            cosine = cos_turns(t)
            s[OX + i] += w * (x * sine - y * cosine)
            s[OY + i] += w * (x * cosine + y * sine)
    elif variation == HORSESHOE:
        for i in range(LANES):
            x = s[TX + i]
            y = s[TY + i]
            w = s[weight + i] / (np.sqrt(x * x + y * y) + _TINY)
            s[OX + i] += w * (x - y) * (x + y)
            s[OY + i] += w * two * x * y
    elif variation == POLAR:
        for i in range(LANES):
            x = s[TX + i]
            y = s[TY + i]
            w = s[weight + i]
            s[OX + i] += w * two * atan2_turns(x, y)
            s[OY + i] += w * (np.sqrt(x * x + y * y) - one)
    elif variation == HANDKERCHIEF:
        for i in range(LANES):
            x = s[TX + i]
            y = s[TY + i]
            r = np.sqrt(x * x + y * y)
            w = s[weight + i] * r
            angle = atan2_turns(x, y)
            t = r * _PER_TURN
            s[OX + i] += w * sin_turns(angle + t)
            s[OY + i] += w * cos_turns(angle - t)
    elif variation == HEART:
        for i in range(LANES):
            x = s[TX + i]
            y = s[TY + i]
            r = np.sqrt(x * x + y * y)
            w = s[weight + i] * r
            t = atan2_turns(x, y) * r
            s[OX + i] += w * sin_turns(t)
            s[OY + i] -= w * cos_turns(t)
    elif variation == DISC:
        for i in range(LANES):
            x = s[TX + i]
            y = s[TY + i]
            t = np.sqrt(x * x + y * y) * half
            w = s[weight + i] * two * atan2_turns(x, y)
            s[OX + i] += w * sin_turns(t)
            s[OY + i] += w * cos_turns(t)
    elif variation == SPIRAL:
        for i in range(LANES):
            x = s[TX + i]
            y = s[TY + i]
            r = np.sqrt(x * x + y * y) + _TINY
            w = s[weight + i] / r
            t = r * _PER_TURN
            s[OX + i] += w * (y / r + sin_turns(t))
            s[OY + i] += w * (x / r - cos_turns(t))
    elif variation == HYPERBOLIC:
        for i in range(LANES):
            x = s[TX + i]
            y = s[TY + i]
            w = s[weight + i]
            s[OX + i] += w * x / (x * x + y * y + _TINY)
            s[OY + i] += w * y
    elif variation == DIAMOND:
        for i in range(LANES):
            x = s[TX + i]
            y = s[TY + i]
            r = np.sqrt(x * x + y * y) + _TINY
            w = s[weight + i] / r
            t = r * _PER_TURN
            s[OX + i] += w * x * cos_turns(t)
            s[OY + i] += w * y * sin_turns(t)
    elif variation == JULIA:
        for i in range(LANES):
            x = s[TX + i]
            y = s[TY + i]
            r = np.sqrt(np.sqrt(x * x + y * y))
            w = s[weight + i] * r
            coin = np.float32(np.int32(coins >> i) & np.int32(1)) * half
            t = atan2_turns(x, y) * half + coin
            s[OX + i] += w * cos_turns(t)
            s[OY + i] += w * sin_turns(t)
    elif variation == FISHEYE:
        for i in range(LANES):
            x = s[TX + i]
            y = s[TY + i]
            w = s[weight + i] * two / (np.sqrt(x * x + y * y) + one)
            s[OX + i] += w * y
            s[OY + i] += w * x
    elif variation == BUBBLE:
        for i in range(LANES):
            x = s[TX + i]
            y = s[TY + i]
            w = s[weight + i] * np.float32(4.0) / (x * x + y * y + np.float32(4.0))
            s[OX + i] += w * x
            s[OY + i] += w * y
    elif variation == CYLINDER:
        for i in range(LANES):
            w = s[weight + i]
            s[OX + i] += w * sin_turns(s[TX + i] * _PER_TURN)
            s[OY + i] += w * s[TY + i]


@kernel
def _settle(s):
    """Take the step, and keep orbits that went too far within reach."""
    for i in range(LANES):
        s[X + i] = min(max(s[OX + i], -_FAR), _FAR)
        s[Y + i] = min(max(s[OY + i], -_FAR), _FAR)
        s[TONE + i] = s[NEXT_TONE + i]


@kernel
def _place(s, view, side, cells):
    """Find each orbit's cell of the histogram; the one after the last takes what is outside."""
    left, top, scale = view[0], view[1], view[2]
    end = np.float32(side)
    outside = np.int32(side * side)
    for i in range(LANES):
        column = (s[X + i] - left) * scale
        row = (s[Y + i] - top) * scale
        inside = (column >= 0) & (row >= 0) & (column < end) & (row < end)
        safe_column = np.int32(min(max(column, np.float32(0.0)), end))
        safe_row = np.int32(min(max(row, np.float32(0.0)), end))
        cells[i] = np.int32(safe_row * np.int32(side) + safe_column) if inside else outside


@kernel
def play_flame(
    maps: NDArray[np.float32],
    chosen: NDArray[np.int64],
    variations: NDArray[np.int64],
    blends: NDArray[np.float32],
    tones: NDArray[np.float32],
    n_points: int,
    stream: int,
    view: NDArray[np.float32],
    side: int,
    inks: NDArray[np.uint32],
    histogram: NDArray[np.uint32],
) -> None:
    """Count orbits' visits to each cell of a square grid, and add up the colours they carry.

    Parameters
    ----------
    maps : float32 array, shape (n_maps, 6)
        Rows (a, b, c, d, e, f): x' = a x + b y + c, y' = d x + e y + f.
    chosen : int64 array, shape (256,)
        The map that each random byte chooses.
    variations : int64 array, shape (n_variations,)
        Values of `VARIATIONS`, at most `MAX_VARIATIONS` of them.
    blends : float32 array, shape (n_maps, MAX_VARIATIONS)
        The weight of each variation in each map; 0 where there are fewer.
    tones : float32 array, shape (n_maps,)
        From 0 to 1: an orbit's tone moves halfway towards its map's with every step.
    n_points : int
        Points to draw, those outside the grid included; rounded down to a multiple of 64.
    stream : uint64
        The random stream.
    view : float32 array, shape (3,)
        x and y of the grid's corner, and cells per unit of length.
    side : int
        Cells along each side.
    inks : uint32 array, shape (256, 4)
        What a visit adds for a tone: 1 and three colours.
    histogram : uint32 array, shape (side * side + 1, 4)
        Added to; the last row takes what is outside.
    """
    at = np.uint64(stream)
    s = np.empty(np.int64(_END), np.float32)
    cells = np.empty(np.int64(LANES), np.int32)
    for i in range(LANES):
        bits = bits_at(at, _START + i)
        x = np.float32(np.int32(bits & _WORD))
        y = np.float32(np.int32((bits >> np.uint64(16)) & _WORD))
        s[X + i] = x / np.float32(32768.0) - np.float32(1.0)
        s[Y + i] = y / np.float32(32768.0) - np.float32(1.0)
        s[TONE + i] = np.float32(0.5)
    for step in range(_WARM_UP + n_points // 64):
        base = np.uint64(step) * np.uint64(9)
        for eight in range(_EIGHT):
            drawn = bits_at(at, base + eight)
            for lane in range(_EIGHT):
                i = eight * _EIGHT + lane
                row = chosen[np.intp(drawn & _BYTE)]
                drawn >>= _EIGHT
                x = s[X + i]
                y = s[Y + i]
                s[TX + i] = maps[row, 0] * x + maps[row, 1] * y + maps[row, 2]
                s[TY + i] = maps[row, 3] * x + maps[row, 4] * y + maps[row, 5]
                s[NEXT_TONE + i] = (s[TONE + i] + tones[row]) * np.float32(0.5)
                for v in range(np.uint64(MAX_VARIATIONS)):
                    s[WEIGHTS + v * LANES + i] = blends[row, np.intp(v)]
        for i in range(LANES):
            s[OX + i] = np.float32(0.0)
            s[OY + i] = np.float32(0.0)
        coins = bits_at(at, base + _EIGHT)
        for v in range(variations.size):
            _vary(s, variations[v], WEIGHTS + np.uint64(v) * LANES, coins)
        _settle(s)
        if step < _WARM_UP:
            continue
        _place(s, view, side, cells)
        for i in range(LANES):
            ink = np.intp(s[TONE + i] * np.float32(255.0))
            cell = np.intp(cells[i])
            for k in range(4):
                histogram[cell, k] += inks[ink, k]
