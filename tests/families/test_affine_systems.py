import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalgen.families.affine_systems import (
    choice_table,
    choice_weights,
    fixed_point,
    framed,
    is_contractive,
    sample_singular_values,
    sample_system,
    visited_box,
)
from fractalgen.kernels.chaos_game import trace

SEEDS = st.integers(0, 2**32)
N_MAPS = st.integers(2, 7)


@given(SEEDS, N_MAPS)
def test_singular_values_are_ordered_and_add_up_to_the_sigma_factor(seed, n_maps):
    values = sample_singular_values(np.random.default_rng(seed), n_maps)
    factor = np.random.default_rng(seed).uniform((5 + n_maps) / 2, (6 + n_maps) / 2)
    first, second = values.T
    slack = 1e-12
    assert np.all(first <= 1 + slack)
    assert np.all(second <= first + slack)
    assert np.all(second >= -slack)
    assert np.sum(first + 2 * second) == pytest.approx(factor)


@pytest.mark.parametrize("n_maps", [2, 3, 7])
def test_every_pair_keeps_what_the_others_need(n_maps):
    """Each value is uniform over just the range that leaves the other pairs something to draw."""
    values = np.array(
        [sample_singular_values(np.random.default_rng(seed), n_maps) for seed in range(3000)]
    )
    factors = (values[..., 0] + 2 * values[..., 1]).sum(axis=1)
    spent = np.zeros(len(values))
    for pair in range(n_maps - 1):
        first, second = values[:, pair].T
        # All the pairs after this one can take 3 each, and no more.
        needed = factors - spent - 3 * (n_maps - 1 - pair)
        low, high = np.maximum(0, needed / 3), np.minimum(1, factors - spent)
        place = (first - low) / (high - low)
        assert 0 <= place.min() < place.max() <= 1
        assert place.mean() == pytest.approx(0.5, abs=0.02)
        low = np.maximum(0, (needed - first) / 2)
        high = np.minimum(first, (factors - spent - first) / 2)
        place = (second - low) / (high - low)
        assert -1e-9 <= place.min() < place.max() <= 1 + 1e-9
        assert place.mean() == pytest.approx(0.5, abs=0.02)
        spent += first + 2 * second


@given(SEEDS, N_MAPS)
def test_maps_have_the_drawn_singular_values_and_weights_follow_their_areas(seed, n_maps):
    maps = sample_system(np.random.default_rng(seed), n_maps)
    parts = maps.reshape(n_maps, 2, 3)
    expected = sample_singular_values(np.random.default_rng(seed), n_maps)
    found = np.linalg.svd(parts[:, :, :2], compute_uv=False)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert np.abs(parts[:, :, 2]).max() <= 1
    weights = np.array(choice_weights(maps))
    assert weights.sum() == 256
    assert weights.min() >= 1
    area = np.abs(np.linalg.det(parts[:, :, :2]))
    np.testing.assert_allclose(weights, 256 * area / area.sum(), atol=3 * n_maps)


def test_orientations_are_as_often_mirrored_as_not():
    rng = np.random.default_rng(0)
    maps = np.concatenate([sample_system(rng, 4) for _ in range(300)]).reshape(-1, 2, 3)
    mirrored = np.linalg.det(maps[:, :, :2]) < 0
    assert mirrored.mean() == pytest.approx(0.5, abs=0.05)
    assert np.abs(maps.mean(axis=0)).max() < 0.06


def test_weights_of_maps_that_flatten_the_plane():
    flat = np.array([(0.5, 0, 0, 0, 0, 0), (0, 0, 1, 0, 0.5, 0)])
    assert sum(choice_weights(flat)) == 256
    mixed = np.concatenate([flat, [(0.5, 0, 0, 0, 0.5, 0)]])
    assert choice_weights(mixed) == (3, 3, 250)


@given(SEEDS, N_MAPS)
def test_framing_moves_the_box_and_nothing_else(seed, n_maps):
    rng = np.random.default_rng(seed)
    maps = sample_system(rng, n_maps)
    weights = choice_weights(maps)
    low, high = visited_box(maps, weights)
    center, extent = np.array((0.4, 0.7)), np.array((0.8, 1.5))
    rows = framed(maps, low, high, center, extent)
    assert all(is_contractive(row) for row in rows)
    points = trace(choice_table(maps, weights), *fixed_point(maps[0]), 512, np.uint64(1))
    moved = trace(choice_table(rows, weights), *fixed_point(rows[0]), 512, np.uint64(1))
    expected = (points.T - (low + high) / 2) / (high - low) * extent + center
    np.testing.assert_allclose(moved.T, expected, atol=1e-4)
    new_low, new_high = visited_box(np.array(rows), weights)
    np.testing.assert_allclose(new_high - new_low, extent, atol=1e-4)
    np.testing.assert_allclose((new_low + new_high) / 2, center, atol=1e-4)


@given(SEEDS)
def test_fixed_point_stays(seed):
    row = sample_system(np.random.default_rng(seed), 2)[0]
    x, y = fixed_point(row)
    a, b, c, d, e, f = row
    assert (a * x + b * y + c, d * x + e * y + f) == pytest.approx((x, y), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((0.5, 0.0, 9.0, 0.0, 0.5, 9.0), True),
        ((0.0, 30.0, 0.0, 0.03, 0.0, 0.0), True),  # stretches once, then shrinks
        ((0.0, -0.99, 0.0, 0.99, 0.0, 0.0), True),
        ((1.0, 0.0, 0.0, 0.0, 0.5, 0.0), False),
        ((-1.2, 0.0, 0.0, 0.0, 0.1, 0.0), False),
        ((0.0, -1.0, 0.0, 1.0, 0.0, 0.0), False),
        ((float("nan"), 0.0, 0.0, 0.0, 0.5, 0.0), False),
    ],
)
def test_contraction_is_seen_in_the_eigenvalues(row, expected):
    assert is_contractive(row) is expected
