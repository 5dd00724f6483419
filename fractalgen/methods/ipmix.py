"""IPMix as a training method, with or without the Jensen-Shannon loss."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from fractalgen.augment.config import IPMixConfig
from fractalgen.augment.ipmix import IPMix
from fractalgen.bank import MixingSet
from fractalgen.errors import ArgumentError
from fractalgen.methods.method import Batch, Method, Views
from fractalgen.torch.datasets import normalized_tensor
from fractalgen.torch.losses import jsd_loss

__all__ = ["IPMixMethod"]


@dataclass(frozen=True)
class IPMixMethod(IPMixConfig, Method):
    """Train on images mixed by IPMix; the options are `jsd` and those of `fractalgen.IPMix`.

    Source: Huang et al., "IPMix: Label-Preserving Data Augmentation Method for Training Robust
    Classifiers", NeurIPS 2023.

    Attributes
    ----------
    jsd : bool
        Train on the clean image and two mixed views with the Jensen-Shannon consistency loss;
        otherwise train on one mixed view.
    """

    jsd: bool = True

    name: ClassVar[str] = "ipmix"
    uses_set: ClassVar[bool] = True
    recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"compat": "paper"},
        "official": {"compat": "official"},
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.jsd, bool):
            raise ArgumentError(f"jsd must be True or False, not {self.jsd!r}")

    @property
    def n_views(self) -> int:
        """Three with JSD, otherwise one."""
        return 3 if self.jsd else 1

    def views(
        self, mixing_set: MixingSet | None, mean: Sequence[float], std: Sequence[float]
    ) -> Views:
        """Mix with the images of a set; with JSD the clean images come first."""
        if mixing_set is None:
            raise ArgumentError("the method ipmix needs a mixing set")
        aug = IPMix(mixing_set, self)
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
    aug: IPMix,
    mean: Sequence[float],
    std: Sequence[float],
    n_views: int = 1,
) -> tuple[torch.Tensor, ...]:
    mixed = aug.batch(pixels, seeds, views=n_views, mean=mean, std=std, layout="NCHW")
    return tuple(torch.from_numpy(view) for view in mixed)


def _clean_and_mixed(
    pixels: NDArray[np.uint8],
    seeds: Sequence[int],
    aug: IPMix,
    mean: Sequence[float],
    std: Sequence[float],
) -> tuple[torch.Tensor, ...]:
    clean = normalized_tensor(pixels, mean, std)
    return (clean, *_mixed(pixels, seeds, aug, mean, std, n_views=2))
