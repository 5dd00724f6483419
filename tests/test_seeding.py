import numpy as np
import pytest

from fractalgen.seeding import rng_for, uniform, whole


def draws(*key):
    return rng_for(*key).random(4)


def test_a_stream_is_the_same_every_time():
    np.testing.assert_array_equal(draws(3, "ifs", 17), draws(3, "ifs", 17))


@pytest.mark.parametrize("other", [(4, "ifs", 17), (3, "features", 17), (3, "ifs", 18)])
def test_seed_family_and_index_each_make_another_stream(other):
    assert not np.array_equal(draws(3, "ifs", 17), draws(*other))


def test_the_stream_is_numpys_seed_sequence_with_the_familys_hash():
    # 0x45c8bee6: the first four bytes of SHA-256("ifs"), by sha256sum.
    sequence = np.random.SeedSequence(5, spawn_key=(0x45C8BEE6, 2))
    expected = np.random.Generator(np.random.PCG64(sequence)).random(4)
    np.testing.assert_array_equal(draws(5, "ifs", 2), expected)


@pytest.mark.parametrize("key", [(-1, "ifs", 0), (0, "ifs", -1)])
def test_negative_numbers_are_refused(key):
    with pytest.raises(ValueError, match="0 or more"):
        rng_for(*key)


def test_uniform_draws_what_numpy_draws():
    mine, theirs = rng_for(0, "ifs", 0), rng_for(0, "ifs", 0)
    for low, high in ((0.0, 1.0), (-3.0, 0.25), (5.0, 7.5)):
        assert uniform(mine, low, high) == pytest.approx(theirs.uniform(low, high), rel=1e-15)
    assert mine.random() == theirs.random()


def test_whole_numbers_are_equally_likely_and_within_their_range():
    rng = rng_for(0, "ifs", 0)
    counts = np.bincount([whole(rng, 3, 7) for _ in range(4000)], minlength=8)
    assert counts[3:7].sum() == 4000
    assert counts[3:7].min() > 880
