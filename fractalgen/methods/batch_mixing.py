"""MixUp and CutMix by torchvision."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn
from torchvision import tv_tensors
from torchvision.transforms import v2

from fractalgen.arguments import real_number
from fractalgen.methods.global_generator import global_generator
from fractalgen.methods.method import Batch, Method

__all__ = ["CutMix", "MixUp"]


@dataclass(frozen=True)
class MixUp(Method):
    """Train on averages of two images, with the classes of both as targets.

    One weight per batch; each image's partner is the one before it.

    Source: Zhang et al., "mixup: Beyond empirical risk minimization", ICLR 2018.

    Attributes
    ----------
    alpha : float
        Both parameters of the Beta distribution of the weight, 0.01 to 1000.
    """

    alpha: float = 1.0

    name: ClassVar[str] = "mixup"

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", real_number("alpha", self.alpha, 0.01, 1000))

    def on_device(self, batch: Batch, network: nn.Module, rng: np.random.Generator) -> Batch:
        """Mix all views of an image with the same weight and partner."""
        return _mixed(v2.MixUp, self.alpha, batch, rng)


@dataclass(frozen=True)
class CutMix(Method):
    """Train on images with a rectangle from another, whose class has the weight of its area.

    One rectangle per batch; each image's partner is the one before it.

    Source: Yun et al., "CutMix: Regularization strategy to train strong classifiers with
    localizable features", ICCV 2019.

    Attributes
    ----------
    alpha : float
        Both parameters of the Beta distribution of the share that is kept, 0.01 to 1000, before the
        rectangle is cut off at the borders.
    p : float
        Share of the batches that are mixed, 0 to 1; the paper has 0.5 for CIFAR and 1 for ImageNet.
    """

    alpha: float = 1.0
    p: float = 0.5

    name: ClassVar[str] = "cutmix"

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", real_number("alpha", self.alpha, 0.01, 1000))
        object.__setattr__(self, "p", real_number("p", self.p, 0, 1))

    def on_device(self, batch: Batch, network: nn.Module, rng: np.random.Generator) -> Batch:
        """Paste the same rectangle into all views of an image."""
        return _mixed(v2.CutMix, self.alpha, batch, rng) if rng.random() < self.p else batch


def _mixed(kind: Any, alpha: float, batch: Batch, rng: np.random.Generator) -> Batch:
    mix = kind(alpha=alpha, num_classes=batch.n_classes, labels_getter=lambda parts: parts[-1])
    images = [tv_tensors.Image(view) for view in batch.views]  # it mixes one plain tensor alone
    with global_generator(int(rng.integers(1 << 63))):
        *views, targets = mix(*images, batch.targets)
    plain = tuple(view.as_subclass(torch.Tensor) for view in views)
    return dataclasses.replace(batch, views=plain, targets=targets)
