import dataclasses
import json

import numpy as np
import pytest

from fractalgen.color.spaces import SRGB8_TO_LINEAR
from fractalgen.families.base import sample_spec
from fractalgen.families.ifs import IFS, IFSParams
from fractalgen.families.ifs.backdrops import draw_backdrop
from fractalgen.files.json_codec import from_json, to_json
from tests.color.oklab import linear_to_oklab

FAMILY = IFS()


@pytest.fixture(scope="module")
def specs():
    return [sample_spec(FAMILY, 0, index) for index in range(300)]


@pytest.fixture(scope="module")
def thumbs(specs):
    return np.array([FAMILY.render(spec.params, 64) for spec in specs])


def oklab(images):
    return linear_to_oklab(SRGB8_TO_LINEAR[images].astype(np.float64))


def boxed(image, size):
    step = len(image) // size
    return image.reshape(size, step, size, step, 3).astype(float).mean(axis=(1, 3))


def test_json_round_trip_is_short_and_exact(specs):
    for spec in specs:
        text = json.dumps(to_json(spec.params), separators=(",", ":"))
        assert from_json(IFSParams, json.loads(text)) == spec.params
        assert len(text) < 1600


def test_same_index_same_pixels(specs):
    again = IFS(palette="random").render(sample_spec(IFS(), 0, 3).params, 96)
    np.testing.assert_array_equal(again, FAMILY.render(specs[3].params, 96))


def test_most_draws_are_accepted(specs):
    assert max(spec.attempt for spec in specs) < 20
    assert np.mean([spec.attempt for spec in specs]) < 2


def test_every_fractal_stands_out_from_its_background(specs):
    share, contrast = [], []
    for spec in specs:
        difference = oklab(FAMILY.render(spec.params, 64)) - oklab(
            draw_backdrop(spec.params.backdrop, 64)
        )
        distance = np.sqrt((difference**2).sum(axis=2))
        visible = distance > 0.04
        share.append(visible.mean())
        contrast.append(distance[visible].mean())
    assert min(share) > 0.05
    assert np.median(share) > 0.2
    assert min(contrast) > 0.08
    assert np.median(contrast) > 0.2


def test_no_two_images_are_nearly_alike(thumbs):
    lightness = oklab(np.array([boxed(thumb, 16) for thumb in thumbs]).astype(np.uint8))[..., 0]
    flat = lightness.reshape(len(thumbs), -1)
    flat = (flat - flat.mean(axis=1, keepdims=True)) / flat.std(axis=1, keepdims=True)
    alike = np.abs(flat @ flat.T / flat.shape[1]) - np.eye(len(flat))
    assert alike.max() < 0.9


def test_hues_have_no_favourite(thumbs):
    lab = oklab(thumbs).reshape(len(thumbs), -1, 3)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    twelfth = np.floor(12 * (np.arctan2(lab[..., 2], lab[..., 1]) / (2 * np.pi) % 1)).astype(int)
    shares = np.zeros(12)
    for hues, weights in zip(twelfth, chroma, strict=True):
        counts = np.bincount(hues % 12, weights, minlength=12)
        shares += counts / counts.sum() / len(thumbs)
    assert shares.min() > 0.04
    assert shares.max() < 0.15


@pytest.mark.parametrize("index", range(6))
def test_a_larger_image_is_the_same_image(specs, index):
    base = FAMILY.render(specs[index].params, 256)
    for size in (512, 1024):
        large = FAMILY.render(specs[index].params, size)
        difference = boxed(large, 64) - boxed(base, 64)
        assert np.abs(difference).mean() < 12
        assert np.corrcoef(boxed(large, 64).ravel(), boxed(base, 64).ravel())[0, 1] > 0.96


@pytest.mark.parametrize("objects", [1, 2, 5])
def test_as_many_fractals_as_asked_for_each_in_sight(objects):
    family = IFS(objects=objects)
    for index in range(8):
        params = sample_spec(family, 1, index).params
        assert len(params.fractals) == objects
        for fractal in params.fractals:
            alone = dataclasses.replace(params, fractals=(fractal,))
            changed = family.render(alone, 64) != draw_backdrop(params.backdrop, 64)
            assert changed.any(axis=2).mean() > 0.01


@pytest.mark.parametrize("objects", [0, 6, -1])
def test_impossible_numbers_of_objects_are_refused(objects):
    with pytest.raises(ValueError, match="objects must be a whole number from 1 to 5"):
        IFS(objects=objects)


def test_colours_are_those_of_the_palette_asked_for():
    option = "#002040,#ffe0a0,#30a080"
    family = IFS(palette=option)
    for index in range(10):
        (fractal,) = sample_spec(family, 0, index).params.fractals
        assert set(fractal.colors) <= set(option.split(","))


def test_both_orders_of_light_and_dark_occur(specs):
    ends = [oklab(np.array([hex_codes(s.params.fractals[0].colors)]))[0, :, 0] for s in specs]
    brightening = np.mean([lightness[-1] > lightness[0] for lightness in ends])
    assert 0.4 < brightening < 0.9


def hex_codes(colors):
    return [list(bytes.fromhex(color[1:])) for color in colors]


def test_the_gate_refuses_dust_lines_and_blobs(specs):
    params = specs[0].params
    fractal = params.fractals[0]

    def with_maps(*maps):
        weights = (256 // len(maps),) * len(maps)
        odd = dataclasses.replace(fractal, maps=maps, weights=weights, tones=(0,) * len(maps))
        return dataclasses.replace(params, fractals=(odd,))

    half = 0.5
    point = (0.01, 0.0, half, 0.0, 0.01, half)
    assert not FAMILY.accepts(with_maps(point, point))
    line = [(half, 0.0, x, 0.0, 0.0, half) for x in (0.0, half)]
    assert not FAMILY.accepts(with_maps(*line))
    beyond = [(half, 0.0, x, 0.0, half, 5.0) for x in (0.0, half)]
    assert not FAMILY.accepts(with_maps(*beyond))
    square = [(half, 0.0, x, 0.0, half, y) for x in (0.1, 0.4) for y in (0.1, 0.4)]
    assert not FAMILY.accepts(with_maps(*square))
    assert FAMILY.accepts(params)


@pytest.mark.parametrize(
    "change",
    [
        {"weights": (1, 2)},
        {"weights": (300, -44)},
        {"tones": (0, 65536)},
        {"tones": (0,)},
        {"maps": ((1.5, 0.0, 0.0, 0.0, 1.5, 0.0), (0.5, 0.0, 0.0, 0.0, 0.5, 0.0))},
        {"points": 0},
        {"stream": 2**63},
        {"gain": 0.0},
        {"gain": float("nan")},
        {"structure": 1.5},
    ],
)
def test_parameters_that_no_kernel_could_draw_are_refused(specs, change):
    fractal = next(
        spec.params.fractals[0] for spec in specs if len(spec.params.fractals[0].maps) == 2
    )
    with pytest.raises(ValueError, match="a fractal"):
        dataclasses.replace(fractal, **change)
