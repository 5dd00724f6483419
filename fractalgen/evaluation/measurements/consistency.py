"""How often predictions change along sequences of slowly perturbed images."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.evaluation.corruptions.generated import GENERATE
from fractalgen.evaluation.corruptions.perturbations import (
    DISTRIBUTIONS,
    FRAMES,
    NOISE,
    PERTURBATIONS,
    sequences,
)
from fractalgen.evaluation.corruptions.published import read_perturbations
from fractalgen.evaluation.evaluated_model import EvaluatedModel, batches_of
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
from fractalgen.evaluation.metrics.classification import flip_rate, mean_flip_rate

__all__ = ["Consistency", "ConsistencyEntry", "ConsistencyOptions"]

_GENERATED = "generated"

_Sequences = Callable[[], Iterable[NDArray[np.uint8]]]
"""Yields batches of sequences, shape (batch, frames, size, size, 3)."""


@dataclass(frozen=True)
class ConsistencyOptions(Options):
    """Source of the sequences."""

    perturbations: str = option(
        GENERATE,
        "Gradually changing images: 'generate' makes CIFAR-P's ten kinds of sequences; DIR is a "
        "published folder.",
        metavar=f"{GENERATE}|DIR|{NONE}",
    )


@dataclass(frozen=True)
class ConsistencyEntry(Entry):
    """The shares of changed predictions for one source with `n` sequences of each kind."""

    flip_rates: dict[str, float]
    mean_flip_rate: float
    n: int


class Consistency(Measurement[ConsistencyOptions, ConsistencyEntry]):
    """Measures generated sequences or a published folder."""

    key = "consistency"
    options = ConsistencyOptions
    entry = ConsistencyEntry
    template = "consistency.html"

    def plan(
        self, model: EvaluatedModel, options: ConsistencyOptions
    ) -> Sequence[Callable[[], Measured]]:
        """Make one sequence of each kind, or check the folder."""
        source = options.perturbations
        if source == NONE:
            return []
        by_name: dict[str, _Sequences]
        if source == GENERATE:
            for name in PERTURBATIONS:
                sequences(np.zeros((1, 32, 32, 3), np.uint8), [0], name, 0)
            by_name = {name: functools.partial(_generated, model, name) for name in PERTURBATIONS}
            return [
                functools.partial(self._measure, model, _GENERATED, by_name, len(model.indices))
            ]
        published = read_perturbations(
            Path(source), model.data.size, len(model.data.test), model.subset
        )
        some = max(1, model.batch_size // FRAMES)
        by_name = {
            name: functools.partial(batches_of, arrays, some, indices)
            for name, (arrays, indices) in published.items()
        }
        (called,) = folder_names([source], [_GENERATED])
        n = min(len(indices) for _, indices in published.values())
        return [functools.partial(self._measure, model, called, by_name, n)]

    def _measure(
        self, model: EvaluatedModel, source: str, by_name: Mapping[str, _Sequences], n: int
    ) -> Measured:
        rates = {}
        for name, given in by_name.items():
            predictions = []
            done = 0
            for some in given():
                frames = some.reshape(-1, *some.shape[2:])
                logits = model.logits(batches_of(frames, model.batch_size))
                predictions.append(logits.argmax(axis=1).reshape(some.shape[:2]))
                done += len(some)
                model.progress(f"{spelled_out(name)} sequences", done, n)
            rates[name] = flip_rate(np.concatenate(predictions), against_first=name in NOISE)
        entry = ConsistencyEntry(
            source=source, flip_rates=rates, mean_flip_rate=mean_flip_rate(rates), n=n
        )
        return Measured(entry)

    def section(self, entry: ConsistencyEntry, n_test: int) -> Section:
        """Return the mean flip rate, with each perturbation as a detail."""
        figure = Figure(
            "mean_flip_rate",
            "mean flip rate",
            entry.mean_flip_rate,
            "How often the prediction changes while an image gradually moves, turns or gets noisy.",
            main=True,
        )
        return Section(
            f"Perturbation sequences, {entry.source}",
            f"{of_test_images(entry.n, n_test)}, {count_of(len(entry.flip_rates), 'kind')}",
            (figure, *detail_figures(entry.flip_rates)),
        )

    def distributions(self, options: ConsistencyOptions) -> tuple[str, ...]:
        """Return OpenCV's, among others, if sequences are made here."""
        return DISTRIBUTIONS if options.perturbations == GENERATE else ()


def _generated(model: EvaluatedModel, name: str) -> Iterator[NDArray[np.uint8]]:
    some = max(1, 4 * model.batch_size // FRAMES)
    for start in range(0, len(model.indices), some):
        part = model.indices[start : start + some]
        yield sequences(model.data.test.for_testing(part), part, name, model.seed)
