import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from fractalgen.errors import PaletteError, UnknownNameError
from fractalgen.families.base import MAX_ATTEMPTS, sample_spec
from fractalgen.families.features import Features, FeaturesParams, Unit
from fractalgen.families.features.filters import Chart, Filter
from fractalgen.files.json_codec import from_json, to_json

FAMILY = Features()
INDICES = range(300)


@pytest.fixture(scope="module")
def specs():
    return [sample_spec(FAMILY, 1, index) for index in INDICES]


@pytest.fixture(scope="module")
def images(specs):
    return np.stack([FAMILY.render(spec.params, 64) for spec in specs])


def opponents(rgb):
    red, green, blue = np.moveaxis(rgb.astype(float), -1, 0)
    return np.stack([(red + green + blue) / 3, (red - blue) / 2, (2 * green - red - blue) / 4])


def hues(rgb):
    """Hue in turns and saturation, by Pillow."""
    hsv = np.asarray(Image.fromarray(rgb).convert("HSV")).astype(float)
    return hsv[..., 0] / 256, hsv[..., 1]


def test_params_come_back_from_json_and_draw_the_same(specs):
    for spec in specs[:20]:
        text = json.dumps(to_json(spec.params))
        params = from_json(FeaturesParams, json.loads(text))
        assert params == spec.params
        np.testing.assert_array_equal(FAMILY.render(params, 32), FAMILY.render(spec.params, 32))


def test_no_image_is_flat_or_of_one_tone(specs, images):
    assert max(spec.attempt for spec in specs) < MAX_ATTEMPTS
    flat = images.reshape(len(images), -1, 3).astype(float)
    assert flat.std(axis=1).max(axis=1).min() > 20
    assert np.ptp(flat, axis=1).max(axis=1).min() > 100


def test_images_are_unlike_each_other(images):
    light = opponents(images)[0].reshape(len(images), -1)
    light -= light.mean(axis=1, keepdims=True)
    light /= np.sqrt((light**2).sum(axis=1, keepdims=True))
    alike = np.abs(light @ light.T)
    np.fill_diagonal(alike, 0)
    assert alike.max() < 0.6


def test_neighbouring_pixels_agree_as_noise_would_not(specs):
    for spec in specs[:60]:
        light = opponents(FAMILY.render(spec.params, 256))[0]
        assert np.corrcoef(light[:, 1:].ravel(), light[:, :-1].ravel())[0, 1] > 0.4
        assert np.corrcoef(light[1:].ravel(), light[:-1].ravel())[0, 1] > 0.4


def test_colours_covary_as_in_natural_images(images):
    axes = opponents(images).reshape(3, -1)
    light, blue_red, green = axes.var(axis=1)
    assert light > 2 * blue_red > 3 * green
    correlation = np.corrcoef(axes)
    assert np.abs(correlation - np.eye(3)).max() < 0.25


def test_hues_of_many_images_go_round_the_circle(images):
    hue, saturation = hues(images.reshape(-1, 64, 3))
    shares = np.histogram(hue, 12, (0, 1), weights=saturation)[0] / saturation.sum()
    assert shares.min() > 0.02
    assert shares.max() < 0.25


def test_spectrum_falls_as_in_natural_images(specs):
    size, power = 128, 0.0
    window = np.outer(np.hanning(size), np.hanning(size))
    for spec in specs[:120]:
        light = opponents(FAMILY.render(spec.params, size))[0]
        power = power + np.abs(np.fft.fft2((light - light.mean()) * window)) ** 2
    ky, kx = np.meshgrid(*[np.fft.fftfreq(size, 1 / size)] * 2, indexing="ij")
    rings = np.rint(np.hypot(kx, ky)).astype(int)
    radial = np.bincount(rings.ravel(), power.ravel()) / np.bincount(rings.ravel())
    cycles = np.arange(2, 64)
    slope = np.polyfit(np.log(cycles), np.log(radial[cycles]), 1)[0]
    assert -3.0 < slope < -1.3


def test_a_larger_image_is_the_same_in_finer_detail(specs):
    for spec in specs[:60]:
        small = FAMILY.render(spec.params, 64).astype(int)
        large = FAMILY.render(spec.params, 192).astype(int)
        # With three times the pixels, every third centre is one of the small image's.
        difference = np.abs(large[1::3, 1::3] - small)
        assert np.mean(difference > 2) < 0.001


