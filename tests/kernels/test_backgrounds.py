import numpy as np
import pytest

from fractalgen.kernels.backgrounds import CLOUD_CELLS, clouds, diamond_square, paint

F = np.float32
STREAM = np.uint64(7)


@pytest.mark.parametrize("roughness", [0.4, 0.8])
def test_terrain_keeps_its_nodes_when_it_is_refined(roughness):
    coarse = diamond_square(4, F(roughness), STREAM)
    fine = diamond_square(6, F(roughness), STREAM)
    assert coarse.shape == (17, 17)
    assert fine.shape == (65, 65)
    np.testing.assert_array_equal(fine[::4, ::4], coarse)


def test_terrain_without_roughness_is_what_its_corners_say():
    field = diamond_square(3, F(0), STREAM)
    corners = field[::8, ::8]
    assert np.ptp(corners) > 0
    assert field[4, 4] == pytest.approx(corners.mean(), abs=1e-6)
    # An edge's midpoint has three neighbours; its inner one counts twice, for the missing fourth.
    edge = (field[0, 0] + field[0, 8] + 2 * field[4, 4]) / 4
    assert field[0, 4] == pytest.approx(edge, abs=1e-6)


def test_rougher_terrain_varies_more_from_node_to_node():
    steps = [
        np.abs(np.diff(diamond_square(7, F(roughness), STREAM))).mean()
        for roughness in (0.4, 0.6, 0.8)
    ]
    assert steps[0] < 0.5 * steps[1] < 0.25 * steps[2]


def test_clouds_are_refined_by_quadratic_splines():
    field = clouds(0, F(0), STREAM)
    assert field.shape == (CLOUD_CELLS + 2, CLOUD_CELLS + 2)
    for axis in range(2):
        near, far = np.split(field, [-1], axis)[0], np.split(field, [1], axis)[1]
        pair = np.stack((0.75 * near + 0.25 * far, 0.25 * near + 0.75 * far), axis=axis + 1)
        shape = list(field.shape)
        shape[axis] = 2 * (shape[axis] - 1)
        field = pair.reshape(shape)
    np.testing.assert_allclose(clouds(1, F(0), STREAM), field, atol=1e-6)


def test_noise_differs_from_stream_to_stream_and_has_no_bias():
    fields = [clouds(3, F(0.6), np.uint64(stream)) for stream in range(200)]
    assert abs(np.mean(fields)) < 0.02
    assert abs(np.corrcoef(fields[0].ravel(), fields[1].ravel())[0, 1]) < 0.5


def painted(
    shape, size=64, noise=0.0, turns=1.0, direction=(1.0, 0.0), center=(0.0, 0.0), field=None
):
    ramp = np.arange(256, dtype=np.uint8)[:, None].repeat(3, axis=1)
    field = np.zeros((17, 17), dtype=F) if field is None else field
    numbers = [F(value) for value in (turns, *direction, *center)]
    return paint(field, 16, F(noise), shape, *numbers, ramp, size)[:, :, 0].astype(int)


def test_linear_gradient_runs_along_its_direction():
    across = painted(1)
    np.testing.assert_array_equal(across, np.tile(np.arange(64) * 4 + 2, (64, 1)))
    np.testing.assert_array_equal(painted(1, direction=(0.0, 1.0)), across.T)
    np.testing.assert_array_equal(painted(1, direction=(-1.0, 0.0))[0], 254 - np.arange(64) * 4)


def test_radial_gradient_counts_turns_from_its_centre():
    y, x = (np.mgrid[:64, :64] + 0.5) / 64 - 0.5
    difference = painted(2, turns=0.5, center=(0.5, 0.5)) - 128 * np.hypot(x, y)
    assert difference.min() > -1.01
    assert difference.max() < 0.01


def test_conic_gradient_has_no_seam():
    image = painted(3, center=(0.5, 0.5))
    step = np.abs((np.diff(image, axis=0) + 128) % 256 - 128)
    away = np.abs(np.arange(64) - 31.5) > 12
    assert step[:, away].max() <= 4
    assert len(np.unique(image)) > 200


def test_field_is_interpolated_over_the_image():
    slope = np.tile(np.linspace(0, 1, 17, dtype=F), (17, 1))
    expected = np.tile(np.arange(64) * 4 + 2, (64, 1))
    assert np.abs(painted(0, noise=1.0, field=slope) - expected).max() <= 1
    # With a node more on either side the image still spans the 16 cells in the middle.
    wide = np.tile(((np.arange(18) - 0.5) / 16).astype(F), (18, 1))
    assert np.abs(painted(0, noise=1.0, field=wide) - expected).max() <= 1
