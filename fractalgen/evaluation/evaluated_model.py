"""A trained network with the test images to measure it on."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.bank.source import Place
from fractalgen.errors import RunError, RunUsageError
from fractalgen.evaluation.metrics import max_softmax
from fractalgen.evaluation.metrics.classification import error_rate
from fractalgen.seeding import rng_for

if TYPE_CHECKING:
    import torch

    from fractalgen.evaluation.own_model import OwnModel
    from fractalgen.training.datasets.data_set import ImageData, Images
    from fractalgen.training.run import Run

__all__ = [
    "EvaluatedModel",
    "Predictions",
    "Progress",
    "batches_of",
    "choose_images",
    "evaluating",
]

Progress = Callable[[str, int, "int | None"], None]
"""Called with the name of the current step, the number of images done, and the total."""


@dataclass(frozen=True)
class Predictions:
    """Predicted classes and their confidence (maximum softmax probability), and the labels."""

    classes: NDArray[np.int64]
    confidence: NDArray[np.float64]
    labels: NDArray[np.int64]

    @classmethod
    def of(cls, logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Predictions:
        """Compute them from logits of shape (n, classes)."""
        return cls(logits.argmax(axis=1), max_softmax(logits), labels)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each prediction is correct."""
        return np.equal(self.classes, self.labels)

    @property
    def error(self) -> float:
        """The share of wrong predictions."""
        return error_rate(self.classes, self.labels)


@dataclass(frozen=True)
class EvaluatedModel:
    """A trained network, its data, and the settings of an evaluation.

    Attributes
    ----------
    run : Run or OwnModel
        The run that trained the network, or what is known about a network of the user's.
    network : torch.nn.Module
        On its device; takes images normalised by the data's mean and standard deviation.
    limit : int or None
        Number of test images to measure on; a smaller limit uses a subset of the same images. None
        for all.
    batch_size, seed : int
        Images per batch; seed for generated corruptions, sequences and attacks.
    set_folder, data_dir : Path, str or None
        The mixing set for fractals, or its URL, if any; the folder of data sets.
    accelerator : accelerate.Accelerator or None
        Sets the precision.
    progress, tell : callable
        Called as images are done, and with lines of text for the user.
    """

    run: Run | OwnModel
    network: Any
    limit: int | None
    batch_size: int
    seed: int
    set_folder: Place | None
    data_dir: Path
    accelerator: Any
    progress: Progress
    tell: Callable[[str], None]

    def __post_init__(self) -> None:
        for flag, value, minimum in (
            ("--limit", self.limit, 1),
            ("--batch-size", self.batch_size, 1),
            ("--seed", self.seed, 0),
        ):
            if value is not None and value < minimum:
                raise RunUsageError(f"{flag} must be {minimum} or more, not {value}")

    @property
    def data(self) -> ImageData:
        """The data set of the run."""
        return self.run.data

    @functools.cached_property
    def indices(self) -> NDArray[np.int64]:
        """Indices of the test images to measure on, in ascending order."""
        return self.chosen(len(self.data.test))

    def chosen(self, n_images: int) -> NDArray[np.int64]:
        """Choose up to `limit` images; return their indices in ascending order."""
        return choose_images(n_images, self.limit, self.seed)

    @property
    def subset(self) -> NDArray[np.int64] | None:
        """`indices`, or None if they include all test images."""
        return None if len(self.indices) == len(self.data.test) else self.indices

    @property
    def labels(self) -> NDArray[np.int64]:
        """The labels of the images at `indices`, shape (n,)."""
        return self.data.test.labels[self.indices]

    @property
    def sees_whole_images(self) -> bool:
        """Whether it is tested on whole images, not on the centres of those in a folder."""
        from fractalgen.training.datasets import FOLDER_PREFIX

        return not self.data.name.startswith(FOLDER_PREFIX)

    def logits(
        self,
        batches: Iterable[NDArray[np.uint8]],
        what: str | None = None,
        total: int | None = None,
    ) -> NDArray[np.float32]:
        """Return the network's outputs for uint8 batches, shape (images, classes).

        The network runs in evaluation mode, in the accelerator's precision, and returns to its
        previous mode. Progress is reported if `what` names the step. RunError if an output is not
        finite.
        """
        import torch

        from fractalgen.torch.datasets import normalized_tensor

        device = next(self.network.parameters()).device
        precision = (
            contextlib.nullcontext if self.accelerator is None else self.accelerator.autocast
        )
        outputs: list[NDArray[np.float32]] = []
        done = 0
        # Not in inference mode, because attacks cannot differentiate through what a network keeps
        # from there, such as encodings of positions.
        with evaluating(self.network), torch.no_grad(), precision():
            for batch in batches:
                images = normalized_tensor(batch, self.data.mean, self.data.std).to(device)
                outputs.append(self.network(images).float().cpu().numpy())
                if not np.isfinite(outputs[-1]).all():
                    raise RunError(
                        "the network's outputs are not finite, so nothing can be measured; train "
                        "it again with a lower --learning-rate"
                    )
                done += len(batch)
                if what is not None:
                    self.progress(what, done, total)
        if not outputs:
            raise ValueError("there are no images to predict")
        return np.concatenate(outputs)

    @functools.cached_property
    def clean_logits(self) -> NDArray[np.float32]:
        """The network's outputs for all original test images."""
        batches = batches_of(self.data.test, self.batch_size)
        return self.logits(batches, "test images", len(self.data.test))

    @functools.cached_property
    def clean(self) -> Predictions:
        """The predictions for all original test images."""
        return Predictions.of(self.clean_logits, self.data.test.labels)


def choose_images(n_images: int, limit: int | None, seed: int) -> NDArray[np.int64]:
    """Choose up to `limit` of some images; return their indices in ascending order.

    A smaller limit chooses a part of a larger one's images.
    """
    if limit is None or limit >= n_images:
        return np.arange(n_images)
    order = rng_for(seed, "evaluated images", 0).permutation(n_images)
    return np.sort(order[:limit])


def batches_of(
    images: NDArray[np.uint8] | Images,
    batch_size: int,
    indices: Sequence[int] | NDArray[np.int64] | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """Split images, or those at `indices`, into batches, uint8 of shape (batch, size, size, 3)."""
    chosen = np.arange(len(images)) if indices is None else np.asarray(indices, np.int64)
    for start in range(0, len(chosen), batch_size):
        part = chosen[start : start + batch_size]
        if isinstance(images, np.ndarray):
            yield np.asarray(images[part])
        else:
            yield images.for_testing(part)


@contextlib.contextmanager
def evaluating(network: torch.nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and restore the mode of every module at the end."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
