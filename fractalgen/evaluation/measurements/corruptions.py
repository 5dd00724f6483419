"""The error on corrupted images, made here or published."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import ArgumentError
from fractalgen.evaluation.corruptions import SEVERITIES, Suite
from fractalgen.evaluation.corruptions.generated import (
    GENERATE,
    SUITES,
    corrupted_cached,
    corrupted_parts,
)
from fractalgen.evaluation.corruptions.published import PublishedCorruption, read_corruptions
from fractalgen.evaluation.evaluated_model import (
    EvaluatedModel,
    Predictions,
    batches_of,
    rebatched,
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

_MAX_CACHED_BYTES = 8 << 30
"""What one data set may take on disk; larger ones are made again each time."""

_N_IMAGENET_CLASSES = 1000
_IMAGENET_SIZE = 224
_SHOWN_SEVERITY = 3

_Images = dict[str, NDArray[np.uint8]]


@dataclass(frozen=True)
class CorruptionOptions(Options):
    """Where corrupted images come from."""

    corruptions: tuple[str, ...] = option(
        (GENERATE,),
        "Make ImageNet-C's fifteen corruptions at five severities, or read a published folder "
        "(CIFAR-C, C-bar, ImageNet-C); can be given several times.",
        metavar="|".join((*SUITES, "DIR", NONE)),
    )


@dataclass(frozen=True)
class CorruptionEntry(Entry):
    """The figures on one source of corrupted test images.

    Attributes
    ----------
    errors : dict of str to tuple of 5 floats
        By corruption, the error at severities 1 to 5.
    mean_error : float
        Their plain mean.
    normalized_error : float or None
        Mean over corruptions of the error relative to AlexNet's; for ImageNet only.
    rms_calibration_error : float
        Over all corrupted images together.
    n : int
        Images of each corruption and severity.
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
        taken = [suite.source for suite in SUITES.values()]
        folders = [source for source in sources if source not in SUITES]
        names = dict(zip(folders, folder_names(folders, taken), strict=True))
        runs = []
        for source in sources:
            if source in SUITES:
                suite = SUITES[source]
                suite.corrupt(
                    np.zeros((1, 32, 32, 3), np.uint8), np.arange(1), suite.names[0], 1, 0
                )
                runs.append(
                    functools.partial(
                        self._measure,
                        model,
                        suite.source,
                        suite.names,
                        functools.partial(_generated, model, suite),
                    )
                )
            else:
                published = {
                    corruption.name: corruption
                    for corruption in read_corruptions(
                        Path(source),
                        model.data.test.labels,
                        model.data.size,
                        model.data.classes,
                        model.subset,
                    )
                }
                runs.append(
                    functools.partial(
                        self._measure,
                        model,
                        names[source],
                        tuple(published),
                        functools.partial(_published, model, published),
                    )
                )
        return runs

    def _measure(
        self,
        model: EvaluatedModel,
        source: str,
        corruptions: Iterable[str],
        predict: Callable[[str, _Images], Sequence[Predictions]],
    ) -> Measured:
        """Measure corruptions; `predict` returns the predictions at each severity of one."""
        images: _Images = {}
        predictions = {name: predict(name, images) for name in corruptions}
        errors = {
            name: tuple(part.error for part in by_severity)
            for name, by_severity in predictions.items()
        }
        together = Predictions.joined([part for parts in predictions.values() for part in parts])
        comparable = _comparable_with_alexnet(errors, model)
        entry = CorruptionEntry(
            source=source,
            errors=errors,
            mean_error=mean_corruption_error(errors),
            normalized_error=normalized_corruption_error(errors) if comparable else None,
            rms_calibration_error=rms_calibration_error(together.confidence, together.correct),
            n=len(list(predictions.values())[-1][0].labels),
        )
        return Measured(entry, images)

    def section(self, entry: CorruptionEntry, n_test: int) -> Section:
        """Return the mean errors and the calibration error, with each corruption as a detail."""
        figures = [
            Figure(
                "mean_error",
                "mean corruption error",
                entry.mean_error,
                "Wrong predictions on corrupted test images, averaged over corruptions and "
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
                    "The same relative to AlexNet's errors, as is customary for ImageNet-C.",
                )
            )
        figures.append(
            Figure(
                "rms_calibration_error",
                "RMS calibration error",
                entry.rms_calibration_error,
                "As above, over all the corrupted images.",
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
        """Return those of the suites."""
        suites = [SUITES[source] for source in options.corruptions if source in SUITES]
        return tuple(name for suite in suites for name in suite.distributions)


def _comparable_with_alexnet(errors: Iterable[str], model: EvaluatedModel) -> bool:
    """Whether the task is ImageNet's: the same classes, size and corruptions."""
    classes = model.data.classes
    return (
        set(errors) == set(ALEXNET_CORRUPTION_ERRORS)
        and model.data.size == _IMAGENET_SIZE
        and len(classes) == _N_IMAGENET_CLASSES
        and all(re.fullmatch(r"n\d{8}", name) for name in classes)
    )


def _generated(model: EvaluatedModel, suite: Suite, name: str, shown: _Images) -> list[Predictions]:
    """Corrupt the chosen test images, and predict their classes."""
    total = len(SEVERITIES) * len(model.indices)
    parts: list[list[Predictions]] = [[] for _ in SEVERITIES]
    done = 0
    for indices, images in model.chunks():
        batches = _corrupted_batches(model, suite, name, indices, images)
        batches = _keeping_one(batches, (_SHOWN_SEVERITY - 1) * len(indices), name, shown)
        logits = model.logits(batches, spelled_out(name), total, done)
        labels = model.data.test.labels[indices]
        for part, of_severity in zip(parts, np.split(logits, len(SEVERITIES)), strict=True):
            part.append(Predictions.of(of_severity, labels))
        done += len(logits)
    return [Predictions.joined(part) for part in parts]


def _corrupted_batches(
    model: EvaluatedModel,
    suite: Suite,
    name: str,
    indices: NDArray[np.int64],
    images: NDArray[np.uint8],
) -> Iterator[NDArray[np.uint8]]:
    """Yield the images at severity 1, then at severity 2, and so on."""
    n_images = len(model.indices) * len(SEVERITIES) * len(suite.names)
    if 3 * model.data.size**2 * n_images > _MAX_CACHED_BYTES:
        parts = corrupted_parts(suite, images, indices, name, model.seed)
        return rebatched(parts, model.batch_size)
    stacked = corrupted_cached(
        suite,
        model.data.name,
        images,
        indices,
        name,
        model.seed,
        progress=functools.partial(model.progress, f"making {spelled_out(name)}"),
        labels=model.data.test.labels[indices],
    )
    return batches_of(stacked.reshape(-1, *images.shape[1:]), model.batch_size)


def _published(
    model: EvaluatedModel,
    published: dict[str, PublishedCorruption],
    name: str,
    shown: _Images,
) -> list[Predictions]:
    """Predict the classes of published images; there may be more or fewer than test images."""
    total = None if model.subset is None else len(SEVERITIES) * len(model.indices)
    parts = []
    done = 0
    for severity in SEVERITIES:
        labels: list[NDArray[np.int64]] = []
        batches = _noting_labels(published[name].batches(severity, model.batch_size), labels)
        if severity == _SHOWN_SEVERITY:
            batches = _keeping_one(batches, 0, name, shown)
        logits = model.logits(batches, spelled_out(name), total, done)
        parts.append(Predictions.of(logits, np.concatenate(labels)))
        done += len(logits)
        total = len(SEVERITIES) * len(logits)
    return parts


def _noting_labels(
    batches: Iterable[tuple[NDArray[np.uint8], NDArray[np.int64]]],
    labels: list[NDArray[np.int64]],
) -> Iterator[NDArray[np.uint8]]:
    for images, their_labels in batches:
        labels.append(their_labels)
        yield images


def _keeping_one(
    batches: Iterable[NDArray[np.uint8]], at: int, name: str, shown: _Images
) -> Iterator[NDArray[np.uint8]]:
    """Pass batches on, and keep the image at a place unless one of that name was kept."""
    for batch in batches:
        if 0 <= at < len(batch):
            shown.setdefault(name, np.array(batch[at]))
        at -= len(batch)
        yield batch
