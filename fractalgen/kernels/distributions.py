"""Random numbers with the distributions that plans need, from a SplitMix64 stream.

A stream is a uint64 array: the seed and the number of draws so far. All arithmetic is in float32
with `fractalgen.kernels.elementary`, so a plan is the same on every processor.
"""

import numpy as np

from fractalgen.kernels.elementary import cos_turns, exp2, log2
from fractalgen.kernels.jit import inlined
from fractalgen.kernels.random_bits import bits_at, uniform_at

__all__ = ["beta", "gamma", "integer", "next_bits", "normal_at", "uniform", "uniform_power"]

_ONE = np.float32(1.0)
_TWO = np.float32(2.0)
_THIRD = np.float32(1.0 / 3.0)
_NINE = np.float32(9.0)
_LN_2 = np.float32(0.69314718)
_TINY = np.float32(2.0**-25)
_TAKE = np.uint64(1)


@inlined
def next_bits(stream):
    """Draw 64 random bits."""
    bits = bits_at(stream[0], stream[1])
    stream[1] += _TAKE
    return bits


@inlined
def uniform(stream):
    """Draw a float32 in [0, 1)."""
    value = uniform_at(stream[0], stream[1])
    stream[1] += _TAKE
    return value


@inlined
def integer(stream, n):
    """Draw a whole number from 0 to `n` - 1."""
    return min(np.int64(uniform(stream) * np.float32(n)), n - 1)


@inlined
def uniform_power(stream, exponent):
    """Draw u ** `exponent` for a uniform u, which is Beta(1 / exponent, 1) distributed."""
    return exp2(max(log2(uniform(stream) + _TINY) * exponent, np.float32(-126.0)))


@inlined
def _normal(stream):
    """Draw a standard normal number by the Box-Muller method."""
    radius = np.sqrt(-_TWO * _LN_2 * log2(uniform(stream) + _TINY))
    return radius * cos_turns(uniform(stream))


@inlined
def normal_at(seed, n):
    """Return a standard normal number from the `n`-th and next uniform numbers of a stream."""
    radius = np.sqrt(-_TWO * _LN_2 * log2(uniform_at(seed, n) + _TINY))
    return radius * cos_turns(uniform_at(seed, n + _TAKE))


@inlined
def gamma(stream, shape):
    """Draw a Gamma(`shape`, 1) number, for `shape` above 0.

    Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000),
    multiplied by a power of a uniform number for shapes below 1, as they suggest.
    """
    boosted = shape if shape >= _ONE else shape + _ONE
    d = boosted - _THIRD
    c = _ONE / np.sqrt(_NINE * d)
    value = d
    for _ in range(64):
        x = _normal(stream)
        v = _ONE + c * x
        if v <= np.float32(0.0):
            continue
        v = v * v * v
        u = uniform(stream) + _TINY
        if log2(u) * _LN_2 < x * x / _TWO + d - d * v + d * log2(v) * _LN_2:
            value = d * v
            break
    if shape < _ONE:
        value *= uniform_power(stream, _ONE / shape)
    return max(value, _TINY)


@inlined
def beta(stream, a, b):
    """Draw a Beta(`a`, `b`) number."""
    x = gamma(stream, a)
    return x / (x + gamma(stream, b))
