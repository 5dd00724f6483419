"""Folders with a subfolder of images for each class, such as ImageNet."""

import dataclasses
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.bank.folder import list_images
from fractalgen.errors import BankError, ImageError, RunError
from fractalgen.images.crops import Box, part_of
from fractalgen.images.decoding import read_image_file, to_rgb_image
from fractalgen.pool import Progress, ThreadTeam
from fractalgen.registry import first_few
from fractalgen.training.datasets.data_set import DataSet, Defaults, ImageData

__all__ = ["FOLDERS", "FolderImages", "class_folders", "images_of_classes"]

# ImageNet's statistics, which pretrained networks expect.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)

_CROP_AREA = (0.08, 1.0)
_CROP_ASPECT = (3 / 4, 4 / 3)
_CROP_ATTEMPTS = 10


class FolderImages:
    """Labelled images that are decoded on demand, at `size` pixels a side.

    `names` are paths within `folder`. With `whole`, tests use whole square images instead of their
    central seven eighths.
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
        # An array, because the reference counts of a million strings would make every worker
        # process copy their memory.
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
        """Return the centres of images, see `testing_view`; RunError names an unreadable image."""

        def view(data: bytes, _: int) -> NDArray[np.uint8]:
            return testing_view(to_rgb_image(data), self._size, self._shorter_side)

        return self._read(view, indices)

    def for_training(
        self, indices: Sequence[int] | NDArray[np.int64], seeds: Sequence[int]
    ) -> NDArray[np.uint8]:
        """Return random crops, see `training_view`; RunError names an unreadable image."""

        def view(data: bytes, place: int) -> NDArray[np.uint8]:
            return training_view(data, self._size, seeds[place])

        return self._read(view, indices)

    def _read(
        self,
        view: Callable[[bytes, int], NDArray[np.uint8]],
        indices: Sequence[int] | NDArray[np.int64],
    ) -> NDArray[np.uint8]:
        """Fill a batch on several threads, or on one in a worker process.

        `view` takes an image file's contents and the image's place in the batch.
        """
        out = np.empty((len(indices), self._size, self._size, 3), np.uint8)

        def fill(start: int, stop: int) -> None:
            for place in range(start, stop):
                path = self.path(indices[place])
                try:
                    out[place] = view(read_image_file(path), place)
                except ImageError as error:
                    raise RunError(f"cannot use {path}: {error}. Repair or remove it.") from None

        self._team.run(fill, len(indices))
        return out

    def path(self, index: int | np.int64) -> Path:
        """Return an image's path."""
        return self._folder / os.fsdecode(self._names[index])

    def __len__(self) -> int:
        return len(self._names)


def _load(
    data_set: DataSet, folder: Path, size: int, progress: Progress | None = None
) -> ImageData:
    """Open a data set of two folders, ``train`` and ``val``, with a folder for each class in both.

    Without ``train`` there are no training images, and the classes are those of ``val``. No image
    is read yet. RunError if ``val`` is missing, a folder is empty, or the classes differ.
    """
    train, val = folder / "train", folder / "val"
    parts = [train, val] if train.exists() else [val]
    for part in parts:
        if not part.is_dir():
            raise RunError(
                f"{part} is not a folder; the data set needs {val}, and for training {train}, "
                "with a folder of images for each class"
            )
    classes = class_folders(parts[0])
    if len(classes) < 2:
        raise RunError(f"{parts[0]} has only one class, '{classes[0]}'; there must be at least two")
    unknown = [name for name in class_folders(val) if name not in set(classes)]
    if unknown:
        raise RunError(f"{val} has classes that {train} does not have: {first_few(unknown)}")
    found = {part: images_of_classes(part, classes, size) for part in parts}
    for place, images in found.items():
        present = np.bincount(images.labels, minlength=len(classes)) > 0
        empty = [name for name, has in zip(classes, present, strict=True) if not has]
        if empty:
            raise RunError(f"{place} has no images of these classes: {first_few(empty)}")
    training = found.get(train, FolderImages(train, (), np.zeros(0, np.int64), size))
    return ImageData(data_set.name, training, found[val], classes, size, _MEAN, _STD)


