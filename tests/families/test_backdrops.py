import dataclasses
import json

import numpy as np
import pytest

from fractalgen.families.ifs.backdrops import Backdrop, draw_backdrop, sample_backdrop
from fractalgen.files.json_codec import from_json, to_json

COLORS = ("#102030", "#405060", "#805030")
BACKDROPS = [sample_backdrop(np.random.default_rng(seed), COLORS) for seed in range(60)]


def halved(image):
    size = len(image) // 2
    return image.reshape(size, 2, size, 2, 3).astype(float).mean(axis=(1, 3))


def test_every_texture_and_gradient_occurs():
    assert {(b.texture, b.shape) for b in BACKDROPS} == {
        (texture, shape)
        for texture in ("terrain", "clouds")
        for shape in ("none", "linear", "radial", "conic")
    }


@pytest.mark.parametrize("index", range(12))
def test_the_same_background_at_twice_the_size(index):
    small = draw_backdrop(BACKDROPS[index], 128)
    difference = np.abs(halved(draw_backdrop(BACKDROPS[index], 256)) - small)
    assert difference.mean() < 3
    assert np.percentile(difference, 90) < 10


@pytest.mark.parametrize("size", [16, 17, 100, 255])
def test_any_size(size):
    assert draw_backdrop(BACKDROPS[0], size).shape == (size, size, 3)


def test_no_background_is_flat_or_like_another():
    thumbs = np.array([draw_backdrop(backdrop, 16) for backdrop in BACKDROPS], dtype=float)
    assert thumbs.std(axis=(1, 2)).max(axis=1).min() > 1.5
    flat = thumbs.reshape(len(thumbs), -1)
    distance = np.abs(flat[:, None] - flat[None]).mean(axis=2) + 1e3 * np.eye(len(flat))
    assert distance.min() > 3


def test_json_round_trip():
    for backdrop in BACKDROPS:
        data = json.loads(json.dumps(to_json(backdrop)))
        assert from_json(Backdrop, data) == backdrop


@pytest.mark.parametrize(
    "change", [{"texture": "wood"}, {"shape": "square"}, {"stream": -1}, {"stream": 2**64}]
)
def test_impossible_parameters_are_refused(change):
    with pytest.raises(ValueError, match="background"):
        dataclasses.replace(BACKDROPS[0], **change)
