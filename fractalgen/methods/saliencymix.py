"""SaliencyMix: CutMix with the rectangle at the most salient pixel."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from fractalgen.arguments import real_number
from fractalgen.methods.cutout import boxes
from fractalgen.methods.method import Batch, Method
from fractalgen.methods.saliency import center_surround

__all__ = ["SaliencyMix"]


@dataclass(frozen=True)
class SaliencyMix(Method):
    """Train on images with the most salient rectangle of another, at the place where it was there.

    Each image gets its own rectangle, centred at its partner's most salient pixel and cut off at
    the borders; the public code has one rectangle per batch, by the saliency of one image. The
    saliency is the idea of the paper's, OpenCV's fine-grained saliency, without its rounding.

    Source: Uddin et al., "SaliencyMix: A saliency guided data augmentation strategy for better
    regularization", ICLR 2021.

    Attributes
    ----------
    alpha : float
        Both parameters of the Beta distribution of the share that is kept, 0.01 to 1000.
    p : float
        Share of the batches that are mixed, 0 to 1.
    """

    alpha: float = 1.0
    p: float = 0.5

    name: ClassVar[str] = "saliencymix"

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", real_number("alpha", self.alpha, 0.01, 1000))
        object.__setattr__(self, "p", real_number("p", self.p, 0, 1))

    def on_device(self, batch: Batch, network: nn.Module, rng: np.random.Generator) -> Batch:
        """Paste a rectangle into all views of an image; targets are weighted by its area."""
        if rng.random() >= self.p:
            return batch
        n, _, height, width = batch.views[0].shape
        share = float(np.sqrt(1 - rng.beta(self.alpha, self.alpha)))
        tall, wide = int(height * share), int(width * share)
        partners = torch.from_numpy(rng.permutation(n)).to(batch.labels.device)
        places = center_surround(batch.views[0])[partners].flatten(1).argmax(dim=1).cpu().numpy()
        tops, lefts = places // width - tall // 2, places % width - wide // 2
        pasted = boxes(tops, lefts, tall, wide, height, width).to(batch.labels.device)
        views = tuple(torch.where(pasted[:, None], view[partners], view) for view in batch.views)
        area = pasted.float().mean(dim=(1, 2))[:, None]
        weights = batch.class_weights
        targets = weights * (1 - area) + weights[partners] * area
        return dataclasses.replace(batch, views=views, targets=targets)
