"""Families that draw an image strip by strip, and the same image at several sizes."""

import importlib

import numpy as np
import pytest

from fractalgen.families import render, sample

STRIPS = {
    "moire": "moire",
    "dead-leaves": "dead_leaves",
    "radial-contours": "contours",
    "visual-atoms": "contours",
}
SCALABLE = ("dead-leaves", "spectrum", "radial-contours", "visual-atoms", "flame", "moire")


@pytest.mark.parametrize("family", STRIPS)
@pytest.mark.parametrize("index", range(4))
def test_an_image_drawn_in_strips_is_that_drawn_whole(family, index, monkeypatch):
    spec = sample(family, seed=3, index=index)
    whole = render(spec, size=50)
    module = importlib.import_module(f"fractalgen.families.{STRIPS[family]}")
    monkeypatch.setattr(module, "_STRIP_PIXELS", 7 * 50)
    np.testing.assert_array_equal(render(spec, size=50), whole)


@pytest.mark.parametrize("family", SCALABLE)
def test_another_size_shows_the_same_image(family):
    """Mean colours agree, and so do coarse blocks where nothing is finer than a pixel."""
    differences, correlations = [], []
    for index in range(8):
        spec = sample(family, seed=4, index=index)
        small, large = (render(spec, size=size).astype(float) for size in (64, 256))
        differences.append(np.abs(small.mean((0, 1)) - large.mean((0, 1))).max())
        blocks = [
            image.reshape(16, len(image) // 16, 16, len(image) // 16, 3).mean((1, 3)).ravel()
            for image in (small, large)
        ]
        correlations.append(np.corrcoef(blocks)[0, 1])
    assert np.median(differences) < 8
    assert np.max(differences) < 40
    if family != "moire":  # whose finest rings alias at 64 pixels
        assert np.median(correlations) > 0.9


@pytest.mark.parametrize("index", range(6))
def test_the_spectrum_falls_with_the_drawn_power(index):
    """Fit the slope of one row's, and one column's, power spectrum over an image's lightness."""
    from fractalgen.families.spectrum import _fields

    params = sample("spectrum", seed=6, index=index).params
    field = _fields(params, 256)[0].astype(float)
    amplitudes = np.abs(np.fft.fft2(field))
    frequencies = np.arange(4, 100)
    across = np.polyfit(np.log(frequencies), np.log(amplitudes[0, frequencies]), 1)[0]
    along = np.polyfit(np.log(frequencies), np.log(amplitudes[frequencies, 0]), 1)[0]
    assert abs(across + params.across) < 0.25
    assert abs(along + params.along) < 0.25
