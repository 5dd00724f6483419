import numpy as np

from fractalgen.kernels.light_probe import examine


def test_what_is_measured_is_what_numpy_measures():
    rgb = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    rgb[:, :10] = (200, 190, 180)
    wide = rgb.astype(int)
    light = (2 * wide[..., 0] + 5 * wide[..., 1] + wide[..., 2]) // 8
    steps = np.abs(np.diff(light, axis=0)).sum() + np.abs(np.diff(light, axis=1)).sum()
    largest = np.bincount((light // 32).ravel()).max()
    assert examine(rgb) == (light.sum(), (light**2).sum(), steps, largest)


def test_black_and_white_are_the_ends_of_the_range():
    assert examine(np.zeros((8, 8, 3), np.uint8)) == (0, 0, 0, 64)
    assert examine(np.full((8, 8, 3), 255, np.uint8)) == (255 * 64, 255**2 * 64, 0, 64)
