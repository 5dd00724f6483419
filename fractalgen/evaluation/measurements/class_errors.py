"""The error on each class, and which classes are mistaken for which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fractalgen.evaluation.evaluated_model import EvaluatedModel
from fractalgen.evaluation.measurements.measurement import (
    Entry,
    Figure,
    Measured,
    Measurement,
    Options,
    Section,
    count_of,
)

__all__ = ["ClassErrors", "ClassErrorsEntry", "Confusion"]

_MAX_MATRIX_CLASSES = 100
_MAX_PAIRS = 20


@dataclass(frozen=True)
class Confusion:
    """How many test images of one class are predicted as another."""

    label: str
    prediction: str
    n: int


@dataclass(frozen=True)
class ClassErrorsEntry(Entry):
    """The figures by class, on all test images.

    Attributes
    ----------
    errors : dict of str to float
        Share of wrong predictions among the images of each class that has some.
    n_classes : int
        Number of classes, including those without images.
    confusion : dict of str to tuple of int
        Number of images of a class by prediction; empty above 100 classes.
    mistakes : tuple of Confusion
        The 20 most frequent mistakes, the most frequent first.
    """

    errors: dict[str, float]
    n_classes: int
    confusion: dict[str, tuple[int, ...]]
    mistakes: tuple[Confusion, ...]


class ClassErrors(Measurement[Options, ClassErrorsEntry]):
    """Always measured, on all test images."""

    key = "classes"
    options = Options
    entry = ClassErrorsEntry
    template = "class_errors.html"

    def plan(self, model: EvaluatedModel, options: Options) -> Sequence[Callable[[], Measured]]:
        """Plan one run."""
        return [lambda: self._measure(model)]

    def _measure(self, model: EvaluatedModel) -> Measured:
        names = model.data.classes
        matrix = _confusion(model.clean.labels, model.clean.classes, len(names))
        counts = matrix.sum(axis=1)
        right = np.diag(matrix)
        wrong = matrix - np.diag(right)
        order = np.argsort(-wrong, axis=None, kind="stable")[:_MAX_PAIRS]
        pairs = [divmod(int(place), len(names)) for place in order]
        shown = names if len(names) <= _MAX_MATRIX_CLASSES else ()
        entry = ClassErrorsEntry(
            errors={
                name: float(1 - right[label] / counts[label])
                for label, name in enumerate(names)
                if counts[label]
            },
            n_classes=len(names),
            confusion={name: tuple(row) for name, row in zip(shown, matrix.tolist(), strict=False)},
            mistakes=tuple(
                Confusion(names[label], names[found], int(wrong[label, found]))
                for label, found in pairs
                if wrong[label, found]
            ),
        )
        return Measured(entry)

    def section(self, entry: ClassErrorsEntry, n_test: int) -> Section:
        """Return the worst class, with each class as a detail."""
        worst = max(entry.errors, key=lambda name: entry.errors[name])
        figures = (
            Figure(
                "worst_class", "error on the worst class", entry.errors[worst], f"That of {worst}."
            ),
            *(
                Figure(f"class {name}", name, error, detail=True)
                for name, error in entry.errors.items()
            ),
        )
        return Section("Classes", count_of(entry.n_classes, "class", "classes"), figures)


def _confusion(
    labels: NDArray[np.int64], predictions: NDArray[np.int64], n_classes: int
) -> NDArray[np.int64]:
    """Count the images by label (row) and prediction (column)."""
    places = labels * n_classes + predictions
    return np.bincount(places, minlength=n_classes**2).reshape(n_classes, n_classes)
