"""Data sets by their names."""

import dataclasses
from pathlib import Path
from typing import Protocol

from fractalgen.errors import RunUsageError
from fractalgen.pool import Progress
from fractalgen.registry import Registry, nearest
from fractalgen.training.datasets.cifar import load_cifar10, load_cifar100
from fractalgen.training.datasets.digits import load_digits
from fractalgen.training.datasets.fashion_mnist import load_fashion_mnist
from fractalgen.training.datasets.folders import load_folder
from fractalgen.training.datasets.image_data import ImageData

__all__ = ["DATASETS", "FOLDER_PREFIX", "Loader", "load_data"]

FOLDER_PREFIX = "folder:"
"""Before a folder's path, where a data set's name is asked for."""

_LEAST_SIZE = 8


class Loader(Protocol):
    """Loads one data set."""

    def __call__(
        self, data_dir: Path, image_size: int | None = None, progress: Progress | None = None
    ) -> ImageData:
        """See `load_data`."""


DATASETS: Registry[Loader] = Registry("data set")
"""The data sets that have a name of their own."""

DATASETS.add("digits", load_digits)
DATASETS.add("fashion-mnist", load_fashion_mnist)
DATASETS.add("cifar10", load_cifar10)
DATASETS.add("cifar100", load_cifar100)


def load_data(
    name: str,
    *,
    data_dir: Path,
    image_size: int | None = None,
    progress: Progress | None = None,
) -> ImageData:
    """Load a data set for image classification.

    Parameters
    ----------
    name : str
        One of `DATASETS`, or ``folder:`` and a path; see `load_folder` for what is in there.
    data_dir : Path
        Where published data sets are looked for, and where they are put when they are fetched.
    image_size : int, optional
        Pixels a side, 8 or more. None is the data set's own: 32 for digits and CIFAR, 28 for
        Fashion-MNIST, 224 for folders.
    progress : callable or None
        Told of the bytes fetched, and of how many there are, or None where that is not known.

    Raises
    ------
    RunUsageError
        If there is no such data set, or `image_size` is too small.
    RunError
        If the data set is damaged, or can be neither found nor fetched.
    """
    if image_size is not None and image_size < _LEAST_SIZE:
        raise RunUsageError(f"images need {_LEAST_SIZE} pixels a side or more, not {image_size}")
    if name.startswith(FOLDER_PREFIX):
        place = name[len(FOLDER_PREFIX) :]
        if not place:
            raise RunUsageError("give a folder after 'folder:', such as folder:photos")
        data = load_folder(Path(place).expanduser(), image_size)
        return dataclasses.replace(data, name=name)
    if name not in DATASETS:
        hint = nearest(name, [*DATASETS, f"{FOLDER_PREFIX}DIR"])
        raise RunUsageError(f"no data set is called '{name}': {hint}")
    return DATASETS[name](data_dir, image_size, progress)
