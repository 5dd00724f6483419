import numpy as np
import pytest

from fractalgen.kernels.charts import cell_seeds, nearest_seed_row, polar_row
from fractalgen.kernels.noise import pixel_centers


def seeds_of(cells, jitter=0.0, stagger=0.0, turn=0.0):
    jitter, stagger, turn = np.float32(jitter), np.float32(stagger), np.float32(turn)
    return cell_seeds(np.uint64(4), cells, jitter, stagger, turn)


def test_polar_coordinates_match_numpy():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 500)).astype(np.float32)
    radius, angle = x.copy(), y.copy()
    polar_row(radius, angle)
    np.testing.assert_allclose(radius, np.hypot(x, y), rtol=1e-6)
    np.testing.assert_allclose(angle, np.arctan2(y, x) / (2 * np.pi), atol=1e-6)


def test_seeds_without_jitter_are_the_middles_of_the_cells():
    seeds = seeds_of(4)
    np.testing.assert_allclose(seeds[1:5, 1:5, 0], np.tile([0.125, 0.375, 0.625, 0.875], (4, 1)))
    np.testing.assert_allclose(seeds[1:5, 1:5, 1].T, np.tile([0.125, 0.375, 0.625, 0.875], (4, 1)))
    np.testing.assert_array_equal(seeds[..., 2], 1.0)


def test_stagger_shifts_every_other_row_by_half_a_cell():
    x = seeds_of(4, stagger=0.5)[..., 0] * 4
    np.testing.assert_allclose(x[1::2] - x[0::2], 0.5)


def test_turned_axes_stay_at_right_angles_and_vary():
    seeds = seeds_of(6, turn=1.0)
    np.testing.assert_allclose(seeds[..., 2] ** 2 + seeds[..., 3] ** 2, 1.0, atol=1e-5)
    assert len(np.unique(seeds[..., 2])) == 64


@pytest.mark.parametrize("jitter", [0.0, 0.6])
def test_nearest_seed_agrees_with_a_search_of_all(jitter):
    cells, size = 5, 40
    seeds = seeds_of(cells, jitter=jitter, turn=1.0)
    centers = pixel_centers(size)
    u, v = np.empty((2, size), np.float32)
    flat = seeds.reshape(-1, 4).astype(float)
    for y in centers:
        bent_y = np.full(size, y, np.float32)
        nearest_seed_row(seeds, y, centers, bent_y, u, v)
        dx = centers[:, None].astype(float) - flat[:, 0]
        dy = float(y) - flat[:, 1]
        near = np.argmin(dx**2 + dy**2, axis=1)
        along, aside = dx[np.arange(size), near], np.broadcast_to(dy, dx.shape)[0, near]
        cosine, sine = flat[near, 2], flat[near, 3]
        np.testing.assert_allclose(u, along * cosine + aside * sine, atol=1e-5)
        np.testing.assert_allclose(v, aside * cosine - along * sine, atol=1e-5)
