import numpy as np

from fractalgen.kernels.affine_systems import COUNT_SHIFT, N_CHAINS
from fractalgen.kernels.probes import TILE, probe_density, probe_light


def test_what_is_counted_is_what_numpy_counts():
    size = 64
    counts = np.random.default_rng(0).poisson(1.2, (size, size))
    counts[:, :20] = 0
    histogram = np.full(size * size + N_CHAINS, 99 << COUNT_SHIFT, dtype=np.uint64)
    histogram[:-N_CHAINS] = counts.astype(np.uint64).ravel() << np.uint64(COUNT_SHIFT) | np.uint64(
        7
    )
    seen = probe_density(histogram, size)
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


def test_what_is_measured_is_what_numpy_measures():
    rgb = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    rgb[:, :10] = (200, 190, 180)
    wide = rgb.astype(int)
    light = (2 * wide[..., 0] + 5 * wide[..., 1] + wide[..., 2]) // 8
    steps = np.abs(np.diff(light, axis=0)).sum() + np.abs(np.diff(light, axis=1)).sum()
    largest = np.bincount((light // 32).ravel()).max()
    assert probe_light(rgb) == (light.sum(), (light**2).sum(), steps, largest)


def test_black_and_white_are_the_ends_of_the_range():
    assert probe_light(np.zeros((8, 8, 3), np.uint8)) == (0, 0, 0, 64)
    assert probe_light(np.full((8, 8, 3), 255, np.uint8)) == (255 * 64, 255**2 * 64, 0, 64)
