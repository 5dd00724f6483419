"""What methods with an augmenter share: one augmented view, or the Jensen-Shannon loss."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from fractalgen.arguments import true_or_false
from fractalgen.augment.augmenter import Augmenter
from fractalgen.bank import MixingSet
from fractalgen.errors import ArgumentError
from fractalgen.methods.method import Batch, Method, Views
from fractalgen.torch.datasets import level_tensor
from fractalgen.torch.losses import jsd_loss

__all__ = ["Augmented"]


@dataclass(frozen=True)
class Augmented(Method):
    """Train on images from an augmenter, whose options are the method's.

    Attributes
    ----------
    augmenter : type
        The augmenter's class; the method is also of its `config_type`.
    jsd : bool
        Train on the clean image and two mixed views with the Jensen-Shannon consistency loss;
        otherwise train on one mixed view.
    """

    augmenter: ClassVar[type[Any]]
    jsd: bool = False

    def __post_init__(self) -> None:
        true_or_false("jsd", self.jsd)
        config: Any = super()
        if hasattr(config, "__post_init__"):
            config.__post_init__()

    @property
    def n_views(self) -> int:
        """Three with JSD, otherwise one."""
        return 3 if self.jsd else 1

    def views(
        self, mixing_set: MixingSet | None, mean: Sequence[float], std: Sequence[float]
    ) -> Views:
        """Augment, with the images of a set if needed; with JSD the clean images come first."""
        if self.uses_set and mixing_set is None:
            raise ArgumentError(f"the method {self.name} needs a mixing set")
        aug = self.augmenter(mixing_set, self) if self.uses_set else self.augmenter(self)
        make = _clean_and_mixed if self.jsd else _mixed
        return functools.partial(make, aug=aug, mean=tuple(mean), std=tuple(std))

    def loss(self, batch: Batch, logits: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the cross entropy; with JSD, that of the clean view plus the divergence."""
        if not self.jsd:
            return super().loss(batch, logits)
        clean, first, second = logits
        return jsd_loss(clean, first, second, batch.targets)


def _mixed(
    pixels: NDArray[np.uint8],
    seeds: Sequence[int],
    aug: Augmenter,
    mean: Sequence[float],
    std: Sequence[float],
    n_views: int = 1,
) -> tuple[torch.Tensor, ...]:
    mixed = aug.batch(pixels, seeds, views=n_views, mean=mean, std=std, layout="NCHW")
    return tuple(torch.from_numpy(view) for view in mixed)


def _clean_and_mixed(
    pixels: NDArray[np.uint8],
    seeds: Sequence[int],
    aug: Augmenter,
    mean: Sequence[float],
    std: Sequence[float],
) -> tuple[torch.Tensor, ...]:
    return (level_tensor(pixels), *_mixed(pixels, seeds, aug, mean, std, n_views=2))
