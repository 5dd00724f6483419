"""The error on corrupted images, made here or published."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractalgen.evaluation.metrics.calibration import rms_calibration_error
from fractalgen.evaluation.metrics.classification import (
    ALEXNET_CORRUPTION_ERRORS,
    error_rate,
    mean_corruption_error,
    normalized_corruption_error,
)
from fractalgen.evaluation.options import GENERATE, EvaluationOptions, names_of_sources
from fractalgen.evaluation.predictions import batches_of, rebatched
from fractalgen.evaluation.results import CorruptionResult, Results, with_entry
from fractalgen.evaluation.shifts.corruptions import CORRUPTIONS, SEVERITIES
from fractalgen.evaluation.shifts.generated import corrupted, corrupted_cached
from fractalgen.evaluation.shifts.processes import corrupted_parts
from fractalgen.evaluation.shifts.published import PublishedCorruption, read_corruptions
from fractalgen.evaluation.subject import Answers, Part, Progress, Subject, counted

__all__ = ["corruption_parts"]

_MOST_CACHED_BYTES = 8 << 30
"""Of one data set on disk; what would be more is made anew each time."""

_N_IMAGENET_CLASSES = 1000
_IMAGENET_SIZE = 224
_SHOWN_SEVERITY = 3

_Shown = dict[str, NDArray[np.uint8]]


class _Kind(NamedTuple):
    """A corruption, and what gives the answers at each of its severities."""

    name: str
    answers: Callable[[Progress], Sequence[Answers]]


def corruption_parts(
    subject: Subject, options: EvaluationOptions, shown: dict[str, _Shown]
) -> list[Part]:
    """Plan a part for each source of corrupted images.

    Parameters
    ----------
    shown : dict
        Gets, by source and then by corruption, one image at severity 3 when that is measured,
        uint8 of shape (1, size, size, 3).

    Raises
    ------
    RunError
        If a folder does not hold what it should, or what makes the images cannot be imported.
    """
    parts: list[Part] = []
    sources = options.corruption_sources
    for source, called in zip(sources, names_of_sources(sources), strict=True):
        own = shown.setdefault(called, {})
        if source == GENERATE:
            _try_library()
            kinds = [
                _Kind(name, functools.partial(_generated, subject, name, own))
                for name in CORRUPTIONS
            ]
        else:
            kinds = [
                _Kind(corruption.name, functools.partial(_published, subject, corruption, own))
                for corruption in read_corruptions(
                    Path(source),
                    subject.data.test.labels,
                    subject.data.size,
                    subject.data.classes,
                    subject.indices if subject.is_part else None,
                )
            ]
        parts.append(functools.partial(_measured, called, kinds, subject))
    return parts


def _try_library() -> None:
    """Fail now, and not after hours, where corruptions cannot be made."""
    corrupted(np.zeros((1, 32, 32, 3), np.uint8), [0], "brightness", 1, 0)


def _measured(
    source: str, kinds: Iterable[_Kind], subject: Subject, results: Results, progress: Progress
) -> Results:
    errors: dict[str, tuple[float, ...]] = {}
    confidence, correct = [], []
    n = 0
    for kind in kinds:
        by_severity = kind.answers(progress)
        errors[kind.name] = tuple(
            error_rate(answers.predictions, answers.labels) for answers in by_severity
        )
        confidence += [answers.confidence for answers in by_severity]
        correct += [answers.correct for answers in by_severity]
        n = len(by_severity[0].labels)
    result = CorruptionResult(
        source=source,
        errors=errors,
        mean_error=mean_corruption_error(errors),
        normalized_error=(
            normalized_corruption_error(errors) if _comparable(errors, subject) else None
        ),
        rms_calibration_error=rms_calibration_error(
            np.concatenate(confidence), np.concatenate(correct)
        ),
        n=n,
    )
    return dataclasses.replace(results, corruptions=with_entry(results.corruptions, result))


def _comparable(errors: dict[str, tuple[float, ...]], subject: Subject) -> bool:
    """Whether AlexNet's errors are of the same task: ImageNet's classes, size and corruptions."""
    classes = subject.data.classes
    return (
        set(errors) == set(ALEXNET_CORRUPTION_ERRORS)
        and subject.data.size == _IMAGENET_SIZE
        and len(classes) == _N_IMAGENET_CLASSES
        and all(re.fullmatch(r"n\d{8}", name) for name in classes)
    )


def _generated(subject: Subject, name: str, shown: _Shown, progress: Progress) -> list[Answers]:
    """Corrupt the chosen test images, and ask the network."""
    total = len(SEVERITIES) * len(subject)
    parts: list[list[Answers]] = [[] for _ in SEVERITIES]
    done = 0
    for indices, images in subject.chunks():
        batches = _corrupted_batches(subject, name, indices, images, progress)
        batches = _showing(batches, (_SHOWN_SEVERITY - 1) * len(indices), name, shown)
        logits = subject.logits(counted(batches, _words(name), total, progress, done))
        labels = subject.data.test.labels[indices]
        for part, of_severity in zip(parts, np.split(logits, len(SEVERITIES)), strict=True):
            part.append(Answers.of(of_severity, labels))
        done += len(logits)
    return [Answers.joined(part) for part in parts]


def _corrupted_batches(
    subject: Subject,
    name: str,
    indices: NDArray[np.int64],
    images: NDArray[np.uint8],
    progress: Progress,
) -> Iterator[NDArray[np.uint8]]:
    """Yield the images at severity 1, then at severity 2, and so on."""
    n_bytes = 3 * subject.data.size**2 * len(subject) * len(SEVERITIES) * len(CORRUPTIONS)
    if n_bytes > _MOST_CACHED_BYTES:
        return rebatched(corrupted_parts(images, indices, name, subject.seed), subject.batch_size)
    stacked = corrupted_cached(
        subject.data.name,
        images,
        indices,
        name,
        subject.seed,
        progress=functools.partial(progress, f"making {_words(name)}"),
        labels=subject.data.test.labels[indices],
    )
    flat = stacked.reshape(-1, *images.shape[1:])
    return batches_of(flat, subject.batch_size)


def _published(
    subject: Subject,
    corruption: PublishedCorruption,
    shown: _Shown,
    progress: Progress,
) -> list[Answers]:
    """Ask the network about published images; the number of them may be another."""
    what = _words(corruption.name)
    total = len(SEVERITIES) * len(subject) if subject.is_part else None
    parts = []
    done = 0
    for severity in SEVERITIES:
        labels: list[NDArray[np.int64]] = []
        batches = _noting_labels(corruption.batches(severity, subject.batch_size), labels)
        if severity == _SHOWN_SEVERITY:
            batches = _showing(batches, 0, corruption.name, shown)
        logits = subject.logits(counted(batches, what, total, progress, done))
        parts.append(Answers.of(logits, np.concatenate(labels)))
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


def _showing(
    batches: Iterable[NDArray[np.uint8]], at: int, name: str, shown: _Shown
) -> Iterator[NDArray[np.uint8]]:
    """Pass batches on, and keep the image at a place, unless one of that name was kept."""
    for batch in batches:
        if 0 <= at < len(batch):
            shown.setdefault(name, np.array(batch[at : at + 1]))
        at -= len(batch)
        yield batch


def _words(name: str) -> str:
    return name.replace("_", " ")
