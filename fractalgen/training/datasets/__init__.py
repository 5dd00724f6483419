"""The data sets for training and testing. Listing them is fast."""

from __future__ import annotations

import dataclasses
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

from fractalgen.errors import RunError, RunUsageError
from fractalgen.registry import Registry, nearest, shown

if TYPE_CHECKING:
    from fractalgen.pool import Progress
    from fractalgen.training.datasets.data_set import DataSet, ImageData

__all__ = ["DATASETS", "FOLDER_PREFIX", "find_data_set", "load_data"]

FOLDER_PREFIX = "folder:"
"""Prefix of a folder's path that is used as a data set's name."""

DATASETS: Registry[str] = Registry("data set")
"""The module and name of each data set's `DataSet`."""

DATASETS.add("digits", "fractalgen.training.datasets.digits:DIGITS")
DATASETS.add("fashion-mnist", "fractalgen.training.datasets.fashion_mnist:FASHION_MNIST")
DATASETS.add("cifar10", "fractalgen.training.datasets.cifar:CIFAR10")
DATASETS.add("cifar100", "fractalgen.training.datasets.cifar:CIFAR100")

_FOLDERS = "fractalgen.training.datasets.folders:FOLDERS"
_MIN_SIZE = 8


def find_data_set(name: str) -> DataSet:
    """Return the data set with a name, or the one for all folders; RunUsageError if unknown."""
    if not isinstance(name, str):
        raise RunUsageError(f"dataset must be a name, not {shown(name)}")
    if not name.startswith(FOLDER_PREFIX) and name not in DATASETS:
        hint = nearest(name, [*DATASETS, f"{FOLDER_PREFIX}DIR"])
        if Path(name).is_dir():
            hint = f"to use this folder, write {FOLDER_PREFIX}{name}"
        raise RunUsageError(f"unknown data set '{name}': {hint}")
    address = _FOLDERS if name.startswith(FOLDER_PREFIX) else DATASETS[name]
    data_set: DataSet = pkgutil.resolve_name(address)
    return data_set


def load_data(
    name: str,
    *,
    data_dir: Path,
    image_size: int | None = None,
    progress: Progress | None = None,
    only_tests: bool = False,
) -> ImageData:
    """Load a data set, one of `DATASETS` or ``folder:DIR`` with ``train`` and ``val`` in it.

    Published data sets are read from `data_dir`, and downloaded to it if missing. With
    `only_tests`, a folder can have ``val`` alone, and then has no training images. RunError if the
    data set is damaged, or can be neither found nor downloaded.
    """
    data_set = find_data_set(name)
    if image_size is not None and image_size < _MIN_SIZE:
        raise RunUsageError(f"images need at least {_MIN_SIZE} pixels a side, not {image_size}")
    if name in DATASETS:
        place = data_dir
    elif name == FOLDER_PREFIX:
        raise RunUsageError(f"add a folder after '{name}', such as {name}photos")
    else:
        place = Path(name.removeprefix(FOLDER_PREFIX)).expanduser()
    data = data_set.load(data_set, place, image_size or data_set.image_size, progress)
    if not only_tests and not len(data.train):
        raise RunError(
            f"{place / 'train'} does not exist; training needs it, with a folder of images for "
            "each class"
        )
    return dataclasses.replace(data, name=name)
