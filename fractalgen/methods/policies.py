"""AutoAugment, RandAugment and TrivialAugment by torchvision, on Pillow's images."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms import v2

from fractalgen.arguments import one_of, whole_number
from fractalgen.bank import MixingSet
from fractalgen.methods.global_generator import global_generator
from fractalgen.methods.method import Method, Views
from fractalgen.torch.datasets import level_tensor

__all__ = ["AutoAugment", "RandAugment", "TrivialAugment"]

_N_MAGNITUDES = 31


@dataclass(frozen=True)
class _Policy(Method):
    """Train on images changed by one of torchvision's transforms."""

    def transform(self) -> Any:
        """Return the transform."""
        raise NotImplementedError

    def views(
        self, mixing_set: MixingSet | None, mean: Sequence[float], std: Sequence[float]
    ) -> Views:
        """Transform each image with PyTorch's generator at the image's seed."""
        return functools.partial(_transformed, transform=self.transform())


@dataclass(frozen=True)
class AutoAugment(_Policy):
    """Train on images changed by two operations of a policy that was found by search.

    On CIFAR the paper also cuts holes: ``autoaugment+cutout``.

    Source: Cubuk et al., "AutoAugment: Learning augmentation strategies from data", CVPR 2019.

    Attributes
    ----------
    policy : str
        The data set of the search: ``cifar10``, ``imagenet`` or ``svhn``.
    """

    policy: str = "cifar10"

    name: ClassVar[str] = "autoaugment"

    def __post_init__(self) -> None:
        one_of("policy", self.policy, tuple(known.value for known in v2.AutoAugmentPolicy))

    def transform(self) -> Any:
        """Return torchvision's AutoAugment."""
        return v2.AutoAugment(v2.AutoAugmentPolicy(self.policy))


@dataclass(frozen=True)
class RandAugment(_Policy):
    """Train on images changed by some random operations of one strength.

    Source: Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search
    space", NeurIPS 2020; the defaults are its values for ResNet-50 on ImageNet, and torchvision's.

    Attributes
    ----------
    n_ops : int
        Operations per image, 1 to 16.
    magnitude : int
        Strength of the operations, 0 to 30.
    """

    n_ops: int = 2
    magnitude: int = 9

    name: ClassVar[str] = "randaugment"

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_ops", whole_number("n_ops", self.n_ops, 1, 16))
        magnitude = whole_number("magnitude", self.magnitude, 0, _N_MAGNITUDES - 1)
        object.__setattr__(self, "magnitude", magnitude)

    def transform(self) -> Any:
        """Return torchvision's RandAugment."""
        return v2.RandAugment(self.n_ops, self.magnitude, _N_MAGNITUDES)


@dataclass(frozen=True)
class TrivialAugment(_Policy):
    """Train on images changed by one random operation of a random strength.

    Source: Müller and Hutter, "TrivialAugment: Tuning-free yet state-of-the-art data augmentation",
    ICCV 2021, the wide space.
    """

    name: ClassVar[str] = "trivialaugment"

    def transform(self) -> Any:
        """Return torchvision's TrivialAugmentWide."""
        return v2.TrivialAugmentWide(_N_MAGNITUDES)


def _transformed(
    pixels: NDArray[np.uint8], seeds: Sequence[int], transform: Any
) -> tuple[torch.Tensor, ...]:
    changed = np.empty_like(pixels)
    for place, seed in enumerate(seeds):
        with global_generator(int(seed)):
            changed[place] = transform(Image.fromarray(pixels[place]))
    return (level_tensor(changed),)
