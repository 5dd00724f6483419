"""The error on images of some of the classes from elsewhere."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fractalgen.evaluation.evaluated_model import EvaluatedModel, Predictions, batches_of
from fractalgen.evaluation.measurements.measurement import (
    Entry,
    Figure,
    Measured,
    Measurement,
    Options,
    Section,
    option,
)
from fractalgen.evaluation.measurements.sources import folder_names
from fractalgen.evaluation.metrics.calibration import rms_calibration_error
from fractalgen.evaluation.wording import count_of

if TYPE_CHECKING:
    from fractalgen.evaluation.subset_folders import SubsetFolder

__all__ = ["NaturalShift", "NaturalShiftEntry", "NaturalShiftOptions"]


@dataclass(frozen=True)
class NaturalShiftOptions(Options):
    """Folders of images from elsewhere."""

    natural_shift: tuple[Path, ...] = option(
        (),
        "Images of some of the classes from elsewhere, such as ImageNet-R or ImageNet-A; can be "
        "given several times.",
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
        from fractalgen.evaluation.subset_folders import read_subset

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
