"""Data sets that fit into memory."""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from fractalgen.seeding import bits_at
from fractalgen.training.datasets.data_set import DataSet, ImageData

__all__ = ["InMemoryImages", "channel_statistics", "in_memory_data", "random_crops"]

_IMAGES_AT_ONCE = 4096

# Makes crops independent of other draws from the same seed.
_SALT = np.uint64(0x63726F7073)
_LOW_BITS = np.uint64(0xFFFFFFFF)


class InMemoryImages:
    """Labelled images in one array.

    They are stored unchanged, and converted on reading: resized with Pillow's bicubic filter (with
    antialiasing) and expanded to three channels. So 50,000 small images at 224 x 224 do not take
    7 GB.

    `pixels` has shape (n, side, side, channels), where a single channel is grey. `padding` is the
    maximum offset of a random crop from the centre, in pixels at `size`; `mirror` says whether
    mirroring keeps the label.
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
        """Return unaugmented images, shape (len(indices), size, size, 3)."""
        return _as_rgb(self._read(indices))

    def for_training(
        self, indices: Sequence[int] | NDArray[np.int64], seeds: Sequence[int]
    ) -> NDArray[np.uint8]:
        """Return a random crop of each zero-padded image; see `random_crops`."""
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
    data_set: DataSet,
    size: int,
    *,
    train: tuple[NDArray[np.uint8], NDArray[np.int64]],
    test: tuple[NDArray[np.uint8], NDArray[np.int64]],
    classes: tuple[str, ...],
) -> ImageData:
    """Make a data set from arrays of images and labels; see `InMemoryImages`.

    Mean and standard deviation are computed from the training images before resizing.
    """
    mean, std = channel_statistics(train[0])
    padding = int(size * data_set.crop_padding)
    training, testing = (
        InMemoryImages(*part, size=size, padding=padding, mirror=data_set.mirror)
        for part in (train, test)
    )
    return ImageData(data_set.name, training, testing, classes, size, mean, std)


def channel_statistics(
    pixels: NDArray[np.uint8],
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return mean and standard deviation of the channels, for values from 0 to 1.

    `pixels` has shape (n, height, width, 1 or 3); a single channel counts as three equal ones. Sums
    are over integers, so only the last rounding is inexact.
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
        # A channel that holds a single value must not be divided by zero.
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


def random_crops(
    images: NDArray[np.uint8], seeds: Sequence[int], padding: int, *, mirror: bool
) -> NDArray[np.uint8]:
    """Pad images with zeros, and crop a window of the original size from each.

    All (2 * `padding` + 1)**2 windows are equally likely, as are an image and its mirror image.
    The choice depends only on the image's 64-bit seed.
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

    SplitMix64, with the salted seed as its state, gives two words. The halves of the first are
    scaled to the top and the left; the highest bit of the second is the coin.
    """
    state = seeds ^ _SALT
    first, second = bits_at(state, 0), bits_at(state, 1)
    scaled = [half * np.uint64(n_places) >> np.uint64(32) for half in _halves(first)]
    top, left = (place.astype(np.int64) for place in scaled)
    return top, left, (second >> np.uint64(63)).astype(bool)


def _halves(words: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    return words >> np.uint64(32), words & _LOW_BITS
