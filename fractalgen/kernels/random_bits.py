"""SplitMix64, the counter-based generator of all kernels.

The n-th output depends only on the seed and n, so lanes, threads and order don't matter.
Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
"""

import numpy as np

from fractalgen.kernels.jit import inlined

__all__ = ["bits_at", "uniform_at"]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30 = np.uint64(30)
_S27 = np.uint64(27)
_S31 = np.uint64(31)
_S40 = np.uint64(40)
_UNIT = np.float32(2.0**-24)


@inlined
def bits_at(seed, n):
    """Return the `n`-th 64 random bits of the stream `seed`, both uint64, as uint64."""
    x = seed + (n + np.uint64(1)) * _GAMMA
    x = (x ^ (x >> _S30)) * _MIX_1
    x = (x ^ (x >> _S27)) * _MIX_2
    return x ^ (x >> _S31)


@inlined
def uniform_at(seed, n):
    """Return the `n`-th uniform float32 in [0, 1) of the stream `seed`."""
    return np.float32(bits_at(seed, n) >> _S40) * _UNIT
