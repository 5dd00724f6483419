"""What is measured: a trained network, and the test images that it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.evaluation.predictions import batches_of, in_slices, predict, softmax
from fractalgen.evaluation.results import Results
from fractalgen.training.datasets import FOLDER_PREFIX
from fractalgen.training.datasets.data_set import ImageData

__all__ = ["Answers", "Part", "Progress", "Subject", "counted"]

Progress = Callable[[str, int, "int | None"], None]
"""Is told what is being measured, how many images of it are done, and how many there are."""

Part = Callable[[Results, Progress], Results]
"""Measures one thing, and returns the results with it."""


_CHUNK_BYTES = 1 << 28


@dataclass(frozen=True)
class Subject:
    """A trained network with the test images to measure it on.

    Attributes
    ----------
    model : torch.nn.Module
        On its device; takes images normalised by the data's mean and standard deviation.
    data : ImageData
        Its test images are taken.
    indices : ndarray of int64, shape (n,)
        These of them, for all but the clean error.
    batch_size, seed : int
        See `EvaluationOptions`.
    accelerator : accelerate.Accelerator or None
        Says in which precision to compute.
    """

    model: Any
    data: ImageData
    indices: NDArray[np.int64]
    batch_size: int
    seed: int
    accelerator: Any = None
    _clean: list[NDArray[np.float32]] = field(default_factory=list, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def is_part(self) -> bool:
        """Whether not all test images were chosen."""
        return len(self.indices) < len(self.data.test)

    @property
    def sees_whole_images(self) -> bool:
        """Whether it is tested on whole images, and not on the middle of those in a folder."""
        return not self.data.name.startswith(FOLDER_PREFIX)

    @property
    def labels(self) -> NDArray[np.int64]:
        """The chosen test images' classes, shape (n,)."""
        return self.data.test.labels[self.indices]

    def images(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the chosen test images in batches, as they are."""
        return batches_of(self.data.test, self.batch_size, self.indices)

    def chunks(self, copies: int = 1) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
        """Yield the chosen test images with their indices, in parts that fit into memory.

        Parameters
        ----------
        copies : int
            How many changed ones of each image are in memory at a time.
        """
        n_at_once = max(1, _CHUNK_BYTES // (3 * self.data.size**2 * copies))
        for start in range(0, len(self.indices), n_at_once):
            part = self.indices[start : start + n_at_once]
            yield part, self.data.test.for_testing(part)

    def logits(self, batches: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return what the network says of uint8 batches, shape (images, classes)."""
        return predict(
            self.model, batches, self.data.mean, self.data.std, accelerator=self.accelerator
        )

    def clean_logits(self, progress: Progress) -> NDArray[np.float32]:
        """Return what the network says of all test images as they are; computed once."""
        if not self._clean:
            batches = batches_of(self.data.test, self.batch_size)
            total = len(self.data.test)
            self._clean.append(self.logits(counted(batches, "test images", total, progress)))
        return self._clean[0]


@dataclass(frozen=True)
class Answers:
    """Predictions with their labels.

    Attributes
    ----------
    predictions, labels : ndarray of int64, shape (n,)
        Classes.
    confidence : ndarray of float64, shape (n,)
        The maximum softmax probability.
    """

    predictions: NDArray[np.int64]
    labels: NDArray[np.int64]
    confidence: NDArray[np.float64]

    @classmethod
    def of(cls, logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Answers:
        """Make them of a network's outputs, shape (n, classes)."""
        predictions, confidence = [], []
        for some in in_slices(logits):
            probabilities = softmax(some)
            predictions.append(probabilities.argmax(axis=1))
            confidence.append(probabilities.max(axis=1))
        return cls(np.concatenate(predictions), labels, np.concatenate(confidence))

    @classmethod
    def joined(cls, parts: Sequence[Answers]) -> Answers:
        """Put answers one after the other."""
        return cls(
            np.concatenate([part.predictions for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.confidence for part in parts]),
        )

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each prediction is right."""
        return np.equal(self.predictions, self.labels)


def counted(
    batches: Iterable[NDArray[np.uint8]],
    what: str,
    total: int | None,
    progress: Progress,
    done: int = 0,
) -> Iterator[NDArray[np.uint8]]:
    """Pass batches on, and report when the next one is asked for; `done` went before."""
    for batch in batches:
        yield batch
        done += len(batch)
        progress(what, done, total)
