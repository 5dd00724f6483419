"""Folders of images for some of a run's classes, such as ImageNet-R, ImageNet-A or ImageNet-O."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import RunError
from fractalgen.mixing_set.layout import first_few
from fractalgen.training.datasets.folders import (
    FolderImages,
    class_folders,
    images_of_classes,
)

__all__ = ["SubsetFolder", "read_subset"]


@dataclass(frozen=True)
class SubsetFolder:
    """A folder's images, and which of the run's classes it has.

    Attributes
    ----------
    subset : ndarray of int64, shape (m,)
        The run's classes that have a folder, rising; such as ImageNet-R's 200 of ImageNet's 1,000.
    images : FolderImages
        Their labels count within the subset, from 0 to m - 1.
    """

    subset: NDArray[np.int64]
    images: FolderImages

    def restricted(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Keep the outputs for the subset, (n, m) of (n, classes), so no other can be predicted.

        Errors on such folders are published this way. Source: Hendrycks et al., "Natural
        adversarial examples", CVPR 2021.
        """
        return logits[:, self.subset]

    def of_subset(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the indices of the run's labels that are in the subset, rising."""
        return np.flatnonzero(np.isin(labels, self.subset))


def read_subset(
    folder: Path, classes: tuple[str, ...], size: int, *, whole: bool = False
) -> SubsetFolder:
    """Open a folder that has a folder of images for each of some classes; no image is read yet.

    Parameters
    ----------
    classes : tuple of str
        The run's, by label; the folders have the same names, ImageNet's the WordNet ids. Folders
        of other names are ignored.
    size : int
        Pixels a side at which the images are read.
    whole : bool
        Show all of a square image, as small images are tested; otherwise the middle seven eighths
        of it, as images of a folder are.

    Raises
    ------
    RunError
        If there is no folder for any of the classes, or no image in them.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise RunError(f"{folder} {what}; give one with a folder of images for each class")
    present = class_folders(folder)
    subset = [label for label, name in enumerate(classes) if name in set(present)]
    if not subset:
        raise RunError(
            f"no folder in {folder} has the name of a class of this run; it has "
            f"{first_few(list(present))}, and the classes are {first_few(list(classes))}"
        )
    images = images_of_classes(folder, [classes[label] for label in subset], size, whole=whole)
    return SubsetFolder(np.array(subset, np.int64), images)
