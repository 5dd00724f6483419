"""The random masks in NumPy, from the same stream as the compiled engine's."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["random_mask"]


def random_mask(seed: int, shape: tuple[int, ...], name: str, kept: float) -> NDArray[np.bool_]:
    """Say which pixels, or elements, are kept.

    Parameters
    ----------
    seed : int
        SplitMix64's, 64 bits.
    shape : tuple of int
        Height, width, channels.
    name : str
        ``"random-pixels"``: one decision for all channels; ``"random-elements"``: one for each.
    kept : float
        The share that is kept.

    Returns
    -------
    ndarray of bool, shape (height, width, 1 or channels)
    """
    height, width, _ = shape
    n = np.arange(height * width, dtype=np.uint64)
    x = np.uint64(seed) + (n + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    if name == "random-pixels":
        uniform = (x >> np.uint64(40))[:, None] * 2.0**-24
    else:
        parts = np.stack([x >> np.uint64(21 * part) for part in range(3)], axis=1)
        uniform = (parts & np.uint64((1 << 21) - 1)) * 2.0**-21
    mask: NDArray[np.bool_] = uniform < np.float32(kept)
    return mask.reshape(height, width, -1)
