"""The error on corrupted images, generated or published."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import ArgumentError
from fractalgen.evaluation.corruptions import SEVERITIES, Corruption
from fractalgen.evaluation.corruptions.generated import GENERATE, SUITES, GeneratedCorruption
from fractalgen.evaluation.corruptions.published import read_corruptions
from fractalgen.evaluation.evaluated_model import (
    EvaluatedModel,
    Predictions,
)
from fractalgen.evaluation.measurements.measurement import (
    NONE,
    Entry,
    Figure,
    Measured,
    Measurement,
    Options,
    Section,
    count_of,
    detail_figures,
    folder_names,
    of_test_images,
    option,
    spelled_out,
)
from fractalgen.evaluation.metrics.calibration import rms_calibration_error
from fractalgen.evaluation.metrics.classification import (
    ALEXNET_CORRUPTION_ERRORS,
    mean_corruption_error,
    normalized_corruption_error,
)

__all__ = ["CorruptionEntry", "CorruptionOptions", "Corruptions"]

_N_IMAGENET_CLASSES = 1000
_IMAGENET_SIZE = 224
_SHOWN_SEVERITY = 3


@dataclass(frozen=True)
class CorruptionOptions(Options):
    """Sources of corrupted images."""

    corruptions: tuple[str, ...] = option(
        (GENERATE,),
        "Corrupted images: 'generate' makes the fifteen common corruptions at five severities, as "
        "strong as published for images of this size; 'cbar' makes C-bar's ten, which "
        "are unlike those; DIR is a folder like CIFAR-C, C-bar or ImageNet-C. Can be repeated.",
        metavar="|".join((*SUITES, "DIR", NONE)),
    )


@dataclass(frozen=True)
class CorruptionEntry(Entry):
    """The figures for one source of corrupted test images.

    Attributes
    ----------
    errors : dict of str to tuple of 5 floats
        The errors at severities 1 to 5, by corruption.
    mean_error : float
        Their unweighted mean.
    normalized_error : float or None
        Mean over corruptions of the error relative to AlexNet's; only for ImageNet.
    rms_calibration_error : float
        Over all corrupted images.
    n : int
        Number of images per corruption and severity.
    """

    errors: dict[str, tuple[float, ...]]
    mean_error: float
    normalized_error: float | None
    rms_calibration_error: float
    n: int

    def __post_init__(self) -> None:
        if not self.errors or not all(self.errors.values()):
            raise ArgumentError("a corruption has no errors")


class Corruptions(Measurement[CorruptionOptions, CorruptionEntry]):
    """Measures each suite and each published folder."""

    key = "corruptions"
    options = CorruptionOptions
    entry = CorruptionEntry
    template = "corruptions.html"

    def plan(
        self, model: EvaluatedModel, options: CorruptionOptions
    ) -> Sequence[Callable[[], Measured]]:
        """Try each suite on one image, and check each folder."""
        sources = [source for source in options.corruptions if source != NONE]
        folders = [source for source in sources if source not in SUITES]
        data = model.data
        taken = [suite.at(data.size).source_at(data.size) for suite in SUITES.values()]
        names = dict(zip(folders, folder_names(folders, taken), strict=True))
        runs = []
        for source in sources:
            corruptions: Sequence[Corruption]
            if source in SUITES:
                suite, test = SUITES[source].at(data.size), data.test
                blank = np.zeros((1, 32, 32, 3), np.uint8)
                suite.corrupt(blank, np.arange(1), suite.names[0], 1, 0)
                given = (data.name, test, model.indices, model.seed, model.progress)
                corruptions = [GeneratedCorruption(suite, name, *given) for name in suite.names]
                called = suite.source_at(data.size)
            else:
                corruptions = read_corruptions(
                    Path(source), data.test.labels, data.size, data.classes, model.subset
                )
                called = names[source]
            runs.append(functools.partial(self._measure, model, called, corruptions))
        return runs

    def _measure(
        self, model: EvaluatedModel, source: str, corruptions: Sequence[Corruption]
    ) -> Measured:
        images: dict[str, NDArray[np.uint8]] = {}
        predictions = {each.name: _predict(model, each, images) for each in corruptions}
        errors = {
            name: tuple(float(np.mean(~part)) for part in np.split(found.correct, len(SEVERITIES)))
            for name, found in predictions.items()
        }
        comparable = _comparable_with_alexnet(errors, model)
        entry = CorruptionEntry(
            source=source,
            errors=errors,
            mean_error=mean_corruption_error(errors),
            normalized_error=normalized_corruption_error(errors) if comparable else None,
            rms_calibration_error=rms_calibration_error(
                np.concatenate([found.confidence for found in predictions.values()]),
                np.concatenate([found.correct for found in predictions.values()]),
            ),
            n=len(corruptions[-1]) // len(SEVERITIES),
        )
        return Measured(entry, images)

    def section(self, entry: CorruptionEntry, n_test: int) -> Section:
        """Return the mean errors and the calibration error, with each corruption as a detail."""
        figures = [
            Figure(
                "mean_error",
                "mean corruption error",
                entry.mean_error,
                "Share of wrong predictions on corrupted images, averaged over corruptions and "
                "severities.",
                main=True,
            )
        ]
        if entry.normalized_error is not None:
            figures.append(
                Figure(
                    "normalized_error",
                    "mean corruption error, AlexNet 100%",
                    entry.normalized_error,
                    "The same relative to AlexNet's errors, as usual for ImageNet-C.",
                )
            )
        figures.append(
            Figure(
                "rms_calibration_error",
                "RMS calibration error",
                entry.rms_calibration_error,
                "As above, over all corrupted images.",
            )
        )
        means = {name: sum(errors) / len(errors) for name, errors in entry.errors.items()}
        n_severities = max((len(errors) for errors in entry.errors.values()), default=0)
        return Section(
            f"Corruptions, {entry.source}",
            f"{of_test_images(entry.n, n_test)}, {count_of(len(entry.errors), 'kind')}, "
            f"{count_of(n_severities, 'severity', 'severities')}",
            (*figures, *detail_figures(means)),
        )

    def distributions(self, options: CorruptionOptions) -> tuple[str, ...]:
        """Return the distributions that the suites depend on."""
        suites = [SUITES[source] for source in options.corruptions if source in SUITES]
        return tuple(name for suite in suites for name in suite.distributions)


def _comparable_with_alexnet(errors: Iterable[str], model: EvaluatedModel) -> bool:
    """Whether classes, size and corruptions are those of ImageNet-C."""
    classes = model.data.classes
    return (
        set(errors) == set(ALEXNET_CORRUPTION_ERRORS)
        and model.data.size == _IMAGENET_SIZE
        and len(classes) == _N_IMAGENET_CLASSES
        and all(re.fullmatch(r"n\d{8}", name) for name in classes)
    )


def _predict(
    model: EvaluatedModel, corruption: Corruption, images: dict[str, NDArray[np.uint8]]
) -> Predictions:
    """Predict the classes of all images of a corruption; add a sample to `images`."""
    labels: list[NDArray[np.int64]] = []
    place = len(corruption) // len(SEVERITIES) * (_SHOWN_SEVERITY - 1)

    def batches() -> Iterator[NDArray[np.uint8]]:
        done = 0
        for batch, their_labels in corruption.batches(model.batch_size):
            labels.append(their_labels)
            if done <= place < done + len(batch):
                images[corruption.name] = np.array(batch[place - done])
            done += len(batch)
            yield batch

    logits = model.logits(batches(), spelled_out(corruption.name), len(corruption))
    return Predictions.of(logits, np.concatenate(labels))
