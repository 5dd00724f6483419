"""What training and evaluation know about a data set."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fractalgen.pool import Progress

__all__ = ["DataSet", "Defaults", "ImageData", "Images"]


class Images(Protocol):
    """Labelled images, in memory or on disk, read a batch at a time. Can be pickled."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class of each image, shape (n,)."""

    def for_testing(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return images as a network is tested on them, shape (len(indices), size, size, 3)."""

    def for_training(
        self, indices: Sequence[int] | NDArray[np.int64], seeds: Sequence[int]
    ) -> NDArray[np.uint8]:
        """Return randomly cropped images, mirrored at random where that keeps their label.

        Each is a function of its own 64-bit seed alone; the shape is that of `for_testing`.
        """

    def __len__(self) -> int:
        """Return how many images there are."""


@dataclass(frozen=True)
class ImageData:
    """A loaded data set for image classification.

    Attributes
    ----------
    name : str
        The name it was loaded by, such as ``digits`` or ``folder:photos``.
    train, test : Images
        Both of the same size.
    classes : tuple of str
        Class names, by label.
    size : int
        Pixels a side.
    mean, std : tuple of 3 floats
        Statistics of the training images' channels, for values from 0 to 1.
    """

    name: str
    train: Images
    test: Images
    classes: tuple[str, ...]
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __repr__(self) -> str:
        return (
            f"<ImageData {self.name!r}: {len(self.train):,} training and {len(self.test):,} test "
            f"images of {self.size} x {self.size}, {len(self.classes):,} classes>"
        )


@dataclass(frozen=True)
class Defaults:
    """The settings that one training recipe has for a data set.

    `epochs_of` names models that train for another number of epochs. `method_options` are options
    that suit this data set, by the method's name.
    """

    model: str
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    epochs_of: Mapping[str, int] = field(default_factory=dict)
    method_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class DataSet:
    """A data set in the registry, with everything that training assumes about it.

    Attributes
    ----------
    load : callable
        Called with this data set, the folder that holds or receives the files, the image size in
        pixels, and a progress callback or None. Raises RunError.
    image_size : int
        Pixels a side, unless the run has another size.
    recipes : mapping of str to Defaults
        Settings for each of `fractalgen.training.config.RECIPES`.
    crop_padding : float
        How far a random crop of an image in memory may be off the centre, as a share of its side.
    mirror : bool
        Whether a mirror image belongs to the same class.
    """

    name: str
    load: Callable[["DataSet", Path, int, Progress | None], ImageData]
    image_size: int
    recipes: Mapping[str, Defaults]
    crop_padding: float = 0.0
    mirror: bool = True
