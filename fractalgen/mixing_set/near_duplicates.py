"""Images that look alike, found by their perceptual hashes as they come."""

from collections.abc import Iterable

import numpy as np

from fractalgen.mixing_set.stats import NEAR_DISTANCE

__all__ = ["SeenImages"]

_BITS = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)


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
        distances = _BITS[differing.view(np.uint8)].reshape(-1, 8).sum(axis=1)
        nearest = int(np.argmin(distances))
        return int(self._indices[nearest]) if distances[nearest] <= NEAR_DISTANCE else None

    def add(self, index: int, value: int) -> None:
        """Add an image."""
        if self._n == len(self._indices):
            self._indices = np.concatenate([self._indices, np.zeros_like(self._indices)])
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
        self._indices[self._n], self._hashes[self._n] = index, value
        self._n += 1
