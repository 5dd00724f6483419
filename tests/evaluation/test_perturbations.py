import numpy as np
import pytest

from fractalgen.errors import RunError
from fractalgen.evaluation.corruptions.perturbations import (
    FRAMES,
    NOISE,
    PERTURBATIONS,
    rotated,
    scaled,
    sequences,
    shifted,
    tilted,
    warp,
)
from tests.evaluation.test_generated import smooth_images

IMAGES = smooth_images(6, 32, seed=1)
INDICES = np.arange(6) + 40


@pytest.fixture(scope="module", params=PERTURBATIONS)
def perturbed(request):
    return request.param, sequences(IMAGES, INDICES, request.param, 0)


def test_a_sequence_depends_on_its_own_image_alone(perturbed):
    name, whole = perturbed
    assert whole.shape == (6, FRAMES, 32, 32, 3)
    order = np.array([4, 1])
    np.testing.assert_array_equal(sequences(IMAGES[order], INDICES[order], name, 0), whole[order])


def test_frames_change_slowly_and_in_the_end_visibly(perturbed):
    name, whole = perturbed
    frames = whole.astype(float) / 255
    steps = np.abs(np.diff(frames, axis=1)).mean(axis=(2, 3, 4))
    ends = np.abs(frames[:, -1] - frames[:, 0]).mean(axis=(1, 2, 3))
    assert steps.min() > 0
    if name in NOISE:
        np.testing.assert_array_equal(whole[:, 0], IMAGES)
        assert steps.max() < 0.04
        return
    assert steps.max() < 0.08
    assert ends.mean() > 2 / 255
    assert ends.mean() > 4 * steps.mean()


@pytest.mark.parametrize("name", ["brightness", "translate", "rotate", "tilt", "scale"])
def test_the_middle_frame_is_the_image(name):
    whole = sequences(IMAGES, INDICES, name, 0)
    np.testing.assert_array_equal(whole[:, FRAMES // 2], IMAGES)


@pytest.mark.parametrize("name", ["gaussian_noise", "shot_noise", "motion_blur", "spatter"])
def test_seed_and_index_change_what_is_random(name):
    first = sequences(IMAGES[:1], [0], name, 0)
    assert (sequences(IMAGES[:1], [1], name, 0) != first).any()
    assert (sequences(IMAGES[:1], [0], name, 1) != first).any()


def test_noise_has_the_published_strength():
    grey = np.full((20, 32, 32, 3), 128, np.uint8)
    gaussian = sequences(grey, range(20), "gaussian_noise", 0)[:, 1:] / 255
    shot = sequences(grey, range(20), "shot_noise", 0)[:, 1:] / 255
    assert gaussian.std() == pytest.approx(0.02, rel=0.02)
    assert shot.std() == pytest.approx(np.sqrt(128 / 255 / 700), rel=0.02)


@pytest.mark.parametrize("size", [8, 33])
@pytest.mark.parametrize("level", [0, 200])
@pytest.mark.parametrize(
    "name", ["motion_blur", "zoom_blur", "translate", "rotate", "tilt", "scale"]
)
def test_no_border_creeps_into_a_plain_image(name, level, size):
    plain = np.full((1, size, size, 3), level, np.uint8)
    np.testing.assert_allclose(sequences(plain, [0], name, 0).astype(int), level, atol=1)


def test_brightness_keeps_hue_and_saturation():
    import colorsys

    colour = np.array([120, 60, 30], np.uint8)
    frames = sequences(np.broadcast_to(colour, (1, 4, 4, 3)), [0], "brightness", 0)[0]
    hue, saturation, value = colorsys.rgb_to_hsv(*(colour / 255))
    for frame, image in enumerate(frames):
        expected = colorsys.hsv_to_rgb(hue, saturation, value + 0.015 * (frame - 15))
        np.testing.assert_allclose(image[0, 0] / 255, expected, atol=0.51 / 255)


def test_translate_moves_whole_pixels():
    whole = sequences(IMAGES, INDICES, "translate", 0)
    np.testing.assert_array_equal(whole[:, 16, 1:], IMAGES[:, :-1])
    np.testing.assert_array_equal(whole[:, 17, 1:, 1:], IMAGES[:, :-1, :-1])


def test_warps_agree_with_pillow():
    from PIL import Image

    size = 33  # so that a pixel lies at the centre
    image = smooth_images(1, size)[0]
    turned = np.asarray(Image.fromarray(image).rotate(-10, Image.Resampling.BILINEAR))
    inside = slice(8, -8)
    ours = warp(image, [rotated(10)])[0]
    difference = np.abs(ours[inside, inside].astype(int) - turned[inside, inside])
    assert difference.mean() < 2
    np.testing.assert_array_equal(warp(image, [rotated(90)])[0], np.rot90(image, -1))
    np.testing.assert_array_equal(warp(image, [shifted(0, 3)])[0][3:], image[:-3])
    np.testing.assert_array_equal(warp(image, [scaled(2)])[0][::2, ::2], image[8:25, 8:25])


def test_tilt_foreshortens_in_perspective():
    # A point 10 pixels below the centre, seen from 100 pixels away, 60 degrees about both axes.
    size = 100 / np.sqrt(2)
    sine, cosine = np.sin(np.pi / 3), np.cos(np.pi / 3)
    x, y, z = 0.0, 10 * cosine, 10 * sine  # after the horizontal axis
    x, z = cosine * x - sine * z, sine * x + cosine * z  # after the vertical one
    image = tilted(60, size) @ np.array([0, 10, 1])
    np.testing.assert_allclose(image[:2] / image[2], [100 * x / (100 + z), 100 * y / (100 + z)])


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ModuleNotFoundError("No module named 'cv2'"), "fractalgen-ipmix[train]"),
        (ImportError("libGL.so.1: cannot open shared object file"), "opencv-python-headless"),
    ],
)
def test_a_missing_library_is_named_with_what_to_install(monkeypatch, error, advice):
    import importlib

    def fail(name):
        raise error

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(RunError) as caught:
        sequences(smooth_images(1, 32), [0], "tilt", 0)
    assert str(error) in str(caught.value)
    assert advice in str(caught.value)
