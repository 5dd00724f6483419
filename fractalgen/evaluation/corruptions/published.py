"""Reads CIFAR-10-C, CIFAR-10-C-bar and CIFAR-10-P as published: folders of arrays.

All files are checked before anything is measured.
"""

import tokenize
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import RunError
from fractalgen.evaluation.corruptions import DESCRIPTION, SEVERITIES, Corruption
from fractalgen.evaluation.corruptions.common import CORRUPTIONS
from fractalgen.evaluation.corruptions.image_folders import corruption_folders, read_image_folders
from fractalgen.evaluation.corruptions.perturbations import PERTURBATIONS

__all__ = [
    "CorruptionArray",
    "read_corruptions",
    "read_perturbations",
]

C_BAR: tuple[str, ...] = (
    "blue_noise_sample",
    "brownish_noise",
    "checkerboard_cutout",
    "inverse_sparkles",
    "pinch_and_twirl",
    "ripple",
    "circular_motion_blur",
    "lines",
    "sparkles",
    "transverse_chromatic_abberation",
)
"""The ten corruptions of CIFAR-10-C-bar, spelled like its files.

Source: Mintun, Kirillov and Xie, "On Interaction Between Augmentations and Corruptions in Natural
Corruption Robustness", NeurIPS 2021.
"""

IMAGENET_C_BAR: tuple[str, ...] = (
    "blue_noise_sample",
    "brownish_noise",
    "caustic_refraction",
    "checkerboard_cutout",
    "cocentric_sine_waves",
    "inverse_sparkles",
    "perlin_noise",
    "plasma_noise",
    "single_frequency_greyscale",
    "sparkles",
)
"""The ten corruptions of ImageNet-C-bar, spelled like its folders; CIFAR-10-C-bar has half."""

_LABELS = "labels"


