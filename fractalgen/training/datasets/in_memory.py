"""Data sets that fit into memory."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.training.datasets.image_data import ImageData
from fractalgen.training.datasets.random_crops import random_crops

__all__ = ["InMemoryImages", "channel_statistics", "in_memory_data"]

_IMAGES_AT_ONCE = 4096


class InMemoryImages:
    """Labelled images in one array.

    They are kept as they came, and brought to their size (Pillow's bicubic filter, which averages
    where it makes smaller) and to three channels when they are read. So 50,000 small images at
    224 x 224 need no 7 GB.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, side, side, channels)
        Of one channel, grey, or three, RGB.
    labels : ndarray of int64, shape (n,)
        Their classes.
    size : int
        Side in pixels at which they are read.
    padding : int
        How far, in pixels of that size, a random crop may be off the centre.
    mirror : bool
        Whether a mirror image is of the same class.
    """

    def __init__(
        self,
        pixels: NDArray[np.uint8],
        labels: NDArray[np.int64],
        *,
        size: int,
        padding: int,
        mirror: bool,
    ) -> None:
        self._pixels = pixels
        self._labels = labels
        self._size = size
        self._padding = padding
        self._mirror = mirror

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class of each image, shape (n,)."""
        return self._labels

    def for_testing(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return images as they are, shape (len(indices), size, size, 3)."""
        return _as_rgb(self._read(indices))

    def for_training(
        self, indices: Sequence[int] | NDArray[np.int64], seeds: Sequence[int]
    ) -> NDArray[np.uint8]:
        """Return a random crop of each zero-padded image, or of its mirror image.

        See `fractalgen.training.datasets.random_crops.random_crops`.
        """
        crops = random_crops(self._read(indices), seeds, self._padding, mirror=self._mirror)
        return _as_rgb(crops)

    def _read(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        pixels = self._pixels[np.asarray(indices, np.int64)]
        if pixels.shape[1] == self._size:
            return pixels
        return _resized(pixels, self._size)

    def __len__(self) -> int:
        return len(self._pixels)


def in_memory_data(
    name: str,
    *,
    train: tuple[NDArray[np.uint8], NDArray[np.int64]],
    test: tuple[NDArray[np.uint8], NDArray[np.int64]],
    classes: tuple[str, ...],
    size: int,
    padding: int,
    mirror: bool,
) -> ImageData:
    """Make a data set of arrays; see `InMemoryImages`.

    Mean and standard deviation are those of the training images before they are resized.
    """
    mean, std = channel_statistics(train[0])
    training, testing = (
        InMemoryImages(*part, size=size, padding=padding, mirror=mirror) for part in (train, test)
    )
    return ImageData(name, training, testing, classes, size, mean, std)


def channel_statistics(
    pixels: NDArray[np.uint8],
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return mean and standard deviation of the channels, for values from 0 to 1.

    The sums are of integers, so that the result is exact but for its last rounding.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, height, width, 1 or 3)
        One channel counts as three that are equal.
    """
    sums = squares = np.zeros(pixels.shape[1:], np.uint64)
    for start in range(0, len(pixels), _IMAGES_AT_ONCE):
        some = pixels[start : start + _IMAGES_AT_ONCE]
        sums = sums + some.sum(axis=0, dtype=np.uint64)
        squared = np.multiply(some, some, dtype=np.uint16)
        squares = squares + squared.sum(axis=0, dtype=np.uint64)
    n_values = pixels[..., 0].size
    means, stds = [], []
    for channel in range(pixels.shape[3]):
        total = int(sums[..., channel].sum())
        variance = n_values * int(squares[..., channel].sum()) - total**2
        means.append(total / (255 * n_values))
        # A channel of one value must not be divided by zero.
        stds.append(variance**0.5 / (255 * n_values) or 1.0)
    return _three(means), _three(stds)


def _three(values: list[float]) -> tuple[float, float, float]:
    first, second, third = values * (3 // len(values))
    return first, second, third


def _resized(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    grey = pixels.shape[3] == 1
    out = np.empty((len(pixels), size, size, pixels.shape[3]), np.uint8)
    for index, one in enumerate(pixels):
        image = Image.fromarray(one[..., 0] if grey else one)
        resized = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
        out[index] = resized[..., None] if grey else resized
    return out


def _as_rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.shape[3] == 1:
        return np.repeat(pixels, 3, axis=3)
    return np.ascontiguousarray(pixels)