def class_folders(folder: Path) -> tuple[str, ...]:
    """Return the sorted names of the visible folders in a folder; RunError if it has none."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")
            )
    except OSError as error:
        raise RunError(f"cannot read {folder}: {error.strerror or error}") from None
    if not names:
        raise RunError(f"{folder} has no folders in it; use one folder of images per class")
    return tuple(names)


def images_of_classes(
    folder: Path, classes: Sequence[str], size: int, *, whole: bool = False
) -> FolderImages:
    """Find the images in the folders of some classes; RunError if there are none.

    An image's label is its folder's place among `classes`. See `FolderImages` for the rest.
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


def shorter_side(size: int) -> int:
    """Return the shorter side to resize to before the centre of `size` pixels is cropped.

    256 for 224 pixels, and proportional for other sizes.
    """
    return round(size * 256 / 224)


def testing_view(image: Image.Image, size: int, shorter: int) -> NDArray[np.uint8]:
    """Resize an image until its shorter side has `shorter` pixels, and crop the centre.

    Filter and rounding are those of torchvision's `Resize` and `CenterCrop`: bilinear, with
    antialiasing.
    """
    longer = shorter * max(image.size) // min(image.size)
    width, height = (shorter, longer) if image.width <= image.height else (longer, shorter)
    # Only the centre of the resized image is computed.
    left, top = round((width - size) / 2), round((height - size) / 2)
    across, down = image.width / width, image.height / height
    box = (left * across, top * down, (left + size) * across, (top + size) * down)
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box))


def training_view(data: bytes, size: int, seed: int) -> NDArray[np.uint8]:
    """Crop a random area and shape of an image file, resize it, and mirror it half of the time.

    The area is uniform from 8% to 100% of the image's, and the aspect ratio is log-uniform between
    3/4 and 4/3. A crop that does not fit is drawn again; after ten attempts the largest central
    crop of an allowed shape is used. Source: Szegedy et al., "Going deeper with convolutions", CVPR
    2015. Raises ImageError.
    """
    from torch.nn.functional import interpolate

    from fractalgen.torch.datasets import level_tensor

    mirrored = False

    def choose(width: int, height: int) -> Box:
        nonlocal mirrored
        rng = np.random.Generator(np.random.PCG64(seed))
        box = _random_box(width, height, rng)
        mirrored = bool(rng.random() < 0.5)
        return box

    part = level_tensor(np.asarray(part_of(data, choose, size))[None])
    resized = interpolate(part, (size, size), mode="bilinear", antialias=True)
    pixels = resized[0].permute(1, 2, 0)
    # NumPy takes as long to copy mirrored pixels as to resize them.
    view: NDArray[np.uint8] = (pixels.flip(1) if mirrored else pixels).numpy()
    return view


def _random_box(width: int, height: int, rng: np.random.Generator) -> Box:
    """Return left, top, right and bottom."""
    for _ in range(_CROP_ATTEMPTS):
        area = width * height * rng.uniform(*_CROP_AREA)
        aspect = math.exp(rng.uniform(math.log(_CROP_ASPECT[0]), math.log(_CROP_ASPECT[1])))
        wide, high = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < wide <= width and 0 < high <= height:
            left = int(rng.integers(width - wide + 1))
            top = int(rng.integers(height - high + 1))
            return left, top, left + wide, top + high
    wide = min(width, max(1, round(height * _CROP_ASPECT[1])))
    high = min(height, max(1, round(width / _CROP_ASPECT[0])))
    left, top = (width - wide) // 2, (height - high) // 2
    return left, top, left + wide, top + high


# ImageNet's settings. All recipes start from a pretrained network, which must be set by `weights`.
_MIXING: Mapping[str, Mapping[str, Any]] = {
    "ipmix": {"beta": 4.0, "severity": 1.0, "patch_sizes": "imagenet"},
    "pixmix": {"beta": 4.0, "severity": 1.0},
    "prime": {"max_frequency": 500, "bandwidth": 20, "temperature": 0.05, "max_modes": 500},
    "cutmix": {"p": 1.0},
    "autoaugment": {"policy": "imagenet"},
}
_PAPER = Defaults(
    "resnet-50",
    epochs=180,
    batch_size=256,
    learning_rate=0.01,
    weight_decay=1e-4,
    method_options=_MIXING,
)

FOLDERS = DataSet(
    name="folder",
    load=_load,
    image_size=224,
    recipes={
        "paper": _PAPER,
        "official": dataclasses.replace(_PAPER, batch_size=128),
        "fractalgen": dataclasses.replace(_PAPER, batch_size=128, average=0.995),
    },
)
"""A user's folder, named as ``folder:DIR``."""
