"""AugMax: AugMix with the weights that are worst for the network."""

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from fractalgen.arguments import real_number, whole_number
from fractalgen.augment.augmix import AugMix, AugMixConfig
from fractalgen.bank import MixingSet
from fractalgen.methods.method import Batch, Method, Views
from fractalgen.methods.saliency import frozen_statistics
from fractalgen.seeding import bits_at
from fractalgen.torch.datasets import level_tensor
from fractalgen.torch.losses import jsd_loss

__all__ = ["AugMaxMethod"]


@dataclass(frozen=True)
class AugMaxMethod(AugMixConfig, Method):
    """Train on the clean image, an AugMix view and an adversarial one with the Jensen-Shannon loss.

    The adversarial view has AugMix's chains, with weights found by gradient ascent on the loss of
    the network in evaluation mode; an image's ascent ends soon after the network errs.

    Source: Wang et al., "AugMax: Adversarial composition of random augmentations for robust
    training", NeurIPS 2021. Difference: the networks have ordinary batch normalisation, not its
    DuBIN.

    Attributes
    ----------
    steps : int
        Most steps of the ascent, 0 to 1000.
    step_size : float
        Change of each weight in a step, 0 to 10.
    tau : int
        Steps of the ascent after the network's first error, 0 to 1000.
    consistency : float
        Weight of the Jensen-Shannon divergence, 0 to 1000.
    """

    steps: int = 10
    step_size: float = 0.1
    tau: int = 1
    consistency: float = 10.0

    name: ClassVar[str] = "augmax"
    uses_network: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "steps", whole_number("steps", self.steps, 0, 1000))
        object.__setattr__(self, "step_size", real_number("step_size", self.step_size, 0, 10))
        object.__setattr__(self, "tau", whole_number("tau", self.tau, 0, 1000))
        weight = real_number("consistency", self.consistency, 0, 1000)
        object.__setattr__(self, "consistency", weight)

    @property
    def n_views(self) -> int:
        """The clean image, the AugMix view, and the chains."""
        return 2 + self.width

    def views(
        self, mixing_set: MixingSet | None, mean: Sequence[float], std: Sequence[float]
    ) -> Views:
        """Make the clean image, an AugMix view, and the results of other chains."""
        options = {
            field.name: getattr(self, field.name) for field in dataclasses.fields(AugMixConfig)
        }
        return functools.partial(
            _views,
            mixed=AugMix(**options),
            chain=_Chain(**{**options, "width": 1}),
            n_chains=self.width,
            mean=tuple(mean),
            std=tuple(std),
        )

    def on_device(self, batch: Batch, network: nn.Module, rng: np.random.Generator) -> Batch:
        """Replace the chains by their worst mixture."""
        clean, mixed, *chains = batch.views
        worst = self._worst(clean, torch.stack(chains, dim=1), batch, network, rng)
        return dataclasses.replace(batch, views=(clean, mixed, worst))

    def loss(self, batch: Batch, logits: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the cross entropy of the clean view plus the weighted divergence."""
        clean, mixed, worst = logits
        return jsd_loss(clean, mixed, worst, batch.targets, self.consistency)

    def _worst(
        self,
        clean: torch.Tensor,
        chains: torch.Tensor,
        batch: Batch,
        network: nn.Module,
        rng: np.random.Generator,
    ) -> torch.Tensor:
        """Return (1 - m) clean + m sum(w chain), where w is the softmax of the last columns."""
        n = len(clean)
        start = torch.from_numpy(rng.random((n, 1 + chains.shape[1]), np.float32))
        weights = start.to(clean.device)
        left = torch.full((n,), self.tau, device=clean.device)
        with frozen_statistics(network):
            for _ in range(self.steps):
                weights.requires_grad_()
                logits = network(_mixture(clean, chains, weights)).float()
                loss = functional.cross_entropy(logits, batch.targets, reduction="sum")
                (gradient,) = torch.autograd.grad(loss, weights)
                left -= (logits.argmax(dim=1) != batch.labels).to(left.dtype)
                step = self.step_size * gradient.sign() * (left >= 0)[:, None]
                weights = weights.detach() + step
                weights[:, 0].clamp_(0, 1)
        return _mixture(clean, chains, weights).detach()


def _mixture(clean: torch.Tensor, chains: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    m = weights[:, 0, None, None, None]
    w = weights[:, 1:].softmax(dim=1)[:, :, None, None, None]
    return (1 - m) * clean + m * (w * chains).sum(dim=1)


class _Chain(AugMix):
    """A chain of AugMix's operations, unmixed."""

    def _plans(
        self,
        bank_images: NDArray[np.uint8],
        seeds: NDArray[np.uint64],
        views: int,
        height: int,
        width: int,
    ) -> NDArray[np.void]:
        plans = super()._plans(bank_images, seeds, views, height, width)
        plans["skip"] = 1.0
        return plans


def _views(
    pixels: NDArray[np.uint8],
    seeds: Sequence[int],
    mixed: AugMix,
    chain: AugMix,
    n_chains: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> tuple[torch.Tensor, ...]:
    others = [bits_at(int(seed), 0) for seed in seeds]
    one = mixed.batch(pixels, seeds, mean=mean, std=std, layout="NCHW")
    chains = chain.batch(pixels, others, views=n_chains, mean=mean, std=std, layout="NCHW")
    return (level_tensor(pixels), *map(torch.from_numpy, (one, *chains)))
