"""Rings around points: the mean of sines of the distance to each."""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.elementary import sin_turns
from fractalgen.kernels.jit import kernel

__all__ = ["ring_rows"]


@kernel
def _add_ring(across, y, x_center, frequency, phase, row):
    for column in range(row.size):
        x = across[column] - x_center
        row[column] += sin_turns(np.sqrt(x * x + y * y) * frequency + phase)


@kernel
def ring_rows(
    rings: NDArray[np.float32], size: int, first_row: int, out: NDArray[np.float32]
) -> None:
    """Write rows of the mean over all rings of sin(2 pi (f d + phase)), d the distance to a centre.

    Parameters
    ----------
    rings : float32 array, shape (n, 4)
        Centre x and y in sides of the image, frequency in cycles a side, phase in turns.
    size : int
        Columns of the whole image.
    first_row : int
        The image's row that is the first of `out`.
    out : float32 array, shape (rows, size)
        Written; from -1 to 1.
    """
    pixel = np.float32(1.0) / np.float32(size)
    half = np.float32(0.5)
    across = np.empty(size, np.float32)
    for column in range(size):
        across[column] = (np.float32(column) + half) * pixel
    share = np.float32(1.0) / np.float32(rings.shape[0])
    for i in range(out.shape[0]):
        row = out[i]
        down = (np.float32(first_row + i) + half) * pixel
        row[:] = np.float32(0.0)
        for ring in range(rings.shape[0]):
            _add_ring(
                across, down - rings[ring, 1], rings[ring, 0], rings[ring, 2], rings[ring, 3], row
            )
        for column in range(size):
            row[column] *= share
