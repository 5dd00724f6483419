import numpy as np

from fractalgen.kernels.color_spaces import opponents_to_gradient, opponents_to_rgb


def exposure_of(*rows):
    return np.array(rows or [(0.0, 1.0, 0.0)] * 3, np.float32)


def colored(light, blue_red, green, exposure=None):
    axes = np.array([light, blue_red, green], np.float32).reshape(3, 1, 1)
    rgb = np.empty((1, 1, 3), np.uint8)
    opponents_to_rgb(axes, exposure_of() if exposure is None else exposure, rgb)
    return tuple(int(value) for value in rgb[0, 0])


def test_no_answer_is_middle_grey_and_light_alone_stays_grey():
    assert colored(0, 0, 0) == (128, 128, 128)
    # 0.75 / sqrt(1 + 0.75**2) = 0.6, and half of 1.6 times 255 is 204.
    assert colored(0.75, 0, 0) == (204, 204, 204)
    assert colored(-0.75, 0, 0) == (51, 51, 51)


def test_axes_are_opponent_pairs():
    assert colored(0, 0.75, 0) == (204, 128, 51)
    assert colored(0, -0.75, 0) == (51, 128, 204)
    red, green, blue = colored(0, 0, 0.5625)
    assert green == 204
    assert red == blue < 128


def test_exposure_shifts_and_scales_each_axis():
    exposure = exposure_of((2.0, 0.5, 0.25), (-1.0, 3.0, 0.0), (0.0, 0.0, 0.0))
    assert colored(3.0, -0.75, 9.0, exposure) == colored(0.75, 0.75, 0.0)


def test_extreme_answers_saturate_without_wrapping():
    assert colored(1e6, 0, 0) == (255, 255, 255)
    assert colored(-1e6, 0, 0) == (0, 0, 0)


def test_a_gradient_is_walked_from_end_to_end():
    colors = np.stack([np.arange(256), np.zeros(256), 255 - np.arange(256)], 1).astype(np.uint8)
    axes = np.zeros((3, 1, 5), np.float32)
    axes[0, 0] = (-1e6, -0.75, 0.0, 0.5, 1e6)
    axes[1, 0, 3] = 0.25
    rgb = np.empty((1, 5, 3), np.uint8)
    opponents_to_gradient(axes, exposure_of(), colors, rgb)
    assert rgb[0, :, 0].tolist() == [0, 51, 128, 204, 255]
    assert (rgb[..., 1] == 0).all()
