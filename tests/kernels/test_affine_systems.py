import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalgen.kernels.affine_systems import N_UNIFORMS, choose_by_area, draw_system, frame, trace

SEEDS = st.integers(0, 2**32)
N_MAPS = st.integers(2, 7)


def drawn(seed, n_maps):
    uniforms = np.random.default_rng(seed).random(1 + N_UNIFORMS * n_maps)
    maps = np.empty((n_maps, 6))
    draw_system(uniforms, maps)
    return maps, uniforms


def weighed(maps):
    weights = np.empty(len(maps), np.int64)
    choose_by_area(np.array(maps, float), weights)
    return weights


def singular_values(maps):
    return np.linalg.svd(maps.reshape(-1, 2, 3)[:, :, :2], compute_uv=False)


def box(maps, weights):
    """Return the corners between which 98 % of an orbit lie, on each axis."""
    points = np.empty((2, 2048))
    trace(maps, weights, np.uint64(0), points)
    points.sort(axis=1)
    return points[:, 20], points[:, -21]


@given(SEEDS, N_MAPS)
def test_singular_values_add_up_to_the_sigma_factor(seed, n_maps):
    maps, uniforms = drawn(seed, n_maps)
    first, second = singular_values(maps).T
    assert np.all(first <= 1 + 1e-9)
    assert np.sum(first + 2 * second) == pytest.approx((5 + n_maps + uniforms[0]) / 2)


@pytest.mark.parametrize("n_maps", [2, 3, 7])
def test_every_pair_keeps_what_the_others_need(n_maps):
    """Each value is uniform over just the range that leaves the other pairs something to draw."""
    values = np.array([singular_values(drawn(seed, n_maps)[0]) for seed in range(3000)])
    factors = (values[..., 0] + 2 * values[..., 1]).sum(axis=1)
    spent = np.zeros(len(values))
    for pair in range(n_maps - 1):
        first, second = values[:, pair].T
        # All the pairs after this one can take 3 each, and no more.
        needed = factors - spent - 3 * (n_maps - 1 - pair)
        low, high = np.maximum(0, needed / 3), np.minimum(1, factors - spent)
        place = (first - low) / (high - low)
        assert -1e-9 <= place.min() < place.max() <= 1 + 1e-9
        assert place.mean() == pytest.approx(0.5, abs=0.02)
        low = np.maximum(0, (needed - first) / 2)
        high = np.minimum(first, (factors - spent - first) / 2)
        place = (second - low) / (high - low)
        assert -1e-6 <= place.min() < place.max() <= 1 + 1e-6
        assert place.mean() == pytest.approx(0.5, abs=0.02)
        spent += first + 2 * second


@given(SEEDS, N_MAPS)
def test_weights_follow_the_maps_areas(seed, n_maps):
    maps, _ = drawn(seed, n_maps)
    parts = maps.reshape(n_maps, 2, 3)
    assert np.abs(parts[:, :, 2]).max() <= 1
    weights = weighed(maps)
    assert weights.sum() == 256
    assert weights.min() >= 1
    area = np.abs(np.linalg.det(parts[:, :, :2]))
    np.testing.assert_allclose(weights, 256 * area / area.sum(), atol=3 * n_maps)


def test_orientations_are_as_often_mirrored_as_not():
    maps = np.concatenate([drawn(seed, 4)[0] for seed in range(300)]).reshape(-1, 2, 3)
    mirrored = np.linalg.det(maps[:, :, :2]) < 0
    assert mirrored.mean() == pytest.approx(0.5, abs=0.05)
    assert np.abs(maps.mean(axis=0)).max() < 0.06


def test_weights_of_maps_that_flatten_the_plane():
    flat = [(0.5, 0, 0, 0, 0, 0), (0, 0, 1, 0, 0.5, 0)]
    assert sum(weighed(flat)) == 256
    assert weighed([*flat, (0.5, 0, 0, 0, 0.5, 0)]).tolist() == [3, 3, 250]


@given(SEEDS, N_MAPS)
def test_framing_moves_the_box_and_nothing_else(seed, n_maps):
    maps, _ = drawn(seed, n_maps)
    weights = weighed(maps)
    low, high = box(maps, weights)
    center, extent = np.array((0.4, 0.7)), np.array((0.8, 1.5))
    framed = maps.copy()
    frame(framed, weights, center, extent)
    points, moved = np.empty((2, 512)), np.empty((2, 512))
    trace(maps, weights, np.uint64(1), points)
    trace(framed, weights, np.uint64(1), moved)
    expected = (points.T - (low + high) / 2) / (high - low) * extent + center
    np.testing.assert_allclose(moved.T, expected, atol=1e-4)
    new_low, new_high = box(framed, weights)
    np.testing.assert_allclose(new_high - new_low, extent, atol=1e-4)
    np.testing.assert_allclose((new_low + new_high) / 2, center, atol=1e-4)


@given(SEEDS, N_MAPS)
def test_framed_maps_are_short_on_record(seed, n_maps):
    maps, _ = drawn(seed, n_maps)
    frame(maps, weighed(maps), np.full(2, 0.5), np.ones(2))
    for value in maps.ravel().tolist():
        digits = repr(value).lstrip("-0.").split("e")[0].replace(".", "")
        assert len(digits) <= 10 + max(0, len(str(int(abs(value)))) - 1)
