import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalgen.seeding import seed_for
from fractalgen.training.datasets.in_memory import random_crops

SEEDS = st.integers(0, 2**64 - 1)


def images(n, size, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(1, 256, (n, size, size, channels), np.uint8)


def windows(image, padding):
    """Every window of the zero-padded image, by its place."""
    size = len(image)
    padded = np.zeros((size + 2 * padding, size + 2 * padding, image.shape[2]), np.uint8)
    padded[padding : padding + size, padding : padding + size] = image
    return {
        (top, left): padded[top : top + size, left : left + size]
        for top in range(2 * padding + 1)
        for left in range(2 * padding + 1)
    }


@given(SEEDS, st.integers(1, 6), st.integers(0, 3), st.sampled_from([1, 3]), st.booleans())
def test_a_crop_is_a_window_of_the_padded_image_or_its_mirror_image(
    seed, size, padding, channels, mirror
):
    image = images(1, size, channels)
    crop = random_crops(image, [seed], padding, mirror=mirror)[0]
    found = [np.array_equal(crop, window) for window in windows(image[0], padding).values()]
    if mirror:
        flipped = windows(image[0], padding).values()
        found += [np.array_equal(crop, window[:, ::-1]) for window in flipped]
    assert any(found)
    assert crop.shape == image[0].shape
    assert crop.dtype == np.uint8


@given(st.lists(SEEDS, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_a_crop_depends_on_its_own_image_and_seed_alone(seeds, random):
    batch = images(len(seeds), 8)
    before = batch.copy()
    together = random_crops(batch, seeds, 2, mirror=True)
    assert np.array_equal(batch, before)
    order = random.sample(range(len(seeds)), len(seeds))
    shuffled = random_crops(batch[order], [seeds[index] for index in order], 2, mirror=True)
    assert np.array_equal(shuffled, together[order])


@pytest.mark.parametrize("consecutive", [True, False])
def test_all_windows_are_equally_likely_and_so_is_the_mirror_image(consecutive):
    """Chi-square with 49 degrees of freedom stays below 94 but once in 10,000 times."""
    n, padding = 20_000, 2
    image = images(1, 5, 1)
    seeds = list(range(n)) if consecutive else [seed_for(0, 0, index) for index in range(n)]
    crops = random_crops(np.repeat(image, n, axis=0), seeds, padding, mirror=True)
    counts = {}
    for crop in crops:
        counts[crop.tobytes()] = counts.get(crop.tobytes(), 0) + 1
    expected = n / 50
    assert len(counts) == 50
    assert sum((count - expected) ** 2 / expected for count in counts.values()) < 94
