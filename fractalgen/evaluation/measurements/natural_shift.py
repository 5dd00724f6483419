"""The error on images of some of the classes from elsewhere."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import RunError
from fractalgen.evaluation.evaluated_model import EvaluatedModel, Predictions, batches_of
from fractalgen.evaluation.measurements.measurement import (
    Entry,
    Figure,
    Measured,
    Measurement,
    Options,
    Section,
    count_of,
    folder_names,
    option,
)
from fractalgen.evaluation.metrics.calibration import rms_calibration_error

if TYPE_CHECKING:
    from fractalgen.training.datasets.folders import FolderImages

__all__ = [
    "NaturalShift",
    "NaturalShiftEntry",
    "NaturalShiftOptions",
    "SubsetFolder",
    "read_subset",
]


@dataclass(frozen=True)
class NaturalShiftOptions(Options):
    """Folders of images from elsewhere."""

    natural_shift: tuple[Path, ...] = option(
        (),
        "Folder of images of some of the classes under natural distribution shift, such as "
        "ImageNet-R or ImageNet-A. Can be repeated.",
        metavar="DIR",
    )


@dataclass(frozen=True)
class NaturalShiftEntry(Entry):
    """The figures on `n` images of one folder, among the `n_classes` classes that it has."""

    error: float
    rms_calibration_error: float
    n_classes: int
    n: int


class NaturalShift(Measurement[NaturalShiftOptions, NaturalShiftEntry]):
    """Measures each folder."""

    key = "natural-shift"
    options = NaturalShiftOptions
    entry = NaturalShiftEntry

    def plan(
        self, model: EvaluatedModel, options: NaturalShiftOptions
    ) -> Sequence[Callable[[], Measured]]:
        """List the images of each folder."""
        runs = []
        names = folder_names(options.natural_shift)
        for path, name in zip(options.natural_shift, names, strict=True):
            folder = read_subset(
                path, model.data.classes, model.data.size, whole=model.sees_whole_images
            )
            runs.append(functools.partial(self._measure, model, name, folder))
        return runs

    def _measure(self, model: EvaluatedModel, source: str, folder: SubsetFolder) -> Measured:
        chosen = model.chosen(len(folder.images))
        batches = batches_of(folder.images, model.batch_size, chosen)
        logits = model.logits(batches, source, len(chosen))
        predictions = Predictions.of(folder.restricted(logits), folder.images.labels[chosen])
        entry = NaturalShiftEntry(
            source=source,
            error=predictions.error,
            rms_calibration_error=rms_calibration_error(
                predictions.confidence, predictions.correct
            ),
            n_classes=len(folder.subset),
            n=len(chosen),
        )
        return Measured(entry)

    def section(self, entry: NaturalShiftEntry, n_test: int) -> Section:
        """Return the error and the calibration error."""
        figures = (
            Figure("error", "error", entry.error, "Wrong predictions on images from elsewhere."),
            Figure("rms_calibration_error", "RMS calibration error", entry.rms_calibration_error),
        )
        return Section(
            f"Natural shift, {entry.source}",
            f"{count_of(entry.n, 'image')} of {count_of(entry.n_classes, 'class', 'classes')}",
            figures,
        )


@dataclass(frozen=True)
class SubsetFolder:
    """A folder's images, and the run's classes that it has (`subset`, rising).

    The labels of `images` count within the subset.
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

    The folders have the names of `classes`, ImageNet's the WordNet ids; others are ignored. With
    `whole`, all of a square image is shown, as small images are tested, and otherwise the middle
    seven eighths of it. RunError if there is no image of any of the classes.
    """
    from fractalgen.registry import first_few
    from fractalgen.training.datasets.folders import class_folders, images_of_classes

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
