"""Smooth noise on lattices that span the image, so every size shows the same noise.

Values at the lattice's nodes come from a hash of the node, and are interpolated by uniform cubic
B-splines, the limit of repeatedly enlarging a coarse pyramid level. Each row of the lattice is
interpolated across the image's width once, as a cubic in x inside each cell. A row of the image is
the weighted sum of four of them: seven additions and multiplications per pixel, without a branch.
"""

import numpy as np

from fractalgen.kernels.jit import inlined, kernel
from fractalgen.kernels.random_bits import bits_at

__all__ = ["noise_row", "normal_lattice", "pixel_centers"]

_U16 = np.uint64(16)
_LOW_16 = np.uint64(0xFFFF)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_THREE = np.float32(3.0)
_FOUR = np.float32(4.0)
_SIX = np.float32(6.0)
_SIXTH = np.float32(1.0 / 6.0)
# The sum of four 16-bit uniforms has the mean 131070 and the deviation 2**16 / sqrt(3). Averaged
# over a cell, a spline keeps 0.4795 of the deviation (151/315 of the variance along each axis).
_MEAN = np.float32(131070.0)
_SCALE = np.float32(1.7320508 / 65536.0 * 315.0 / 151.0)


@kernel
def pixel_centers(size):
    """Return the pixel centres of a row as float32, in image widths, in (0, 1)."""
    centers = np.empty(size, np.float32)
    scale = _ONE / np.float32(size)
    for i in range(size):
        centers[i] = (np.float32(i) + _HALF) * scale
    return centers


@kernel
def normal_lattice(seed, field, cells, lattice):
    """Fill the first ``cells + 3`` rows and columns of a lattice with bell-shaped values.

    Their spline has unit variance. `field`, 0 to 255, distinguishes the lattices of an image;
    `cells`, 1 to 1000, is the number of cells along a side.
    """
    nodes = cells + 3
    for i in range(nodes):
        for j in range(nodes):
            bits = bits_at(seed, np.uint64((field * 1024 + i) * 1024 + j))
            total = np.int64(0)
            for _ in range(4):
                total += np.int64(bits & _LOW_16)
                bits >>= _U16
            lattice[i, j] = (np.float32(total) - _MEAN) * _SCALE


@inlined
def _interpolate(nodes, cells, centers, row):
    """Evaluate the spline of one lattice row at the pixels of a row."""
    size = centers.size
    scale = np.float32(cells)
    start = np.int64(0)
    for cell in range(cells):
        p0, p1, p2, p3 = nodes[cell], nodes[cell + 1], nodes[cell + 2], nodes[cell + 3]
        c0 = (p0 + _FOUR * p1 + p2) * _SIXTH
        c1 = (p2 - p0) * _HALF
        c2 = (p0 + p2) * _HALF - p1
        c3 = (p3 - p0 + _THREE * (p1 - p2)) * _SIXTH
        left = np.float32(cell)
        # Pixels whose centre (2 i + 1) / (2 size) lies before the cell's right edge.
        stop = ((cell + 1) * 2 * size + cells - 1) // (2 * cells)
        # Sliced so that `i` starts at 0: Numba would check any other start for being negative.
        places, part = centers[start:stop], row[start:stop]
        for i in range(part.size):
            x = places[i] * scale - left
            part[i] = c0 + x * (c1 + x * (c2 + x * c3))
        start = stop


@kernel
def noise_row(lattice, cells, y, centers, upsampled, held, row):
    """Evaluate a lattice's bicubic B-spline along the row at height `y` in (0, 1).

    `upsampled`, float32 of shape (4, size), caches lattice rows at the image's pixels, row k at
    index k % 4. `held` is the first of the four cached rows, as returned by the previous call; -4
    for the first call. Return the first cached row.
    """
    scale = np.float32(cells)
    top = min(np.int64(y * scale), cells - 1)
    for k in range(max(top, held + 4), top + 4):
        _interpolate(lattice[k], cells, centers, upsampled[k & 3])
    t = y * scale - np.float32(top)
    s = _ONE - t
    w0 = s * s * s * _SIXTH
    w1 = (_FOUR + t * t * (_THREE * t - _SIX)) * _SIXTH
    w2 = (_FOUR + s * s * (_THREE * s - _SIX)) * _SIXTH
    w3 = t * t * t * _SIXTH
    first, second = upsampled[top & 3], upsampled[(top + 1) & 3]
    third, fourth = upsampled[(top + 2) & 3], upsampled[(top + 3) & 3]
    for i in range(row.size):
        row[i] = (w0 * first[i] + w1 * second[i]) + (w2 * third[i] + w3 * fourth[i])
    return top
