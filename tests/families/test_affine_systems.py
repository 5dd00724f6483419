import numpy as np
import pytest

from fractalgen.families.base import is_contractive
from fractalgen.families.ifs.fractals import sample_system


@pytest.mark.parametrize("n_maps", [2, 7])
def test_sampled_systems_are_contractions_that_share_all_choices(n_maps):
    for seed in range(50):
        rng = np.random.default_rng(seed)
        maps, weights = sample_system(rng, n_maps, (0.3, 0.6), (1.0, 1.4))
        assert maps.shape == (n_maps, 6)
        assert weights.sum() == 256
        assert all(is_contractive(tuple(row)) for row in maps.tolist())


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