@dataclass(frozen=True)
class CorruptionArray:
    """Images in an array (5, n, size, size, 3) with labels (5, n); only `indices` are read."""

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    indices: NDArray[np.int64]

    def __len__(self) -> int:
        return len(SEVERITIES) * len(self.indices)

    def batches(self, batch_size: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Yield images and labels; see `Corruption`."""
        for images, labels in zip(self.images, self.labels, strict=True):
            for start in range(0, len(self.indices), batch_size):
                some = self.indices[start : start + batch_size]
                yield np.asarray(images[some]), labels[some]


def read_corruptions(
    folder: Path,
    labels: NDArray[np.int64],
    size: int,
    classes: Sequence[str],
    indices: Sequence[int] | NDArray[np.int64] | None = None,
) -> tuple[Corruption, ...]:
    """Read a folder of corrupted test images.

    It has an ``.npy`` file for each corruption, uint8 of shape (5 n, size, size, 3) with severity 1
    first, and optionally ``labels.npy``, which must match the test set's `labels`; or folders of
    images like ImageNet-C. With `indices`, only these test images are read; a folder whose labels
    are those of just these images is read whole.

    Raises
    ------
    RunError
        If the folder, a file or a label does not have this format, or a corruption is missing.
    """
    _check_folder(folder)
    files = _arrays(folder)
    if not files:
        folders = corruption_folders(folder)
        requested = {name: folders[name] for name in _choose_names(folder, folders)}
        return read_image_folders(requested, size, classes, labels, indices)
    all_labels = _labels(folder / f"{_LABELS}.npy", labels, len(classes))
    found = []
    for name in _choose_names(folder, [name for name in files if name != _LABELS]):
        flat = _image_array(files[name], 4, size)
        if flat.shape[0] != all_labels.size:
            whose = f"{_LABELS}.npy has" if _LABELS in files else "5 severities of the test set are"
            raise RunError(
                f"{files[name]} has {flat.shape[0]} images, but {whose} {all_labels.size}; "
                "it must be an array (5 n, size, size, 3) of this data set's test images"
            )
        images = flat.reshape(len(SEVERITIES), -1, *flat.shape[1:])
        if indices is not None and _are_labels(all_labels, labels[np.asarray(indices)]):
            chosen = np.arange(images.shape[1])  # the folder has only the images to measure
        else:
            chosen = _chosen(files[name], images.shape[1], len(labels), indices)
        found.append(CorruptionArray(name, images, all_labels, chosen))
    return tuple(found)


def read_perturbations(
    folder: Path,
    size: int,
    n_test: int | None = None,
    indices: Sequence[int] | NDArray[np.int64] | None = None,
) -> dict[str, tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Read the ten perturbations of CIFAR-10-P from a folder of arrays.

    Each is an ``.npy`` file, uint8 of shape (n, frames, size, size, 3). Returns the arrays by name,
    with the indices to measure: `indices`, which require `n_test` sequences, or all. RunError if a
    file is missing or damaged.
    """
    _check_folder(folder)
    files = _arrays(folder)
    _refuse_missing(folder, PERTURBATIONS, files)
    found = {}
    for name in PERTURBATIONS:
        sequences = _image_array(files[name], 5, size)
        if sequences.shape[1] < 2:
            raise RunError(f"{files[name]} has one frame per sequence; at least two are needed")
        n = len(sequences)
        if not n:
            raise RunError(f"{files[name]} has no sequences; download it again")
        chosen = _chosen(files[name], n, n if n_test is None else n_test, indices)
        found[name] = (sequences, chosen)
    return found


def _choose_names(folder: Path, names: Collection[str]) -> tuple[str, ...]:
    """Return the corruptions to read: a published list if one fits, otherwise `names`."""
    lists = (CORRUPTIONS, C_BAR, IMAGENET_C_BAR)
    whole = [known for known in lists if set(known) <= set(names)]
    if whole:
        return whole[0]
    nearest = max(lists, key=lambda known: len(set(known) & set(names)))
    if set(nearest) & set(names):
        _refuse_missing(folder, nearest, names)
    if not names:
        raise RunError(
            f"{folder} holds no corrupted images; use a folder of .npy files such as "
            "CIFAR-10-C, or of folders such as ImageNet-C"
        )
    return tuple(sorted(names))


def _refuse_missing(folder: Path, wanted: Collection[str], names: Collection[str]) -> None:
    """Raise RunError if a folder that has `names` lacks some of `wanted`."""
    missing = [name for name in wanted if name not in names]
    if missing:
        way = "download all of it"
        if (folder / DESCRIPTION).is_file():
            way = "the same 'fractalgen corrupt' without --corruptions adds the others"
        raise RunError(
            f"{folder} lacks {', '.join(missing)}: {len(wanted) - len(missing)} of "
            f"{len(wanted)} are there; {way}"
        )


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise RunError(f"{folder} {what}; use a folder of published images")


def _arrays(folder: Path) -> dict[str, Path]:
    try:
        return {path.stem: path for path in sorted(folder.glob("*.npy")) if path.name[0] != "."}
    except OSError as error:
        raise RunError(f"{folder} cannot be read: {error.strerror or error}") from None


def _are_labels(by_severity: NDArray[np.int64], labels: NDArray[np.int64]) -> bool:
    return by_severity.shape[1] == len(labels) and bool(np.all(by_severity == labels))


def _chosen(
    path: Path, n: int, n_test: int, indices: Sequence[int] | NDArray[np.int64] | None
) -> NDArray[np.int64]:
    if indices is None:
        return np.arange(n)
    if n != n_test:
        raise RunError(
            f"{path} has {n} images, but the test set has {n_test}, so no subset can be selected; "
            "evaluate without --limit"
        )
    return np.asarray(indices, np.int64)


def _labels(path: Path, labels: NDArray[np.int64], n_classes: int) -> NDArray[np.int64]:
    """Return labels (5, n): the file's, else the test set's."""
    if not path.exists():
        return np.tile(np.asarray(labels, np.int64), (len(SEVERITIES), 1))
    array = _open_array(path)
    counted = array.ndim == 1 and len(array) > 0 and len(array) % len(SEVERITIES) == 0
    if not counted or array.dtype.kind not in "iu":
        raise RunError(
            f"{path} has dtype {array.dtype} and shape {array.shape}; labels must be integers, one "
            "for each image at each of 5 severities"
        )
    read = np.asarray(array, np.int64)
    if read.min() < 0 or read.max() >= n_classes:
        raise RunError(
            f"{path} has labels from {read.min()} to {read.max()}, but the data set has "
            f"{n_classes} classes; it belongs to another data set"
        )
    by_severity = read.reshape(len(SEVERITIES), -1)
    if by_severity.shape[1] == len(labels) and np.any(by_severity != labels):
        raise RunError(
            f"{path} differs from the labels of the test set; it belongs to another data set, or "
            "its images are in a different order"
        )
    return by_severity


def _open_array(path: Path) -> NDArray[Any]:
    """Map a plain array into memory, read-only, without unpickling anything."""
    problem = "it is not an array"
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(array, np.ndarray):
            return array
        array.close()
    except OSError as error:
        problem = error.strerror or str(error)
    except (ValueError, EOFError, SyntaxError, TypeError, OverflowError, tokenize.TokenError):
        problem = "it is truncated, damaged, or not a plain array"
    raise RunError(f"{path} cannot be read: {problem}; download it again")


def _image_array(path: Path, ndim: int, size: int) -> NDArray[np.uint8]:
    """Map images or, with `ndim` 5, sequences of images into memory, read-only."""
    array = _open_array(path)
    if array.dtype != np.uint8 or array.ndim != ndim or array.shape[-1] != 3:
        letters = "n" if ndim == 4 else "n, frames"
        raise RunError(
            f"{path} has dtype {array.dtype} and shape {array.shape}; published images are "
            f"uint8 of shape ({letters}, size, size, 3)"
        )
    if array.shape[-3:-1] != (size, size):
        raise RunError(
            f"{path} has images of {array.shape[-2]} x {array.shape[-3]} pixels, and the network "
            f"was trained with {size} x {size}; use those of this data set"
        )
    return array
