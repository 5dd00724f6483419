"""Reads ImageNet-C as published: a folder for each corruption, severity and class."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import ImageError, RunError
from fractalgen.evaluation.corruptions import SEVERITIES
from fractalgen.images.decoding import to_rgb
from fractalgen.images.formats import SUFFIXES

__all__ = ["CorruptionFolder", "ImageList", "corruption_folders", "read_image_folders"]


@dataclass(frozen=True)
class ImageList:
    """The images in the folders of some classes.

    `names` are bytes such as ``class/image``, sorted like the test images, in an array because a
    million strings take several times the memory.
    """

    names: NDArray[np.bytes_]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class CorruptionFolder:
    """Test images with one corruption: for each severity a folder, and the images to read in it.

    Every image must be `size` pixels a side.
    """

    name: str
    severities: tuple[Path, ...]
    images: tuple[ImageList, ...]
    size: int

    def __len__(self) -> int:
        return sum(len(found.names) for found in self.images)

    def batches(self, batch_size: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Yield images and labels; see `Corruption`."""
        for folder, found in zip(self.severities, self.images, strict=True):
            for start in range(0, len(found.names), batch_size):
                some = slice(start, start + batch_size)
                paths = [folder / os.fsdecode(name) for name in found.names[some]]
                yield np.stack([_image(path, self.size) for path in paths]), found.labels[some]


def corruption_folders(folder: Path) -> dict[str, Path]:
    """Return the folders that contain folders with numeric names, here or one level below.

    ImageNet-C's archives unpack into folders for their groups, ``blur/defocus_blur/1/...``.
    """
    found = {}
    try:
        for place in _folders(folder):
            inside = _folders(place)
            if any(_number(path) is not None for path in inside):
                found[place.name] = place
                continue
            for path in inside:
                if any(_number(deeper) is not None for deeper in _folders(path)):
                    found[path.name] = path
    except OSError as error:
        raise RunError(f"{error.filename} cannot be read: {error.strerror or error}") from None
    return found


def read_image_folders(
    folders: Mapping[str, Path],
    size: int,
    classes: Sequence[str],
    labels: NDArray[np.int64],
    indices: Sequence[int] | NDArray[np.int64] | None,
) -> tuple[CorruptionFolder, ...]:
    """Read the test images in the folders of some corruptions, ``severity/class/image``.

    The severities are five folders with numeric names; for C-bar these are not 1 to 5. `classes`
    are the names of the classes' folders, by label; some can be missing. `labels` are those of the
    test set. With `indices`, only these test images are read; folders that have just as many images
    of each class are read whole. RunError if a severity or images are missing, a class is unknown,
    the images are neither those at `indices` nor the whole test set, or the first image of a
    corruption has another size.
    """
    try:
        severities = {name: _severities(folder) for name, folder in folders.items()}
        lists = _listed([path for paths in severities.values() for path in paths], classes)
    except OSError as error:
        raise RunError(f"{error.filename} cannot be read: {error.strerror or error}") from None
    _check_counts(lists)
    if indices is not None:
        order = _by_class(labels, classes)
        chosen = order[np.isin(order, indices)]
        for path, images in lists.items():
            if not np.array_equal(images.labels, labels[chosen]):  # not only the chosen images
                _check_whole(path, images, labels[order])
                places = np.flatnonzero(np.isin(order, chosen))
                lists[path] = ImageList(images.names[places], images.labels[places])
    found = tuple(
        CorruptionFolder(name, paths, tuple(lists[path] for path in paths), size)
        for name, paths in severities.items()
    )
    for each in found:
        next(each.batches(1))  # images of another size fail now, and not after an hour
    return found


def _listed(severities: Sequence[Path], classes: Sequence[str]) -> dict[Path, ImageList]:
    """List the images of each severity; severities with the same images share one list."""
    label_of = {name: label for label, name in enumerate(classes)}
    lists: dict[Path, ImageList] = {}
    last = ImageList(np.array([], np.bytes_), np.array([], np.int64))
    for severity in severities:
        places = _folders(severity)
        _check_classes(severity, [place.name for place in places], label_of)
        names = sorted(name for place in places for name in _images_in(place))
        encoded = np.array([os.fsencode(name) for name in names], np.bytes_)
        if not np.array_equal(encoded, last.names):
            labels = [label_of[name.partition("/")[0]] for name in names]
            last = ImageList(encoded, np.array(labels, np.int64))
        lists[severity] = last
    return lists


def _images_in(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [
            f"{folder.name}/{entry.name}"
            for entry in entries
            if os.path.splitext(entry.name)[1].lower() in SUFFIXES  # noqa: PTH122 - faster
            and entry.name[0] != "."
        ]


def _by_class(labels: NDArray[np.int64], classes: Sequence[str]) -> NDArray[np.int64]:
    """Return the indices of the test images in the order of their files' names."""
    rank = np.empty(len(classes), np.int64)
    rank[sorted(range(len(classes)), key=lambda label: f"{classes[label]}/")] = range(len(classes))
    return np.argsort(rank[labels], kind="stable")


def _check_counts(lists: dict[Path, ImageList]) -> None:
    """Check that all folders have the same number of images."""
    counts = {path: len(images.names) for path, images in lists.items()}
    fullest = max(counts, key=lambda path: counts[path])
    for path, n in counts.items():
        if not n:
            raise RunError(f"{path} holds no images; download it again")
        if n < counts[fullest]:
            raise RunError(
                f"{path} has {n} images, but {fullest} has {counts[fullest]}; download it again"
            )


def _check_whole(path: Path, images: ImageList, labels: NDArray[np.int64]) -> None:
    """Check that a folder has the whole test set, from which images can be selected."""
    if len(images.names) != len(labels):
        raise RunError(
            f"{path} has {len(images.names)} images, but the test set has {len(labels)}, so no "
            "subset can be selected; evaluate without --limit"
        )
    if np.any(images.labels != labels):
        raise RunError(
            f"{path} has other numbers of images of some classes than the test set, so no subset "
            "can be selected; evaluate without --limit"
        )


def _severities(folder: Path) -> tuple[Path, ...]:
    numbered = [(number, path) for path in _folders(folder) if (number := _number(path))]
    if len(numbered) != len(SEVERITIES):
        raise RunError(
            f"{folder} has {len(numbered)} severities instead of {len(SEVERITIES)};  "
            "download it again"
        )
    return tuple(path for _, path in sorted(numbered))


def _check_classes(severity: Path, names: Sequence[str], label_of: dict[str, int]) -> None:
    unknown = [name for name in names if name not in label_of]
    if unknown:
        raise RunError(
            f"{severity} has {len(unknown)} folders that are not classes of the data set, such as "
            f"{unknown[0]}; it belongs to another data set"
        )


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")


def _number(path: Path) -> float | None:
    try:
        return float(path.name)
    except ValueError:
        return None


def _image(path: Path, size: int) -> NDArray[np.uint8]:
    try:
        rgb, _ = to_rgb(path.read_bytes())
    except ImageError as error:
        raise RunError(f"{path} cannot be used: {error}; download it again") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}") from None
    if rgb.shape[:2] != (size, size):
        raise RunError(
            f"{path} has {rgb.shape[1]} x {rgb.shape[0]} pixels, and the network was trained with "
            f"{size} x {size}; use images of that size"
        )
    return rgb
