"""What a training method may change about a step. The loop knows no method's name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from fractalgen.bank import MixingSet
from fractalgen.torch.datasets import normalized_tensor

__all__ = ["Batch", "Method", "Views"]

Views = Callable[[NDArray[np.uint8], Sequence[int]], tuple[torch.Tensor, ...]]
"""Makes the views of a batch on the host.

Takes cropped training images, uint8 (n, size, size, 3), and a 64-bit seed for each. Returns one or
more float32 tensors (n, 3, size, size), normalised. An image's views depend on that image and its
seed alone, so that workers, processes and a resumed run see the same. Can be pickled.
"""


@dataclass(frozen=True)
class Batch:
    """One process's share of a step, on the device.

    Attributes
    ----------
    views : tuple of tensor, float32 (n, 3, size, size)
        The training error is measured on the first.
    labels : tensor, int64 (n,)
        The class of each image.
    targets : tensor
        What the loss learns: classes, int64 (n,), or the weight of each class, float32
        (n, n_classes), where a row sums to one.
    n_classes : int
        Number of classes.
    drawn : object
        Whatever a method's `on_device` draws for its own `forward` and `loss`.
    """

    views: tuple[torch.Tensor, ...]
    labels: torch.Tensor
    targets: torch.Tensor
    n_classes: int
    drawn: Any = None


@dataclass(frozen=True)
class Method:
    """A training method: a frozen dataclass whose fields are its options, checked when made.

    Options are what JSON holds; a tuple may come as a list.

    The defaults below train on each image as it is, so a method overrides only what it changes. In
    a step they are called in this order::

        views = method.views(mixing_set, mean, std)(pixels, seeds)     # in a worker process
        batch = method.on_device(Batch(views, ...), network, rng)
        logits = method.forward(batch, model)
        loss = method.loss(batch, logits)

    What some published methods override:

    =============== ====================================================================
    AugMix          `n_views`, `views` (its own chains), `loss` (JSD)
    CutMix, mixup   `on_device`: mixes the views and sets soft `targets`
    manifold mixup  `on_device` draws a layer, the weight and the partners into `drawn`
                    and sets soft `targets`; `forward` mixes behind that layer with a hook
    PuzzleMix       `on_device`: saliency is the gradient of a first pass through `network`
    AugMax          `views` gives the chains' results, `on_device` finds the worst mixture of
                    them by gradient ascent through `network`, `loss` (JSD)
    =============== ====================================================================

    Adding a method takes one module and one line in `fractalgen.methods`; the contract tests then
    cover it.

    Attributes
    ----------
    name : str
        The name in `fractalgen.methods.METHODS`.
    uses_set : bool
        Whether `views` needs a mixing set.
    recipes : mapping
        Options that belong to a training recipe, ``paper`` or ``official``.
    """

    name: ClassVar[str]
    uses_set: ClassVar[bool] = False
    recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @property
    def n_views(self) -> int:
        """How many views of an image a step keeps in memory."""
        return 1

    def views(
        self, mixing_set: MixingSet | None, mean: Sequence[float], std: Sequence[float]
    ) -> Views:
        """Return what makes the views; called once a run.

        Parameters
        ----------
        mixing_set : MixingSet or None
            Images an eighth larger than the training images; None unless `uses_set`.
        mean, std : sequence of 3 floats
            A view is (value - mean) / std, for values from 0 to 1.
        """
        return functools.partial(_unchanged, mean=tuple(mean), std=tuple(std))

    def on_device(self, batch: Batch, network: nn.Module, rng: np.random.Generator) -> Batch:
        """Change a batch on its device.

        Parameters
        ----------
        batch : Batch
            The host's views, with `targets` equal to `labels`. Don't change its tensors in place.
        network : nn.Module
            The bare network in training mode, for gradients with respect to the images. Take them
            with `torch.autograd.grad`, which leaves the weights' gradients alone.
        rng : numpy.random.Generator
            A function of the run's seed, the process and the step. Draw everything from it; seed
            a `torch.Generator` with it for large draws on the device.
        """
        return batch

    def forward(self, batch: Batch, model: nn.Module) -> tuple[torch.Tensor, ...]:
        """Return the logits of each view, float32 (n, n_classes), by one call of `model`.

        `model` is the network as accelerate wrapped it. It must be called exactly once.
        """
        logits: torch.Tensor = model(torch.cat(batch.views)).float()
        parts: tuple[torch.Tensor, ...] = logits.chunk(len(batch.views))
        return parts

    def loss(self, batch: Batch, logits: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the loss, one number; by default the first view's cross entropy."""
        return functional.cross_entropy(logits[0], batch.targets)


def _unchanged(
    pixels: NDArray[np.uint8], seeds: Sequence[int], mean: Sequence[float], std: Sequence[float]
) -> tuple[torch.Tensor, ...]:
    return (normalized_tensor(pixels, mean, std),)
