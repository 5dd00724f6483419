"""Curved coordinates in which a filter bank's gratings are straight.

A chart turns a row of pixels into two coordinates. It bends the plane by smooth noise and a ripple,
can split it into cells around scattered seeds, each with its own rotation, and can use polar
coordinates around a cell's centre, in which rings, rays, spirals and eyes are plain gratings.
"""

import numpy as np

from fractalgen.kernels.elementary import atan2_turns, cos_turns, sin_turns
from fractalgen.kernels.jit import inlined, kernel
from fractalgen.kernels.random_bits import uniform_at

__all__ = ["cell_seeds", "nearest_seed_row", "polar_row"]

_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_FAR = np.float32(1e9)
_FIELD = 1 << 30


@kernel
def cell_seeds(seed, cells, jitter, stagger, turn):
    """Scatter one seed in every cell of a square lattice that extends one cell past the image.

    A seed is off its cell's centre by up to `jitter` half cells. Every other row is shifted by
    `stagger` cells; 0.5 makes a regular lattice triangular. Each cell's axes turn by up to `turn`
    turns. Return float32 of shape (cells + 2, cells + 2, 4): x and y of the seed in image widths,
    cosine and sine of the cell's turn.
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


@inlined
def _try_seed(seed, x, y, before, after):
    """Copy squared distance and coordinates, replaced by this seed's where it is nearer."""
    x0, y0, cosine, sine = seed[0], seed[1], seed[2], seed[3]
    for i in range(x.size):
        dx, dy = x[i] - x0, y[i] - y0
        square = dx * dx + dy * dy
        u, v = dx * cosine + dy * sine, dy * cosine - dx * sine
        # Read before the choice: a load in one branch only would prevent vectorisation.
        least, old_u, old_v = before[0, i], before[1, i], before[2, i]
        nearer = square < least
        after[0, i] = square if nearer else least
        after[1, i] = u if nearer else old_u
        after[2, i] = v if nearer else old_v


@kernel
def nearest_seed_row(seeds, y, bent_x, bent_y, u, v):
    """Fill `u` and `v` with each pixel's bent place relative to the nearest seed, in its axes.

    `y` is the row's position before bending. Only the nine seeds around a pixel's cell are tried;
    with strong jitter or bending another one may be nearer, which only moves a border slightly.
    """
    size = u.size
    cells = seeds.shape[0] - 2
    top = min(np.int64(y * np.float32(cells)), cells - 1)
    # Read the nearest so far from one half and write it to the other: in-place updates would become
    # masked stores, which are slow on many processors.
    found = np.empty((2, 3, size // cells + 1), np.float32)
    start = np.int64(0)
    for cell in range(cells):
        stop = ((cell + 1) * 2 * size + cells - 1) // (2 * cells)
        x, y_bent = bent_x[start:stop], bent_y[start:stop]
        for i in range(x.size):
            found[0, 0, i] = _FAR
        for near in range(9):
            seed = seeds[top + near // 3, cell + near % 3]
            _try_seed(seed, x, y_bent, found[near & 1], found[(near + 1) & 1])
        across, down = u[start:stop], v[start:stop]
        for i in range(x.size):
            across[i] = found[1, 1, i]
            down[i] = found[1, 2, i]
        start = stop


@kernel
def polar_row(u, v):
    """Replace Cartesian coordinates in place by the radius and the angle in turns."""
    for i in range(u.size):
        x, y = u[i], v[i]
        u[i] = np.sqrt(x * x + y * y)
        v[i] = atan2_turns(y, x)
