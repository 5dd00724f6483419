"""What training and evaluation know of a data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["ImageData", "Images"]


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
        """Return images cropped, and mirrored where that keeps their label, at random.

        Each is a function of its own 64-bit seed alone; the shape is that of `for_testing`.
        """

    def __len__(self) -> int:
        """Return how many images there are."""


@dataclass(frozen=True)
class ImageData:
    """A data set for image classification.

    Attributes
    ----------
    name : str
        As it is asked for, such as ``digits`` or ``folder:photos``.
    train, test : Images
        Both of the same size.
    classes : tuple of str
        The classes' names, by label.
    size : int
        Pixels a side.
    mean, std : tuple of 3 floats
        Of the training images' channels, with values from 0 to 1.
    """

    name: str
    train: Images
    test: Images
    classes: tuple[str, ...]
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
