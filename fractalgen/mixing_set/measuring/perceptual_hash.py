"""A hash of which images that look alike differ in few bits, and what finds such images."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["HASH_BITS", "NEAR_DISTANCE", "SeenImages", "nearest_distances", "perceptual_hash"]

HASH_BITS = 64

NEAR_DISTANCE = 4
"""Images whose perceptual hashes differ in at most this many of 64 bits are near duplicates."""

_SIDE = 32  # of the reduced image that is hashed
_FREQUENCIES = 8  # along each axis
_MAX_PRODUCTS = 1 << 24  # of pairs of hashes, at a time
_N_BITS = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)


def perceptual_hash(rgb: NDArray[np.uint8]) -> int:
    """Return a 64-bit hash of which images that look alike differ in few bits.

    The luminance is reduced to 32 x 32 pixels. Of its two-dimensional DCT-II, the 8 x 8 lowest
    frequencies give a bit each, from the highest bit down: 1 if the coefficient exceeds their
    median (Zauner 2010, and `phash` of the package ImageHash, which needs SciPy for it).
    """
    small = Image.fromarray(rgb).convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    low = _DCT @ np.asarray(small, np.float64) @ _DCT.T
    low = np.round(low, 6)  # so that rounding errors don't decide the bits of a flat image
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


_DCT = np.cos(
    np.pi * np.arange(_FREQUENCIES)[:, np.newaxis] * (2 * np.arange(_SIDE) + 1) / (2 * _SIDE)
)


def nearest_distances(hashes: Sequence[int]) -> NDArray[np.int64]:
    """Return the distance in bits of each 64-bit hash to the nearest other one; 64 if it is alone.

    With bits as -1 and 1, the product of two hashes is 64 less twice their distance, so that one
    matrix product compares a block with all others. 13,000 hashes take under a second; the time
    grows with the square of their number.
    """
    bits = np.unpackbits(np.array(hashes, ">u8").view(np.uint8)).reshape(-1, HASH_BITS)
    signs = bits.astype(np.float32) * 2 - 1
    nearest = np.full(len(signs), HASH_BITS)
    block = max(1, _MAX_PRODUCTS // max(1, len(signs)))
    for start in range(0, len(signs), block):
        products = signs[start : start + block] @ signs.T
        rows = np.arange(len(products))
        products[rows, start + rows] = -HASH_BITS  # not with itself
        nearest[start : start + block] = (HASH_BITS - products.max(axis=1)) // 2
    return nearest


class SeenImages:
    """The perceptual hashes of images, in 16 bytes each.

    Parameters
    ----------
    hashes : iterable of (int, int)
        Index and 64-bit hash of each image.
    """

    def __init__(self, hashes: Iterable[tuple[int, int]]) -> None:
        known = list(hashes)
        self._n = len(known)
        self._indices = np.zeros(max(1024, 2 * self._n), np.int64)
        self._hashes = np.zeros(len(self._indices), np.uint64)
        self._indices[: self._n] = [index for index, _ in known]
        self._hashes[: self._n] = [value for _, value in known]

    def like(self, value: int) -> int | None:
        """Return the index of an image that looks like one with this hash, the nearest; or None."""
        if not self._n:
            return None
        differing = self._hashes[: self._n] ^ np.uint64(value)
        distances = _N_BITS[differing.view(np.uint8)].reshape(-1, 8).sum(axis=1)
        nearest = int(np.argmin(distances))
        return int(self._indices[nearest]) if distances[nearest] <= NEAR_DISTANCE else None

    def add(self, index: int, value: int) -> None:
        """Add an image."""
        if self._n == len(self._indices):
            self._indices = np.concatenate([self._indices, np.zeros_like(self._indices)])
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
        self._indices[self._n], self._hashes[self._n] = index, value
        self._n += 1
