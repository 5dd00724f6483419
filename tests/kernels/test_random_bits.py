import numpy as np

from fractalgen.kernels.jit import kernel
from fractalgen.kernels.random_bits import bits_at, uniform_at


@kernel
def _bits(seed, out):
    for n in range(out.size):
        out[n] = bits_at(seed, np.uint64(n))


@kernel
def _uniforms(seed, out):
    for n in range(out.size):
        out[n] = uniform_at(seed, np.uint64(n))


def splitmix64(seed, n):
    """SplitMix64 by its definition, in Python's integers."""
    mask = 2**64 - 1
    state, out = seed, []
    for _ in range(n):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        out.append(z ^ (z >> 31))
    return out


def test_it_is_splitmix64():
    out = np.empty(100, np.uint64)
    _bits(np.uint64(1234567), out)
    # The first two outputs for this seed are published with the algorithm.
    assert [int(v) for v in out[:2]] == [6457827717110365317, 3203168211198807973]
    assert [int(v) for v in out] == splitmix64(1234567, 100)


def test_uniform_numbers_fill_the_unit_interval_evenly():
    out = np.empty(200_000, np.float32)
    _uniforms(np.uint64(99), out)
    counts = np.histogram(out, bins=20, range=(0, 1))[0]
    assert out.min() >= 0
    assert out.max() < 1
    # 10,000 expected in each bin, standard deviation 97.
    assert np.abs(counts - 10_000).max() < 500
