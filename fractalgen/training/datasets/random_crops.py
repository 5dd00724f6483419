"""Random crops of zero-padded images, and their mirror images: the training of small images."""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from fractalgen.seeding import bits_at

__all__ = ["random_crops"]

# Keeps a crop apart from whatever else is drawn from the same seed.
_SALT = np.uint64(0x63726F7073)
_LOW_BITS = np.uint64(0xFFFFFFFF)


def random_crops(
    images: NDArray[np.uint8], seeds: Sequence[int], padding: int, *, mirror: bool
) -> NDArray[np.uint8]:
    """Pad images with zeros, and cut a window of the former size out of each.

    All (2 * `padding` + 1)**2 windows are equally likely, as are an image and its mirror image;
    which one it is depends on the image's seed alone.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, size, size, channels)
        Not changed.
    seeds : sequence of n ints
        From 0 to 2**64 - 1.
    padding : int
        Pixels on each side; 0 or more.
    mirror : bool
        Whether left and right may be swapped.

    Returns
    -------
    ndarray of uint8, shape (n, size, size, channels)
    """
    n, size = images.shape[:2]
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    windows = sliding_window_view(padded, (size, size), axis=(1, 2))
    top, left, flip = _drawn(np.array(seeds, np.uint64), 2 * padding + 1)
    crops: NDArray[np.uint8] = np.moveaxis(windows[np.arange(n), top, left], 1, 3)
    if mirror:
        crops[flip] = crops[flip, :, ::-1]
    return crops


def _drawn(
    seeds: NDArray[np.uint64], n_places: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Draw two numbers below `n_places` and a bit for each seed.

    SplitMix64 with the salted seed as its state gives two words. The upper half of the first is
    for the top, its lower half for the left, each scaled down; the second word's first bit is the
    coin.
    """
    state = seeds ^ _SALT
    first, second = bits_at(state, 0), bits_at(state, 1)
    scaled = [half * np.uint64(n_places) >> np.uint64(32) for half in _halves(first)]
    top, left = (place.astype(np.int64) for place in scaled)
    return top, left, (second >> np.uint64(63)).astype(bool)


def _halves(words: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    return words >> np.uint64(32), words & _LOW_BITS
