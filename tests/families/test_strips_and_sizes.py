"""Families that draw an image strip by strip, and the same image at several sizes."""

import dataclasses
import importlib

import numpy as np
import pytest

from fractalgen.color.spaces import SRGB8_TO_LINEAR
from fractalgen.families import render, sample
from fractalgen.families.spectrum import Spectrum, SpectrumParams
from fractalgen.files.json_codec import from_json, to_json

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
    """Mean colours agree in linear light, and so do coarse blocks."""
    differences, correlations = [], []
    for index in range(8):
        spec = sample(family, seed=4, index=index)
        small, large = (SRGB8_TO_LINEAR[render(spec, size=size)] for size in (64, 256))
        differences.append(np.abs(small.mean((0, 1)) - large.mean((0, 1))).max())
        blocks = [
            image.reshape(16, len(image) // 16, 16, len(image) // 16, 3).mean((1, 3)).ravel()
            for image in (small, large)
        ]
        correlations.append(np.corrcoef(blocks)[0, 1])
    assert np.median(differences) < (0.03 if family == "flame" else 0.01)
    assert np.max(differences) < 0.05
    if family != "moire":  # whose finest rings alias at 64 pixels
        assert np.median(correlations) > 0.95


@pytest.mark.parametrize(("across", "along"), [(1.0, 1.0), (0.8, 1.8), (2.0, 1.2)])
def test_amplitudes_in_an_image_fall_with_the_powers(across, along):
    """Fit the slopes of the amplitudes along the two axes of the frequencies."""
    drawn = sample("spectrum", palette="#000000,#ffffff", marginals="gaussian", seed=6).params
    frequencies = np.arange(3, 100)
    slopes = []
    for stream in range(12):
        params = dataclasses.replace(drawn, across=across, along=along, stream=stream)
        light = Spectrum().render(params, 256)[..., 1].astype(float)
        amplitudes = np.abs(np.fft.fft2(light))
        both = np.log([amplitudes[0, frequencies], amplitudes[frequencies, 0]])
        slopes.append(np.polyfit(np.log(frequencies), both.T, 1)[0])
    # Colours stop at the ends of the gradient, which adds a little to the high frequencies.
    np.testing.assert_allclose(np.mean(slopes, axis=0), [-across, -along], atol=0.25)


def test_half_of_the_noise_is_sparse_and_the_option_decides():
    drawn = [sample("spectrum", index=index).params for index in range(200)]
    assert 70 < sum(bool(params.marginals) for params in drawn) < 130
    for marginals, sparse in (("sparse", True), ("gaussian", False)):
        options = {"seed": 3, "marginals": marginals}
        drawn = [sample("spectrum", index=index, **options).params for index in range(20)]
        assert all(bool(params.marginals) == sparse for params in drawn)


def test_sparse_noise_has_more_outliers_than_gaussian_noise():
    """Second differences are details; few of them are large in sparse noise."""
    kurtoses = {"gaussian": [], "sparse": []}
    for marginals, found in kurtoses.items():
        options = {"palette": "#000000,#ffffff", "marginals": marginals}
        for index in range(12):
            light = render(sample("spectrum", index=index, **options), size=128)[..., 1]
            details = np.diff(light.astype(float), 2, axis=0)
            found.append((details**4).mean() / (details**2).mean() ** 2)
    assert np.median(kurtoses["sparse"]) > 1.5 * np.median(kurtoses["gaussian"])


def test_noise_recorded_before_there_were_marginals_is_gaussian():
    data = to_json(sample("spectrum", marginals="gaussian").params)
    del data["marginals"]
    assert from_json(SpectrumParams, data) == sample("spectrum", marginals="gaussian").params
