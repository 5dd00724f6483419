import numpy as np
import pytest

from fractalgen.kernels.tone_maps import COLOR_UNIT, develop

F = np.float32
GROUND = np.array([0.02, 0.05, 0.1], F)


def developed(histogram, size, scale=0.5, brightest=40.0, gamma=2.0, vibrancy=0.7):
    out = np.empty((3, size, size), F)
    oversample = len(histogram) // size
    develop(histogram, oversample, F(scale), F(brightest), F(gamma), F(vibrancy), GROUND, out)
    return out


def plain(histogram, size, scale=0.5, brightest=40.0, gamma=2.0, vibrancy=0.7):
    """Return the image by the paper's formulas, smoothed where there are few visits."""
    k = len(histogram) // size
    sums = histogram.reshape(size, k, size, k, 4).sum(axis=(1, 3)).astype(np.float64)
    wide = np.pad(sums, ((1, 1), (1, 1), (0, 0)))
    rows = (wide[:-2] + 2 * wide[1:-1] + wide[2:]) / 4
    around = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4
    own = around[..., :1] / (around[..., :1] + 4)
    sums = around + own * (sums - around)
    count = sums[..., :1]
    density = np.minimum(np.log1p(count * scale) / np.log1p(brightest * scale), 1)
    color = np.divide(
        sums[..., 1:], count * COLOR_UNIT, out=np.zeros(sums[..., 1:].shape), where=count > 0
    )
    bright = density ** (1 / gamma)
    each = (color * density) ** (1 / gamma)
    image = vibrancy * color * bright + (1 - vibrancy) * each + (1 - bright) * GROUND
    return np.moveaxis(image, 2, 0)


def some_histogram(side):
    rng = np.random.default_rng(side)
    histogram = np.zeros((side, side, 4), np.uint32)
    histogram[..., 0] = rng.poisson(rng.exponential(4, (side, side)))
    histogram[..., 1:] = histogram[..., :1] * rng.integers(0, COLOR_UNIT + 1, (side, side, 3))
    return histogram


@pytest.mark.parametrize("oversample", [1, 2, 3])
@pytest.mark.parametrize("gamma", [1.0, 2.0])
@pytest.mark.parametrize("vibrancy", [0.0, 0.7, 1.0])
def test_an_image_is_that_of_the_formulas(oversample, gamma, vibrancy):
    histogram = some_histogram(20 * oversample)
    settings = {"gamma": gamma, "vibrancy": vibrancy}
    ours = developed(histogram, 20, **settings)
    np.testing.assert_allclose(ours, plain(histogram, 20, **settings), atol=2e-3)


def test_without_visits_there_is_the_ground():
    image = developed(np.zeros((8, 8, 4), np.uint32), 4)
    np.testing.assert_array_equal(image, np.broadcast_to(GROUND[:, None, None], image.shape))


def test_single_visits_are_spread_and_many_are_not():
    def around(count):
        histogram = np.zeros((5, 5, 4), np.uint32)
        histogram[2, 2] = count * np.array([1, 256, 256, 256])
        light = developed(histogram, 5, gamma=1.0)[0] - GROUND[0]
        return light[2, 3] / light[2, 2]

    assert around(1) > 0.3
    assert around(10_000) < 1.0
