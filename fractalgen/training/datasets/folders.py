"""Folders of images with a folder for each class, such as ImageNet's."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.bank.folder import list_images
from fractalgen.errors import BankError, RunError
from fractalgen.pool import ThreadTeam
from fractalgen.registry import first_few
from fractalgen.training.datasets.image_data import ImageData
from fractalgen.training.datasets.image_files import (
    read_image,
    shorter_side,
    testing_view,
    training_view,
)

__all__ = ["FolderImages", "class_folders", "images_of_classes", "load_folder"]

_SIZE = 224
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class FolderImages:
    """Labelled images that are decoded when they are asked for.

    Parameters
    ----------
    folder : Path
        Holds them.
    names : sequence of str
        Their paths in it.
    labels : ndarray of int64, shape (n,)
        Their classes.
    size : int
        Side in pixels at which they are read.
    whole : bool
        Test on the whole of a square image, not on the middle seven eighths of it.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        labels: NDArray[np.int64],
        size: int,
        *,
        whole: bool = False,
    ) -> None:
        self._folder = folder
        # An array: worker processes would copy the pages of a million strings by counting
        # references to them.
        self._names = np.array([os.fsencode(name) for name in names])
        self._labels = labels
        self._size = size
        self._shorter_side = size if whole else shorter_side(size)
        self._team = ThreadTeam()

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class of each image, shape (n,)."""
        return self._labels

    def for_testing(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the centres of images, shape (len(indices), size, size, 3).

        See `fractalgen.training.datasets.image_files.testing_view`. RunError names an image
        that cannot be read.
        """

        def view(place: int) -> NDArray[np.uint8]:
            image = read_image(self.path(indices[place]))
            return testing_view(image, self._size, self._shorter_side)

        return self._read(view, len(indices))

    def for_training(
        self, indices: Sequence[int] | NDArray[np.int64], seeds: Sequence[int]
    ) -> NDArray[np.uint8]:
        """Return a random part of each image, or of its mirror image, of the same shape.

        See `fractalgen.training.datasets.image_files.training_view`. RunError names an image
        that cannot be read.
        """

        def view(place: int) -> NDArray[np.uint8]:
            return training_view(read_image(self.path(indices[place])), self._size, seeds[place])

        return self._read(view, len(indices))

    def _read(self, view: Callable[[int], NDArray[np.uint8]], n: int) -> NDArray[np.uint8]:
        """Fill a batch by threads, of which a worker process has one."""
        out = np.empty((n, self._size, self._size, 3), np.uint8)

        def fill(start: int, stop: int) -> None:
            for place in range(start, stop):
                out[place] = view(place)

        self._team.run(fill, n)
        return out

    def path(self, index: int | np.int64) -> Path:
        """Return where an image is."""
        return self._folder / os.fsdecode(self._names[index])

    def __len__(self) -> int:
        return len(self._names)


def load_folder(folder: Path, image_size: int | None = None) -> ImageData:
    """Open a data set of two folders, ``train`` and ``val``, with a folder for each class in both.

    No image is read yet. Mean and standard deviation are ImageNet's, as pretrained networks
    want them.

    Parameters
    ----------
    folder : Path
        Holds ``train`` and ``val``.
    image_size : int, optional
        Pixels a side; 224 if it is left out.

    Raises
    ------
    RunError
        If a folder is missing or empty, or the two have not the same classes.
    """
    for part in ("train", "val"):
        if not (folder / part).is_dir():
            raise RunError(
                f"{folder / part} is not a folder; the data set needs {folder / 'train'} and "
                f"{folder / 'val'}, with a folder of images for each class in both"
            )
    size = image_size or _SIZE
    train, val = folder / "train", folder / "val"
    classes = class_folders(train)
    if len(classes) < 2:
        raise RunError(f"{train} has one class, '{classes[0]}'; there is nothing to tell apart")
    strangers = [name for name in class_folders(val) if name not in set(classes)]
    if strangers:
        raise RunError(f"{val} has classes that {train} has not: {first_few(strangers)}")
    training = images_of_classes(train, classes, size)
    testing = images_of_classes(val, classes, size)
    for place, images in ((train, training), (val, testing)):
        present = np.bincount(images.labels, minlength=len(classes)) > 0
        empty = [name for name, found in zip(classes, present, strict=True) if not found]
        if empty:
            raise RunError(f"{place} has no images of these classes: {first_few(empty)}")
    return ImageData(f"folder:{folder}", training, testing, classes, size, _MEAN, _STD)


def class_folders(folder: Path) -> tuple[str, ...]:
    """Return the names of the folders in a folder, sorted, without hidden ones.

    Raises
    ------
    RunError
        If there is none, or `folder` cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")
            )
    except OSError as error:
        raise RunError(f"cannot read {folder}: {error.strerror or error}") from None
    if not names:
        raise RunError(f"{folder} has no folders in it; put each class's images into one")
    return tuple(names)


def images_of_classes(
    folder: Path, classes: Sequence[str], size: int, *, whole: bool = False
) -> FolderImages:
    """Find the images in the folders of some classes; what lies in others is left out.

    Parameters
    ----------
    folder : Path
        Holds the folders.
    classes : sequence of str
        Their names; an image's label is its folder's place among them.
    size, whole
        See `FolderImages`.

    Raises
    ------
    RunError
        If there are no images, or `folder` cannot be read.
    """
    label_of = {name: label for label, name in enumerate(classes)}
    try:
        images = list_images(folder)
    except BankError as error:
        raise RunError(str(error)) from None
    labelled = [
        (image.name, label_of[image.name.split("/", 1)[0]])
        for image in images
        if "/" in image.name and image.name.split("/", 1)[0] in label_of
    ]
    if not labelled:
        raise RunError(f"{folder} holds no images in the folders {first_few(list(classes))}")
    names, labels = zip(*labelled, strict=True)
    return FolderImages(folder, names, np.array(labels, np.int64), size, whole=whole)
