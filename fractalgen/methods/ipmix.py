"""IPMix as a training method: with the Jensen-Shannon loss of three views, of pairs, or without."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from fractalgen.arguments import real_number, true_or_false
from fractalgen.augment import IPMix, IPMixConfig
from fractalgen.bank import MixingSet
from fractalgen.errors import ArgumentError
from fractalgen.methods.augmented import Augmented
from fractalgen.methods.method import Batch, Views
from fractalgen.seeding import bits_at
from fractalgen.torch.datasets import normalized_tensor
from fractalgen.torch.losses import pair_loss

__all__ = ["IPMixMethod"]

# Of the paper's operations those that change tones, and rotate; half of the draws are of PRIME's.
_OUR_OPS = (
    *("filter", "tone", "warp", "filter", "tone"),
    *("equalize", "posterize", "solarize", "invert", "rotate"),
)
_PAIR_WEIGHT = 12.0
_OWN_PLACE = 1 << 40  # far from the numbers of an image's stream that its plan is drawn from


@dataclass(frozen=True)
class IPMixMethod(Augmented, IPMixConfig):
    """Train on images mixed by IPMix; the options are these and those of `fractalgen.IPMix`.

    Source: Huang et al., "IPMix: Label-Preserving Data Augmentation Method for Training Robust
    Classifiers", NeurIPS 2023. `clean_share` and `pairs` are not in it.

    Attributes
    ----------
    clean_share : float
        Without JSD: the chance that an image's first view is left clean, 0 to 1.
    pairs : bool
        Without JSD: train on two views of each image, with the cross entropy of both and their
        divergence. The second is mixed.
    pair_weight : float
        Weight of the divergence of pairs, 0 to 1000.
    """

    jsd: bool = True
    clean_share: float = 0.0
    pairs: bool = False
    pair_weight: float = _PAIR_WEIGHT

    name: ClassVar[str] = "ipmix"
    uses_set: ClassVar[bool] = True
    augmenter: ClassVar[type[IPMix]] = IPMix
    recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"compat": "paper"},
        "official": {"compat": "official"},
        "fractalgen": {
            "compat": "paper",
            "jsd": False,
            "image_ops": _OUR_OPS,
        },
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        real_number("clean_share", self.clean_share, 0.0, 1.0)
        true_or_false("pairs", self.pairs)
        real_number("pair_weight", self.pair_weight, 0.0, 1000.0)
        if self.jsd and (self.pairs or self.clean_share):
            which = "pairs" if self.pairs else "clean_share"
            raise ArgumentError(
                f"{which} is for training without jsd; use jsd=False (--no-jsd), or clean_share=0 "
                "and pairs=False (--clean-share 0 --no-pairs)"
            )
        if self.pair_weight != _PAIR_WEIGHT and not self.pairs:
            raise ArgumentError("pair_weight is for training with pairs")

    @property
    def n_views(self) -> int:
        """Three with JSD, two in pairs, otherwise one."""
        return 2 if self.pairs else super().n_views

    def views(
        self, mixing_set: MixingSet | None, mean: Sequence[float], std: Sequence[float]
    ) -> Views:
        """Mix the images, and leave some clean."""
        if not self.pairs and not self.clean_share:
            return super().views(mixing_set, mean, std)
        if mixing_set is None:
            raise ArgumentError(f"the method {self.name} needs a mixing set")
        return functools.partial(
            _some_clean,
            aug=self.augmenter(mixing_set, self),
            share=self.clean_share,
            n_views=self.n_views,
            mean=tuple(mean),
            std=tuple(std),
        )

    def loss(self, batch: Batch, logits: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the cross entropy, with the divergence if there are several views."""
        if not self.pairs:
            return super().loss(batch, logits)
        first, second = logits
        return pair_loss(first, second, batch.targets, self.pair_weight)


def _some_clean(
    pixels: NDArray[np.uint8],
    seeds: Sequence[int],
    aug: IPMix,
    share: float,
    n_views: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> tuple[torch.Tensor, ...]:
    """Return a view that is clean for a share of the images, and a mixed one if there are two."""
    own = np.array(seeds, np.uint64)
    stays = (bits_at(own, _OWN_PLACE) >> np.uint64(11)) * 2.0**-53 < share
    views = [normalized_tensor(pixels, mean, std)]
    mix = functools.partial(aug.batch, mean=mean, std=std, layout="NCHW")
    mixed = np.flatnonzero(~stays)
    if mixed.size:
        views[0][mixed] = torch.from_numpy(mix(pixels[mixed], own[mixed]))
    if n_views == 2:
        views.append(torch.from_numpy(mix(pixels, bits_at(own, _OWN_PLACE + 1))))
    return tuple(views)
