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

__all__ = ["CoMixup", "assigned", "block_costs"]

_MAX_SWEEPS = 10
_MIN_PROBABILITY = 1e-8


@dataclass(frozen=True)
class CoMixup(Method):
    """Train on images put together from the salient blocks of all images of a group.

    Every output says for each block of a grid which image of the group shows there. Blocks are
    reassigned one by one until no reassignment lowers the cost, which is the saliency that is not
    shown, borders between images, departures from random shares, and images that are shown in many
    outputs.

    Source: Kim et al., "Co-Mixup: Saliency guided joint mixup with supermodular diversity", ICLR
    2021. Differences: blocks are assigned one at a time instead of by graph cuts, and to one image
    each; the cost of repetition has neither the paper's threshold nor its distances between the
    images; and there is no second loss on the clean images.

    Attributes
    ----------
    group : int
        Number of images that are mixed with each other, 2 to 1000.
    grid : int
        Blocks a side, 1 to 64.
    smoothness : float
        Cost of a border between two images, 0 to 100; the paper's beta.
    diversity : float
        Cost of showing an image that other outputs show, 0 to 100; the paper's gamma.
    prior : float
        Cost of departures from the random shares, 0 to 100; the paper's eta.
    alpha : float
        Parameter of the Dirichlet distribution of the shares, 0.01 to 1000.
    """

    group: int = 20
    grid: int = 4
    smoothness: float = 0.32
    diversity: float = 1.0
    prior: float = 0.05
    alpha: float = 2.0

    name: ClassVar[str] = "co-mixup"

    def __post_init__(self) -> None:
        object.__setattr__(self, "group", whole_number("group", self.group, 2, 1000))
        object.__setattr__(self, "grid", whole_number("grid", self.grid, 1, 64))
        for name in ("smoothness", "diversity", "prior"):
            object.__setattr__(self, name, real_number(name, getattr(self, name), 0, 100))
        object.__setattr__(self, "alpha", real_number("alpha", self.alpha, 0.01, 1000))

    def on_device(self, batch: Batch, network: nn.Module, rng: np.random.Generator) -> Batch:
        """Mix all views of a group by the saliency of the first."""
        first = batch.views[0]
        n, (height, width), device = len(first), first.shape[-2:], first.device
        saliency = block_saliency(gradient_saliency(network, first, batch.targets), self.grid)
        chosen = np.empty((n, self.grid, self.grid), np.int64)
        for start in range(0, n, self.group):
            part = slice(start, start + self.group)
            chosen[part] = start + assigned(self, saliency[part], rng)
        blocks = torch.from_numpy(chosen).to(device)
        pixels = functional.interpolate(blocks[:, None].double(), (height, width))[:, 0].long()
        rows = torch.arange(height, device=device)[:, None]
        columns = torch.arange(width, device=device)
        # Indexed by three tensors, the channels come last.
        views = tuple(
            view.permute(0, 2, 3, 1)[pixels, rows, columns].permute(0, 3, 1, 2)
            for view in batch.views
        )
        shares = functional.one_hot(pixels.flatten(1), n).float().mean(dim=1)
        return dataclasses.replace(batch, views=views, targets=shares @ batch.class_weights)


def assigned(
    options: CoMixup, saliency: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the image that shows in each block of each output, shape (n, grid, grid).

    `saliency` has the shape (n, grid, grid). At the start, output i shows image i. The cost falls
    with every change, so the loop ends.
    """
    n, grid, _ = saliency.shape
    shares = rng.dirichlet(np.full(n, options.alpha), n)
    chosen = np.broadcast_to(np.arange(n)[:, None, None], saliency.shape).copy()
    for _ in range(_MAX_SWEEPS):
        changed = False
        for output, row, column in np.ndindex(n, grid, grid):
            costs = block_costs(options, saliency, shares, chosen, (output, row, column))
            best = int(costs.argmin())
            if costs[best] < costs[chosen[output, row, column]] - 1e-12:
                chosen[output, row, column] = best
                changed = True
        if not changed:
            break
    return chosen


def block_costs(
    options: CoMixup,
    saliency: NDArray[np.float64],
    shares: NDArray[np.float64],
    chosen: NDArray[np.int64],
    at: tuple[int, int, int],
) -> NDArray[np.float64]:
    """Return what each image would cost in a block if all others stayed, shape (n,).

    Up to what is the same for all images, with g blocks a side, an image costs less its saliency
    in the block; smoothness / g^2 for each neighbour that shows another image; prior / g^2 times
    -log of its share in the output; and diversity / g^2 times the share of the blocks in which the
    other outputs show it, added up over the outputs.
    """
    output, row, column = at
    n, grid, _ = saliency.shape
    n_blocks = grid * grid
    shown = np.bincount(chosen.ravel(), minlength=n)
    shown = shown - np.bincount(chosen[output].ravel(), minlength=n)
    costs = -saliency[:, row, column] * n_blocks
    costs += options.diversity * shown / n_blocks
    costs -= options.prior * np.log(shares[output] + _MIN_PROBABILITY)
    for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
        if 0 <= r < grid and 0 <= c < grid:
            costs[chosen[output, r, c]] -= options.smoothness
    return costs / n_blocks