def test_an_odd_size_over_many_strips_has_no_seams(specs, monkeypatch):
    params = specs[0].params
    whole = FAMILY.render(params, 81)
    monkeypatch.setattr("fractalgen.families.features._STRIP_PIXELS", 81 * 7)
    np.testing.assert_array_equal(FAMILY.render(params, 81), whole)


def test_rings_and_rays_meet_without_a_seam(specs):
    for spec in specs:
        if spec.params.chart.polar:
            assert all(filter_.v == round(filter_.v) for filter_ in spec.params.filters)


def test_gratings_stay_within_what_256_pixels_show(specs):
    for filters in (spec.params.filters for spec in specs if not spec.params.chart.polar):
        assert all(np.hypot(one.u, one.v) < 41 for one in filters)


def test_the_gate_refuses_a_flat_image(specs):
    params = specs[0].params
    silent = tuple(dataclasses.replace(unit, threshold=90.0) for unit in params.units)
    assert not FAMILY.accepts(dataclasses.replace(params, units=silent))
    assert FAMILY.accepts(params)


def test_a_palette_colours_every_image():
    family = Features(palette="#100000,#ff2010,#ffe0d0")
    for index in range(10):
        rgb = family.render(sample_spec(family, 0, index).params, 64)
        red, green, blue = np.moveaxis(rgb.astype(int), -1, 0)
        assert (red >= green - 2).all()
        assert (green >= blue - 2).mean() > 0.5
        assert red.std() > 15


def test_a_palette_changes_the_colours_and_not_the_pattern():
    plain = sample_spec(FAMILY, 0, 3).params
    toned = dataclasses.replace(plain, colors=("#000000", "#ffffff"))
    rgb = FAMILY.render(toned, 64)
    np.testing.assert_array_equal(rgb[..., 0], rgb[..., 2])
    assert not np.array_equal(rgb, FAMILY.render(plain, 64))


def test_random_palettes_differ_and_are_recorded():
    family = Features(palette="random")
    first, second = (sample_spec(family, 0, index).params.colors for index in (0, 1))
    assert first != second
    assert all(len(color) == 7 and color[0] == "#" for color in first + second)


def test_an_unknown_palette_is_refused_at_once():
    with pytest.raises((UnknownNameError, PaletteError), match="no-such-palette"):
        Features(palette="no-such-palette")


@pytest.mark.parametrize(
    "changes",
    [
        {"noise_seed": -1},
        {"noise_seed": 2**63},
        {"constant": 0.0},
        {"constant": float("nan")},
        {"filters": ()},
        {"spread": (1e9, 1.0, 1.0)},
    ],
)
def test_params_out_of_range_are_refused(specs, changes):
    with pytest.raises(ValueError, match=r"must|within"):
        dataclasses.replace(specs[0].params, **changes)


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("chart", {"bend_cells": 0}),
        ("chart", {"bend": float("inf")}),
        ("filter", {"cells": 10**9}),
        ("filter", {"u": float("nan")}),
        ("unit", {"threshold": -1e30}),
    ],
)
def test_parts_out_of_range_are_refused(specs, part, changes):
    params = specs[0].params
    parts = {"chart": params.chart, "filter": params.filters[0], "unit": params.units[0]}
    with pytest.raises(ValueError, match=r"must|within"):
        dataclasses.replace(parts[part], **changes)


@pytest.mark.parametrize("number", [-100.0, 0.0, 100.0])
@pytest.mark.parametrize("cells", [1, 256])
@pytest.mark.parametrize("colors", [(), ("#000000", "#ffffff")])
def test_numbers_at_their_bounds_still_draw(number, cells, colors):
    params = FeaturesParams(
        noise_seed=2**63 - 1,
        chart=Chart((number,) * 2, number, cells, number, number, True, cells, *(number,) * 3),
        filters=(Filter(number, number, number, number, number, cells),),
        constant=1e-6,
        units=(Unit((number,) * 2, number, (number,) * 3),),
        spread=(number,) * 3,
        mean=(number,) * 3,
        colors=colors,
    )
    image = FAMILY.render(params, 17)
    assert image.shape == (17, 17, 3)
    assert number or len(np.unique(image)) == 1


def test_every_processor_draws_the_same_bits():
    script = (
        "import hashlib; from fractalgen.families.features import Features as F;"
        "from fractalgen.families.base import sample_spec as s;"
        "h = hashlib.sha256();"
        "[h.update(F().render(s(F(), 1, i).params, 48).tobytes()) for i in range(12)];"
        "print(h.hexdigest())"
    )
    environment = {**os.environ, "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    generic = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    ).stdout
    native = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert generic == native
