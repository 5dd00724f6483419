"""How often predictions change along sequences of slowly perturbed images."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.evaluation.metrics.consistency import flip_rate, mean_flip_rate
from fractalgen.evaluation.options import GENERATE, EvaluationOptions, names_of_sources
from fractalgen.evaluation.predictions import batches_of
from fractalgen.evaluation.results import ConsistencyResult, Results
from fractalgen.evaluation.shifts.perturbations import FRAMES, NOISE, PERTURBATIONS, sequences
from fractalgen.evaluation.shifts.published import read_perturbations
from fractalgen.evaluation.subject import Part, Progress, Subject

__all__ = ["consistency_parts"]

_Sequences = Callable[[], Iterable[NDArray[np.uint8]]]
"""Yields sequences some at a time, shape (some, frames, size, size, 3)."""


def consistency_parts(subject: Subject, options: EvaluationOptions) -> list[Part]:
    """Plan the measurement on the source of sequences, if there is to be one.

    Raises
    ------
    RunError
        If a folder does not hold what it should, or what makes the images cannot be imported.
    """
    source = options.perturbation_source
    if source is None:
        return []
    (called,) = names_of_sources([source])
    named: dict[str, _Sequences]
    if source == GENERATE:
        for name in PERTURBATIONS:
            sequences(np.zeros((1, 32, 32, 3), np.uint8), [0], name, 0)  # fail now, not later
        named = {name: functools.partial(_generated, subject, name) for name in PERTURBATIONS}
        return [functools.partial(_measured, called, named, len(subject), subject)]
    published = read_perturbations(
        Path(source),
        subject.data.size,
        len(subject.data.test),
        subject.indices if subject.is_part else None,
    )
    some = max(1, subject.batch_size // FRAMES)
    named = {array.name: functools.partial(array.batches, some) for array in published}
    n = min(len(array.indices) for array in published)
    return [functools.partial(_measured, called, named, n, subject)]


def _measured(
    source: str,
    named: Mapping[str, _Sequences],
    n: int,
    subject: Subject,
    results: Results,
    progress: Progress,
) -> Results:
    rates = {}
    for name, given in named.items():
        what = f"{name.replace('_', ' ')} sequences"
        predictions = []
        done = 0
        for some in given():
            frames = some.reshape(-1, *some.shape[2:])
            logits = subject.logits(batches_of(frames, subject.batch_size))
            predictions.append(logits.argmax(axis=1).reshape(some.shape[:2]))
            done += len(some)
            progress(what, done, n)
        rates[name] = flip_rate(np.concatenate(predictions), against_first=name in NOISE)
    result = ConsistencyResult(
        source=source, flip_rates=rates, mean_flip_rate=mean_flip_rate(rates), n=n
    )
    return dataclasses.replace(results, consistency=result)


def _generated(subject: Subject, name: str) -> Iterator[NDArray[np.uint8]]:
    some = max(1, 4 * subject.batch_size // FRAMES)
    for indices, images in subject.chunks():
        for start in range(0, len(indices), some):
            part = slice(start, start + some)
            yield sequences(images[part], indices[part], name, subject.seed)
