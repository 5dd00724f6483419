import numpy as np

from fractalgen.kernels.chaos_game import COUNT_SHIFT, N_CHAINS
from fractalgen.kernels.density_probe import TILE, examine


def test_what_is_counted_is_what_numpy_counts():
    size = 64
    counts = np.random.default_rng(0).poisson(1.2, (size, size))
    counts[:, :20] = 0
    histogram = np.full(size * size + N_CHAINS, 99 << COUNT_SHIFT, dtype=np.uint64)
    histogram[:-N_CHAINS] = counts.astype(np.uint64).ravel() << np.uint64(COUNT_SHIFT) | np.uint64(
        7
    )
    seen = examine(histogram, size)
    there = counts > 0
    inner = there[1:-1, 1:-1] & there[:-2, 1:-1] & there[2:, 1:-1]
    inner &= there[1:-1, :-2] & there[1:-1, 2:]
    tiles = there.reshape(size // TILE, TILE, size // TILE, TILE).any(axis=(1, 3))
    assert seen == (
        there.sum(),
        (counts == 1).sum(),
        inner.sum(),
        tiles.sum(),
        counts.sum(),
        (counts**2).sum(),
    )
