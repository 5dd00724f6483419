"""Curved coordinates in which a filter bank's gratings run straight.

A chart turns a picture's row into two coordinates. It bends the plane by smooth noise and by a
ripple, may split it into cells around scattered seeds, each with its own turn, and may measure
from the centre of the cell in polar coordinates: rings, rays, spirals and eyes are then gratings
like any other.
"""

import numpy as np

from fractalgen.kernels.elementary import atan2_turns, cos_turns, sin_turns
from fractalgen.kernels.jit import kernel
from fractalgen.kernels.random_bits import uniform_at

__all__ = ["cell_seeds", "nearest_seed_row", "polar_row"]

_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_FAR = np.float32(1e9)
_FIELD = 1 << 30


@kernel
def cell_seeds(seed, cells, jitter, stagger, turn):
    """Scatter one seed in every cell of a square lattice that reaches one cell past the picture.

    Parameters
    ----------
    seed : uint64
        The picture's seed.
    cells : int
        Cells along a side.
    jitter : float32
        How far a seed may stray from its cell's middle: 0 not at all, 1 anywhere in the cell.
    stagger : float32
        Shift of every other row, in cells; 0.5 makes a regular lattice triangular.
    turn : float32
        Each cell's axes are turned by up to this many turns.

    Returns
    -------
    ndarray of float32, shape (cells + 2, cells + 2, 4)
        x and y of the seed in picture widths, cosine and sine of the cell's turn.
    """
    nodes = cells + 2
    seeds = np.empty((nodes, nodes, 4), np.float32)
    scale = _ONE / np.float32(cells)
    for i in range(nodes):
        shift = stagger * (_HALF if i % 2 == 1 else -_HALF)
        for j in range(nodes):
            n = np.uint64(_FIELD + (i * 1024 + j) * 4)
            x = (uniform_at(seed, n) - _HALF) * jitter
            y = (uniform_at(seed, n + np.uint64(1)) - _HALF) * jitter
            angle = uniform_at(seed, n + np.uint64(2)) * turn
            seeds[i, j, 0] = (np.float32(j) - _HALF + x + shift) * scale
            seeds[i, j, 1] = (np.float32(i) - _HALF + y) * scale
            seeds[i, j, 2] = cos_turns(angle)
            seeds[i, j, 3] = sin_turns(angle)
    return seeds


@kernel
def nearest_seed_row(seeds, y, bent_x, bent_y, u, v):
    """Measure each pixel's bent place from the nearest seed, in the seed's own turned axes.

    Only the nine seeds around a pixel's cell are tried; with strong jitter or bending a farther
    one may be nearer, which moves a border a little and harms nothing.

    Parameters
    ----------
    seeds : ndarray of float32, shape (cells + 2, cells + 2, 4)
        From `cell_seeds`.
    y : float32
        The row's place before it was bent, in (0, 1).
    bent_x, bent_y : ndarray of float32, shape (size,)
        Where the row's pixels are after bending, in picture widths.
    u, v : ndarray of float32, shape (size,)
        Filled.
    """
    size = u.size
    cells = seeds.shape[0] - 2
    top = min(np.int64(y * np.float32(cells)), cells - 1)
    near = np.empty((9, 4), np.float32)
    start = np.int64(0)
    for cell in range(cells):
        stop = ((cell + 1) * 2 * size + cells - 1) // (2 * cells)
        for n in range(9):
            for k in range(4):
                near[n, k] = seeds[top + n // 3, cell + n % 3, k]
        for i in range(start, stop):
            least = _FAR
            across = down = cosine = sine = _ONE
            # Nine times the same, unrolled by the compiler, so that pixels can be worked on
            # side by side and nothing is kept in memory.
            for n in range(9):
                dx, dy = bent_x[i] - near[n, 0], bent_y[i] - near[n, 1]
                square = dx * dx + dy * dy
                nearer = square < least
                least = square if nearer else least
                across = dx if nearer else across
                down = dy if nearer else down
                cosine = near[n, 2] if nearer else cosine
                sine = near[n, 3] if nearer else sine
            u[i] = across * cosine + down * sine
            v[i] = down * cosine - across * sine
        start = stop


@kernel
def polar_row(u, v):
    """Replace Cartesian coordinates by the radius and the angle in turns, in place."""
    for i in range(u.size):
        x, y = u[i], v[i]
        u[i] = np.sqrt(x * x + y * y)
        v[i] = atan2_turns(y, x)
