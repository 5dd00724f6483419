import numpy as np
import pytest

from fractalgen.errors import ArgumentTypeError
from fractalgen.seeding import bits_at, rng_for, seed_for, seeds_for, uniform, whole


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


def test_a_seed_is_mixed_of_whole_numbers():
    assert seed_for(np.int64(-1), np.uint8(2), np.int32(3)) == seed_for(2**64 - 1, 2, 3)
    for given in ((0.5, 0, 0), (0, "1", 0), (0, 0, None)):
        with pytest.raises(ArgumentTypeError, match="seed, epoch and index must be whole numbers"):
            seed_for(*given)


def test_seeds_are_splitmix64_applied_three_times():
    """The first output of the stream 0 is the one that SplitMix64's authors publish."""

    def first_output(seed):
        x = np.array([seed], np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return int((x ^ (x >> np.uint64(31)))[0])

    assert first_output(0) == bits_at(0, 0) == 0xE220A8397B1DCDAF
    for seed, epoch, index in [(0, 0, 0), (1, 2, 3), (2**64 - 1, 99, 49_999)]:
        after_seed = first_output(seed)
        after_epoch = first_output((after_seed + epoch) % 2**64)
        assert seed_for(seed, epoch, index) == first_output((after_epoch + index) % 2**64)
    drawn = {seed_for(s, e, i) for s in range(4) for e in range(50) for i in range(200)}
    assert len(drawn) == 4 * 50 * 200


def test_bits_of_arrays_are_those_of_their_numbers():
    seeds = np.array([0, 1, 2**63, 2**64 - 1], np.uint64)
    places = np.array([0, 5, 2**64 - 1], np.uint64)
    bits = bits_at(seeds[:, None], places)
    assert bits.dtype == np.uint64
    expected = [[bits_at(int(seed), int(n)) for n in places] for seed in seeds]
    np.testing.assert_array_equal(bits, np.array(expected, np.uint64))
    np.testing.assert_array_equal(bits_at(seeds, 5), bits[:, 1])
    np.testing.assert_array_equal(bits_at(2**63, places), bits[2])


@pytest.mark.parametrize("seed", [0, 7, 2**63, 2**64 - 1])
def test_seeds_of_many_images_are_those_of_each(seed):
    indices = [0, 3, 59_999, 2**64 - 1]
    expected = [seed_for(seed, 2, index) for index in indices]
    assert seeds_for(seed, 2, indices) == expected
    assert seeds_for(seed, 2, []) == []
