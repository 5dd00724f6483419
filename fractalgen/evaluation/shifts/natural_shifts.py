"""Images of some of a run's classes from elsewhere: renditions, natural adversarial examples."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import RunError
from fractalgen.registry import first_few
from fractalgen.training.datasets.folders import (
    FolderImages,
    class_folders,
    images_of_classes,
)

__all__ = ["NaturalShift", "of_classes", "read_shift", "restricted"]


@dataclass(frozen=True)
class NaturalShift:
    """A folder's images, and which of the run's classes it has.

    Attributes
    ----------
    subset : ndarray of int64, shape (m,)
        The run's classes that have a folder, rising; such as ImageNet-R's 200 of ImageNet's 1,000.
    images : FolderImages
        With labels among the subset, from 0 to m - 1.
    left_out : tuple of str
        Folders of classes that the run has not; their images are not among `images`.
    """

    subset: NDArray[np.int64]
    images: FolderImages
    left_out: tuple[str, ...]

    @property
    def labels(self) -> NDArray[np.int64]:
        """The images' classes among the subset, shape (n,)."""
        return self.images.labels


def read_shift(
    folder: Path, classes: tuple[str, ...], size: int, *, whole: bool = False
) -> NaturalShift:
    """Open a folder with a folder of images for each of some classes; no image is read yet.

    Of ImageNet-O the images are of none of the classes, and the folders' names say which
    classes take part: take its `subset` and `images`, and compare with `of_classes`.

    Parameters
    ----------
    folder : Path
        Such as ImageNet-R, ImageNet-A or ImageNet-Sketch.
    classes : tuple of str
        The run's, by label; the folders are named as they are, ImageNet's by WordNet id.
    size : int
        Side in pixels at which the images are read.
    whole : bool
        Show all of a square image, as in the tests of small images; otherwise the middle seven
        eighths of it, as in those of a folder.

    Raises
    ------
    RunError
        If `folder` has no folder of any of the classes, or no images in them.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise RunError(f"{folder} {what}; give one with a folder of images for each class")
    present = class_folders(folder)
    found = set(present) & set(classes)
    subset = [label for label, name in enumerate(classes) if name in found]
    if not subset:
        raise RunError(
            f"no folder in {folder} is named as a class of this run; it has "
            f"{first_few(list(present))}, and the classes are {first_few(list(classes))}"
        )
    names = [classes[label] for label in subset]
    images = images_of_classes(folder, names, size, whole=whole)
    left_out = tuple(name for name in present if name not in found)
    return NaturalShift(np.array(subset, np.int64), images, left_out)


def restricted(logits: NDArray[Any], subset: NDArray[np.int64]) -> NDArray[Any]:
    """Keep the outputs of some classes, so that no other can be predicted.

    This is how the error on such folders is published. Source: Hendrycks et al., "Natural
    adversarial examples", CVPR 2021.

    Parameters
    ----------
    logits : ndarray, shape (n, classes)
        For all of the run's classes.
    subset : ndarray of int64, shape (m,)
        Classes.

    Returns
    -------
    ndarray, shape (n, m)
    """
    return logits[:, subset]


def of_classes(labels: NDArray[np.int64], subset: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which images are of some classes: of ImageNet-O's, the known ones.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
        The run's test labels.
    subset : ndarray of int64, shape (m,)
        Classes.

    Returns
    -------
    ndarray of int64
        Indices into `labels`, rising; possibly none.
    """
    return np.flatnonzero(np.isin(labels, subset))
