"""Cutout: a square hole in every image."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from fractalgen.arguments import real_number
from fractalgen.methods.method import Batch, Method

__all__ = ["Cutout", "boxes"]


@dataclass(frozen=True)
class Cutout(Method):
    """Train on images with a square hole of the mean colour.

    The hole's centre is a random pixel, so a part of the hole can lie outside of the image.

    Source: DeVries and Taylor, "Improved regularization of convolutional neural networks with
    cutout", 2017. Its holes are 16 pixels of 32 on CIFAR-10, 8 on CIFAR-100.

    Attributes
    ----------
    hole : float
        Side of the hole as a share of the image's side, 0 to 2; rounded to whole pixels.
    """

    hole: float = 0.5

    name: ClassVar[str] = "cutout"

    def __post_init__(self) -> None:
        object.__setattr__(self, "hole", real_number("hole", self.hole, 0, 2))

    def on_device(self, batch: Batch, network: nn.Module, rng: np.random.Generator) -> Batch:
        """Set a square in all views of an image to 0, the mean of normalised values."""
        n, _, height, width = batch.views[0].shape
        side = round(self.hole * height)
        tops, lefts = (rng.integers(0, size, n) - side // 2 for size in (height, width))
        inside = boxes(tops, lefts, side, side, height, width).to(batch.views[0].device)
        views = tuple(view.masked_fill(inside[:, None], 0.0) for view in batch.views)
        return dataclasses.replace(batch, views=views)


def boxes(
    tops: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    lefts: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    tall: int,
    wide: int,
    height: int,
    width: int,
) -> torch.Tensor:
    """Return a mask, bool (n, height, width), of a rectangle per image, cut off at the borders."""
    rows = np.arange(height) - np.asarray(tops)[:, None]
    columns = np.arange(width) - np.asarray(lefts)[:, None]
    in_rows, in_columns = (rows >= 0) & (rows < tall), (columns >= 0) & (columns < wide)
    return torch.from_numpy(in_rows[:, :, None] & in_columns[:, None, :])
