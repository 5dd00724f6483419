import math

import numpy as np
import pytest
from PIL import Image

from fractalgen.mixing_set.measuring.image_measures import (
    MEASURES,
    bits_per_pixel,
    colorfulness,
    edge_density,
    entropy,
    spectrum_slope,
)


def grey(levels):
    """An RGB image of grey levels."""
    return np.repeat(np.asarray(levels, np.uint8)[:, :, np.newaxis], 3, axis=2)


def plain(color, height=32, width=32):
    return np.full((height, width, 3), color, np.uint8)


def noise(side, exponent, seed=0, height=None):
    """Grey noise whose amplitude falls with the frequency to the power of `exponent`."""
    rng = np.random.default_rng(seed)
    field = np.fft.fft2(rng.normal(size=(side, side)))
    radius = np.hypot(np.fft.fftfreq(side)[:, np.newaxis], np.fft.fftfreq(side))
    radius[0, 0] = 1
    values = np.fft.ifft2(field * radius**exponent).real
    values = (values - values.mean()) / values.std()
    return grey(np.clip(np.rint(128 + 30 * values), 0, 255))[:height]


def test_entropy_by_hand():
    assert entropy(plain((9, 200, 31))) == 0
    assert entropy(grey([[0, 255], [255, 0]])) == 1
    assert entropy(grey([[0, 80], [160, 240]])) == 2
    assert entropy(grey(np.arange(256).reshape(16, 16))) == 8
    # Half, a quarter, a quarter: 1/2 * 1 + 1/4 * 2 + 1/4 * 2.
    assert entropy(grey([[7, 7, 8, 9]])) == 1.5
    # Red and a grey of the luminance of red, 76.
    assert entropy(np.array([[[255, 0, 0], [76, 76, 76]]], np.uint8)) == 0


def test_edge_density_by_hand():
    assert edge_density(plain((9, 200, 31))) == 0
    step = np.zeros((10, 10))
    step[:, 5:] = 33  # a magnitude of 4 * 33 in the two columns at the step
    assert edge_density(grey(step)) == 0.2
    assert edge_density(grey(step.T)) == 0.2
    step[:, 5:] = 32  # of 4 * 32 = 128, which does not exceed the threshold
    assert edge_density(grey(step)) == 0
    point = np.zeros((9, 9))
    point[4, 4] = 255  # seen by its eight neighbours, and not by itself
    assert edge_density(grey(point)) == pytest.approx(8 / 81)
    assert edge_density(plain((1, 2, 3), 1, 1)) == 0


def test_edge_density_against_a_plain_loop():
    image = np.random.default_rng(1).integers(0, 90, (7, 11, 3), np.uint8)
    luma = np.asarray(Image.fromarray(image).convert("L")).astype(int)
    height, width = luma.shape

    def at(y, x):
        return luma[min(max(y, 0), height - 1), min(max(x, 0), width - 1)]

    weights = {-1: 1, 0: 2, 1: 1}
    n_edges = 0
    for y in range(height):
        for x in range(width):
            right = sum(w * (at(y + d, x + 1) - at(y + d, x - 1)) for d, w in weights.items())
            down = sum(w * (at(y + 1, x + d) - at(y - 1, x + d)) for d, w in weights.items())
            n_edges += math.hypot(right, down) > 128
    assert 0 < n_edges < height * width
    assert edge_density(image) == n_edges / (height * width)


@pytest.mark.parametrize("side", [128, 255])
@pytest.mark.parametrize("exponent", [0, -0.5, -1, -1.5])
def test_the_slope_is_the_exponent_of_the_noise(side, exponent):
    slopes = [spectrum_slope(noise(side, exponent, seed)) for seed in range(4)]
    assert np.mean(slopes) == pytest.approx(exponent, abs=0.05)


def test_the_slope_is_that_of_the_central_square():
    image = noise(128, -1)
    wide = np.zeros((128, 300, 3), np.uint8)
    wide[:, 86:214] = image
    assert spectrum_slope(wide) == spectrum_slope(image)
    tall = np.ascontiguousarray(wide.transpose(1, 0, 2))
    assert spectrum_slope(tall) == pytest.approx(spectrum_slope(image), abs=1e-5)


@pytest.mark.parametrize("side", [32, 33])
def test_the_slope_against_the_whole_spectrum_and_polyfit(side):
    image = noise(side, -1)
    luma = image[:, :, 0].astype(float)
    hann = np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2
    window = np.outer(hann, hann)
    spectrum = abs(np.fft.fft2((luma - np.average(luma, weights=window)) * window))
    frequencies = np.fft.fftfreq(side) * side
    radius = np.rint(np.hypot(frequencies[:, np.newaxis], frequencies))
    radii = np.arange(2, side // 2 + 1)
    means = [spectrum[radius == one].mean() for one in radii]
    expected = np.polyfit(np.log(radii), np.log(means), 1)[0]
    assert spectrum_slope(image) == pytest.approx(expected, abs=1e-5)


def test_the_slope_does_not_depend_on_brightness_or_contrast():
    image = noise(128, -1)
    assert spectrum_slope(image // 2 + 60) == pytest.approx(spectrum_slope(image), abs=0.02)


def test_a_flat_or_tiny_image_has_no_slope():
    assert math.isnan(spectrum_slope(plain((9, 200, 31))))
    assert math.isnan(spectrum_slope(plain((255, 255, 255), 200, 200)))
    assert math.isnan(spectrum_slope(noise(15, 0)))
    assert not math.isnan(spectrum_slope(noise(16, 0)))


def test_colorfulness_by_hand():
    assert colorfulness(noise(32, 0)) == 0
    # rg = 255 and yb = 127.5 everywhere.
    assert colorfulness(plain((255, 0, 0))) == pytest.approx(0.3 * math.hypot(255, 127.5))
    assert colorfulness(plain((0, 0, 255))) == pytest.approx(0.3 * 255)
    # Half red, half green: rg = +-255, so its mean is 0 and its deviation 255; yb = 127.5.
    halves = np.concatenate([plain((255, 0, 0)), plain((0, 255, 0))])
    assert colorfulness(halves) == pytest.approx(255 + 0.3 * 127.5)


def test_colorfulness_against_the_formula():
    image = np.random.default_rng(3).integers(0, 256, (40, 50, 3), np.uint8)
    red, green, blue = np.moveaxis(image.astype(float), 2, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    expected = math.hypot(rg.std(), yb.std()) + 0.3 * math.hypot(rg.mean(), yb.mean())
    assert colorfulness(image) == pytest.approx(expected)


@pytest.mark.parametrize("function", [edge_density, colorfulness])
def test_a_large_image_is_measured_in_bands(monkeypatch, function):
    image = np.random.default_rng(4).integers(0, 70, (40, 50, 3), np.uint8)
    whole = function(image)
    for n_pixels in (1, 150, 1333):
        monkeypatch.setattr("fractalgen.mixing_set.measuring.image_measures._BAND_PIXELS", n_pixels)
        assert function(image) == whole


def test_bits_per_pixel_by_hand():
    assert bits_per_pixel(plain(0, 10, 20), 100) == 4


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_leaves_the_image_as_it_is_and_formats_its_value(name):
    image = noise(32, -1, height=20)
    before = image.copy()
    value = MEASURES[name].function(image, 1000)
    assert isinstance(value, float)
    assert np.array_equal(image, before)
    assert float(MEASURES[name].number(value)) == pytest.approx(
        value * (100 if MEASURES[name].percent else 1), abs=0.51
    )
    assert not MEASURES[name].number(-1e-9).startswith("-")
