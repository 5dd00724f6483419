"""Co-Mixup: a batch of images put together from the salient blocks of many, with diversity."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from fractalgen.arguments import real_number, whole_number
from fractalgen.methods.method import Batch, Method
from fractalgen.methods.puzzlemix import block_saliency
from fractalgen.methods.saliency import gradient_saliency

__all__ = ["CoMixup", "assigned", "settled"]

_ROUNDS = 3
_MIN_PROBABILITY = 1e-8
_MIN_GAIN = 1e-12  # larger than what rounding can make of nothing


@dataclass(frozen=True)
class CoMixup(Method):
    """Train on images put together from the salient blocks of all images of a group.

    Every output says for each block of a grid which image of the group shows there. The outputs are
    improved one after another, in three rounds. A block costs less the more salient it is in the
    image that it shows, and more at borders between images. An image that fills too many blocks of
    the other outputs costs more, so that the outputs differ.

    Source: Kim et al., "Co-Mixup: Saliency guided joint mixup with supermodular diversity", ICLR
    2021. Differences: an output's blocks are improved one by one instead of by graph cuts, and each
    shows one image, not an average; distances between the images' salient parts do not count; and
    the clean images are not trained on, too.

    Attributes
    ----------
    group : int
        Number of images that are mixed with each other, 2 to 1000.
    grid : int
        Blocks a side, 1 to 64.
    smoothness : float
        Cost of a border between two images, 0 to 100; the paper's beta.
    diversity : float
        Cost of an image that the other outputs show too often, 0 to 100; the paper's gamma.
    threshold : float
        How often that is, in outputs, 0 to 1000; the paper's tau.
    prior : float
        Cost of an image in proportion to -log of its random share, 0 to 100; the paper's eta.
    alpha : float
        Parameter of the Dirichlet distribution of the shares, 0.01 to 1000.
    """

    group: int = 20
    grid: int = 4
    smoothness: float = 0.32
    diversity: float = 1.0
    threshold: float = 0.83
    prior: float = 0.05
    alpha: float = 2.0

    name: ClassVar[str] = "co-mixup"
    uses_network: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "group", whole_number("group", self.group, 2, 1000))
        object.__setattr__(self, "grid", whole_number("grid", self.grid, 1, 64))
        for name in ("smoothness", "diversity", "prior"):
            object.__setattr__(self, name, real_number(name, getattr(self, name), 0, 100))
        object.__setattr__(self, "threshold", real_number("threshold", self.threshold, 0, 1000))
        object.__setattr__(self, "alpha", real_number("alpha", self.alpha, 0.01, 1000))

    def on_device(self, batch: Batch, network: nn.Module, rng: np.random.Generator) -> Batch:
        """Mix all views of a group by the saliency of the first."""
        first = batch.views[0]
        n, (height, width), device = len(first), first.shape[-2:], first.device
        saliency = block_saliency(gradient_saliency(network, first, batch.targets), self.grid)
        chosen = np.arange(n)[:, None, None] // self.group * self.group  # a group's first image
        chosen = np.tile(chosen, (1, self.grid, self.grid))
        n_whole = n - n % self.group
        for part, size in ((slice(n_whole), self.group), (slice(n_whole, n), n - n_whole)):
            if len(saliency[part]):
                groups = saliency[part].reshape(-1, size, self.grid, self.grid)
                chosen[part] += assigned(self, groups, rng).reshape(-1, self.grid, self.grid)
        blocks = torch.from_numpy(chosen).to(device)
        pixels = functional.interpolate(blocks[:, None].double(), (height, width))[:, 0].long()
        rows = torch.arange(height, device=device)[:, None]
        columns = torch.arange(width, device=device)
        # Indexed by three tensors, the channels come last.
        views = tuple(
            view.permute(0, 2, 3, 1)[pixels, rows, columns].permute(0, 3, 1, 2)
            for view in batch.views
        )
        ones = torch.ones(n, height * width, device=device)
        shares = torch.zeros(n, n, device=device).scatter_add_(1, pixels.flatten(1), ones)
        shares /= height * width
        return dataclasses.replace(batch, views=views, targets=shares @ batch.class_weights)


def assigned(
    options: CoMixup, saliency: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return which image of its group each block of each output shows.

    `saliency` and the result have the shape (n_groups, n, grid, grid); each image's saliency adds
    up to 1. With g blocks a side, an image costs -saliency in a block, prior / g^2 times -log of
    its share, smoothness / g^2 for each neighbour that shows another image, and, if it shows in
    more than threshold g^2 blocks of the other outputs, 2 diversity / g^2 times that number.
    """
    n_groups, n, grid, _ = saliency.shape
    n_blocks = grid * grid
    shares = rng.dirichlet(np.full(n, options.alpha), n_groups)
    costs = -saliency.transpose(0, 2, 3, 1)
    prior = -options.prior / n_blocks * np.log(shares + _MIN_PROBABILITY)
    costs = costs + prior[:, None, None]
    chosen = rng.integers(0, n, saliency.shape)
    images = np.arange(n)
    counts = (chosen.reshape(n_groups, -1, 1) == images).sum(axis=1)
    for _ in range(_ROUNDS):
        for output in range(n):
            counts -= (chosen[:, output].reshape(n_groups, -1, 1) == images).sum(axis=1)
            often = np.where(counts > options.threshold * n_blocks, counts, 0)
            penalty = 2 * options.diversity / n_blocks * often[:, None, None]
            chosen[:, output] = settled(costs + penalty, options.smoothness / n_blocks)
            counts += (chosen[:, output].reshape(n_groups, -1, 1) == images).sum(axis=1)
    return chosen


def settled(costs: NDArray[np.float64], border: float) -> NDArray[np.int64]:
    """Return a label for each block of each grid; no change of one block alone would cost less.

    Source: Besag, "On the statistical analysis of dirty pictures", JRSS B 1986, iterated
    conditional modes, here on the black and the white squares of a chessboard in turn.

    Parameters
    ----------
    costs : ndarray, shape (n, height, width, n_labels)
        Of each label in each block.
    border : float
        Cost of neighbours whose labels differ.
    """
    n, height, width, n_labels = costs.shape
    labels: NDArray[np.int64] = costs.argmin(axis=3)
    black = np.add.outer(np.arange(height), np.arange(width)) % 2 == 0
    same = np.zeros((n, height + 2, width + 2, n_labels))
    still = 0
    while still < 2:
        same[:, 1:-1, 1:-1] = labels[..., None] == np.arange(n_labels)
        beside = same[:, :-2, 1:-1] + same[:, 2:, 1:-1] + same[:, 1:-1, :-2] + same[:, 1:-1, 2:]
        total = costs - border * beside
        best = total.argmin(axis=3)[..., None]
        gain = np.take_along_axis(total, labels[..., None], 3) - np.take_along_axis(total, best, 3)
        change = black & (gain[..., 0] > _MIN_GAIN)
        labels = np.where(change, best[..., 0], labels)
        black = ~black
        still = 0 if change.any() else still + 1
    return labels
