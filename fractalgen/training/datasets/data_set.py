"""The interface of data sets for training and evaluation."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fractalgen.pool import Progress
from fractalgen.seeding import rng_for

__all__ = ["DataSet", "Defaults", "ImageData", "Images", "held_out"]


class Images(Protocol):
    """Labelled images, in memory or on disk, read in batches. Must be picklable."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class of each image, shape (n,)."""

    def for_testing(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return images for testing, shape (len(indices), size, size, 3)."""

    def for_training(
        self, indices: Sequence[int] | NDArray[np.int64], seeds: Sequence[int]
    ) -> NDArray[np.uint8]:
        """Return randomly cropped images, randomly mirrored if that keeps their label.

        Each depends only on its own 64-bit seed; the shape is that of `for_testing`.
        """

    def __len__(self) -> int:
        """Return the number of images."""


@dataclass(frozen=True)
class ImageData:
    """A loaded data set for image classification.

    Attributes
    ----------
    name : str
        The name it was loaded by, such as ``digits`` or ``folder:photos``.
    train, test : Images
        Both have the same image size.
    classes : tuple of str
        Class names, by label.
    size : int
        Side of the images in pixels.
    mean, std : tuple of 3 floats
        Statistics of the channels of the training images, for values from 0 to 1.
    validation : Images or None
        Training images that are held out; see `held_out`. They are not in `train`.
    """

    name: str
    train: Images
    test: Images
    classes: tuple[str, ...]
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    validation: Images | None = None

    def __repr__(self) -> str:
        return (
            f"<ImageData {self.name!r}: {len(self.train):,} training and {len(self.test):,} test "
            f"images of {self.size} x {self.size}, {len(self.classes):,} classes>"
        )


@dataclass(frozen=True)
class _Part:
    """Some of the images of a data set."""

    images: Images
    indices: NDArray[np.int64]

    @functools.cached_property  # once, because every batch asks for them
    def labels(self) -> NDArray[np.int64]:
        return self.images.labels[self.indices]

    def for_testing(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        return self.images.for_testing(self.indices[np.asarray(indices, np.int64)])

    def for_training(
        self, indices: Sequence[int] | NDArray[np.int64], seeds: Sequence[int]
    ) -> NDArray[np.uint8]:
        return self.images.for_training(self.indices[np.asarray(indices, np.int64)], seeds)

    def __len__(self) -> int:
        return len(self.indices)


def held_out(data: ImageData, share: float) -> ImageData:
    """Move a random share of the training images, from 0 to 0.9, to `validation`.

    The choice depends only on the number of images, so it is the same in every run. At least one
    image is moved unless `share` is 0, and each part keeps the order of the images. `mean` and
    `std` stay those of all training images.
    """
    if share == 0:
        return data
    n_images = len(data.train)
    order = rng_for(0, "held out", 0).permutation(n_images)
    n_held_out = max(1, round(share * n_images))
    chosen, rest = np.sort(order[:n_held_out]), np.sort(order[n_held_out:])
    return dataclasses.replace(
        data, train=_Part(data.train, rest), validation=_Part(data.train, chosen)
    )


@dataclass(frozen=True)
class Defaults:
    """The settings of a training recipe for a data set.

    `epochs_of` has the number of epochs for models that differ. `method_options` are options for
    this data set, by the method's name. `average` is the decay of the weights' average.
    """

    model: str
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    epochs_of: Mapping[str, int] = field(default_factory=dict)
    method_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    average: float = 0.0


@dataclass(frozen=True)
class DataSet:
    """A data set in the registry, with its settings for training.

    Attributes
    ----------
    load : callable
        Called with this data set, the folder for its files, the image size in pixels, and a
        progress callback or None. Raises RunError.
    image_size : int
        Default side of the images in pixels.
    recipes : mapping of str to Defaults
        Settings for each of `fractalgen.training.config.RECIPES`.
    crop_padding : float
        Maximum offset of a random crop from the centre, as a share of the side, for images in
        memory.
    mirror : bool
        Whether mirroring keeps the label.
    """

    name: str
    load: Callable[["DataSet", Path, int, Progress | None], ImageData]
    image_size: int
    recipes: Mapping[str, Defaults]
    crop_padding: float = 0.0
    mirror: bool = True
