"""The interface of training methods: the parts of a training step that a method can change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from fractalgen.bank import MixingSet
from fractalgen.torch.datasets import level_tensor

__all__ = ["Batch", "Method", "Views"]

Views = Callable[[NDArray[np.uint8], Sequence[int]], tuple[torch.Tensor, ...]]
"""Makes the views of a batch on the host.

Takes cropped training images, uint8 (n, size, size, 3), and a 64-bit seed for each. Returns one or
more tensors (n, 3, size, size): levels in uint8, or normalised values in float32. The loop
normalises levels on the device, because they are four times faster to bring there. An image's views
depend only on the image and its seed, so they don't depend on workers, processes or interruptions.
Must be picklable.
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
        Targets of the loss: classes, int64 (n,), or class weights, float32 (n, n_classes), whose
        rows sum to one.
    n_classes : int
        Number of classes.
    drawn : object
        Random choices that a method's `on_device` makes for its `forward` and `loss`.
    progress : float
        Share of the run's epochs that are done, from 0 to below 1.
    """

    views: tuple[torch.Tensor, ...]
    labels: torch.Tensor
    targets: torch.Tensor
    n_classes: int
    drawn: Any = None
    progress: float = 0.0

    @property
    def class_weights(self) -> torch.Tensor:
        """The targets as weights of the classes, float32 (n, n_classes)."""
        if self.targets.is_floating_point():
            return self.targets
        return functional.one_hot(self.targets, self.n_classes).float()


@dataclass(frozen=True)
class Method:
    """A training method: a frozen dataclass whose fields are its options, checked when made.

    Options have types that JSON supports; tuples can be given as lists.

    By default a method trains on the images as they are, so it overrides only what it changes. A
    step calls these methods in this order::

        views = method.views(mixing_set, mean, std)(pixels, seeds)     # in a worker process
        batch = method.on_device(Batch(normalised views, ...), network, rng)
        logits = method.forward(batch, model)
        loss = method.loss(batch, logits)

    Some published methods override:

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
    cover it. `fractalgen.methods.combined` makes one method of several.

    Attributes
    ----------
    name : str
        The name in `fractalgen.methods.METHODS`.
    uses_set : bool
        Whether `views` needs a mixing set.
    uses_network : bool
        Whether `on_device` needs the network; otherwise it changes images without one.
    recipes : mapping
        Options that belong to a training recipe: ``paper``, ``official`` or ``fractalgen``.
    """

    name: ClassVar[str]
    uses_set: ClassVar[bool] = False
    uses_network: ClassVar[bool] = False
    recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @classmethod
    def overrides(cls, hook: str) -> bool:
        """Whether this method has its own `views`, `on_device`, `forward` or `loss`."""
        return getattr(cls, hook) is not getattr(Method, hook)

    @classmethod
    def options_in(cls, by_method: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Return this method's options from the options of many methods by name."""
        return dict(by_method.get(cls.name, {}))

    @property
    def n_views(self) -> int:
        """Number of views per image that a step keeps in memory."""
        return 1

    def views(
        self, mixing_set: MixingSet | None, mean: Sequence[float], std: Sequence[float]
    ) -> Views:
        """Return the function that makes the views; called once per run.

        Parameters
        ----------
        mixing_set : MixingSet or None
            Its images are an eighth larger than the training images. None unless `uses_set`.
        mean, std : sequence of 3 floats
            A float32 view is (value - mean) / std, for values from 0 to 1.
        """
        return _unchanged

    def on_device(self, batch: Batch, network: nn.Module, rng: np.random.Generator) -> Batch:
        """Change a batch on its device.

        Parameters
        ----------
        batch : Batch
            The views from the host, with `targets` equal to `labels`. Don't modify its tensors in
            place.
        network : nn.Module
            The unwrapped network in training mode, for gradients with respect to the images.
            Compute them with `torch.autograd.grad`, which leaves the weights' gradients alone.
        rng : numpy.random.Generator
            Source of all randomness; depends on the run's seed, the process and the step. For
            large draws on the device, seed a `torch.Generator` from it.
        """
        return batch

    def forward(self, batch: Batch, model: nn.Module) -> tuple[torch.Tensor, ...]:
        """Return the logits of each view, float32 (n, n_classes).

        `model` is the network as wrapped by accelerate. Call it exactly once.
        """
        logits: torch.Tensor = model(torch.cat(batch.views)).float()
        parts: tuple[torch.Tensor, ...] = logits.chunk(len(batch.views))
        return parts

    def loss(self, batch: Batch, logits: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the scalar loss; by default the cross entropy of the first view."""
        return functional.cross_entropy(logits[0], batch.targets)


def _unchanged(pixels: NDArray[np.uint8], seeds: Sequence[int]) -> tuple[torch.Tensor, ...]:
    return (level_tensor(pixels),)
