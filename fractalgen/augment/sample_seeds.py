"""The seed of one training image in one epoch."""

import operator

from fractalgen.registry import shown

__all__ = ["seed_for"]

_MASK_64 = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15


def seed_for(seed: int, epoch: int, index: int) -> int:
    """Mix a run's seed, the epoch and an image's place in its dataset into one seed.

    Each of the three is added in turn, and SplitMix64's output function is applied after it. That
    function is one-to-one, so that two images of an epoch never share a seed, nor do two epochs
    of an image. Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
    OOPSLA 2014.

    Parameters
    ----------
    seed, epoch, index : int
        Taken modulo 2**64.

    Returns
    -------
    int
        From 0 to 2**64 - 1, as `fractalgen.IPMix` takes it.

    Raises
    ------
    TypeError
        If one of them is no whole number.
    """
    state = 0
    try:
        for value in (seed, epoch, index):
            state = _mixed((state + operator.index(value) + _GAMMA) & _MASK_64)
    except TypeError:
        raise TypeError(
            f"seed, epoch and index must be whole numbers, not {shown((seed, epoch, index))}"
        ) from None
    return state


def _mixed(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK_64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK_64
    return x ^ (x >> 31)
