"""Puzzle Mix: the salient parts of two images, moved so that both fit into one."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import nn
from torch.nn import functional

from fractalgen.arguments import real_number, true_or_false
from fractalgen.methods.method import Batch, Method
from fractalgen.methods.min_cut import min_cut_labels
from fractalgen.methods.saliency import gradient_saliency

__all__ = ["PuzzleMix", "block_saliency", "mask_of", "moves", "rearranged"]

_GRIDS = (2, 4, 8, 16)
_MAX_MOVED = 8  # cells a side that are moved; 4 pixels each at 32
_VALUES = 4.0  # the range of normalised pixel values, about
_MIN_PROBABILITY = 1e-8


@dataclass(frozen=True)
class PuzzleMix(Method):
    """Train on images put together from the most salient blocks of two.

    A grid of 2 to 16 blocks a side is chosen for each batch. A minimum cut then decides for each
    block which of the two images shows there, and an assignment moves the salient blocks of each
    image to where it shows.

    Source: Kim et al., "Puzzle Mix: Exploiting saliency and local statistics for optimal mixup",
    ICML 2020. Differences: blocks have two labels, not three, so the cut is exact; the assignment
    is exact, too; neighbours cost nothing where they belong to the same image; and no adversarial
    noise is added.

    Attributes
    ----------
    alpha : float
        Both parameters of the Beta distribution of the partner's share, 0.01 to 1000.
    smoothness : float
        Cost of a border between the images, 0 to 100; the paper's beta.
    contrast : float
        Additional cost of a border where the colours differ, 0 to 100; the paper's gamma.
    prior : float
        Cost of blocks beyond an image's share, 0 to 100; the paper's eta.
    distance : float
        Cost of moving a block, 0 to 100; the paper's xi.
    transport : bool
        Move the blocks.
    """

    alpha: float = 1.0
    smoothness: float = 1.2
    contrast: float = 0.5
    prior: float = 0.2
    distance: float = 0.8
    transport: bool = True

    name: ClassVar[str] = "puzzlemix"

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", real_number("alpha", self.alpha, 0.01, 1000))
        for name in ("smoothness", "contrast", "prior", "distance"):
            object.__setattr__(self, name, real_number(name, getattr(self, name), 0, 100))
        object.__setattr__(self, "transport", true_or_false("transport", self.transport))

    def on_device(self, batch: Batch, network: nn.Module, rng: np.random.Generator) -> Batch:
        """Mix all views of an image by the saliency of the first."""
        first = batch.views[0]
        n, _, height, width = first.shape
        saliency = gradient_saliency(network, first, batch.targets)
        grid = _GRIDS[rng.integers(len(_GRIDS))]
        share = float(rng.beta(self.alpha, self.alpha))
        partners = torch.from_numpy(rng.permutation(n)).to(first.device)
        blocks = functional.adaptive_avg_pool2d(first, grid).double().cpu().numpy()
        salient = block_saliency(saliency, grid)
        others = partners.cpu().numpy()
        mask = mask_of(self, salient, salient[others], blocks, blocks[others], share)
        shows = torch.from_numpy(mask).to(first.device)
        mine, theirs = batch.views, tuple(view[partners] for view in batch.views)
        n_moved = next(
            k for k in (_MAX_MOVED, 4, 2, 1) if k <= grid and not (height % k or width % k)
        )
        if self.transport and n_moved > 1:
            cells = block_saliency(saliency, n_moved)
            shown = [
                functional.adaptive_max_pool2d(part.float(), n_moved).cpu().numpy()
                for part in (~shows, shows)
            ]
            to_mine = moves(cells, shown[0], self.distance)
            to_theirs = moves(cells[others], shown[1], self.distance)
            mine = tuple(rearranged(view, to_mine) for view in mine)
            theirs = tuple(rearranged(view, to_theirs) for view in theirs)
        pixels = functional.interpolate(shows[:, None].float(), (height, width)) > 0.5
        views = tuple(torch.where(pixels, b, a) for a, b in zip(mine, theirs, strict=True))
        area = pixels.float().mean(dim=(1, 2, 3))[:, None]
        weights = batch.class_weights
        targets = weights * (1 - area) + weights[partners] * area
        return dataclasses.replace(batch, views=views, targets=targets)


def block_saliency(saliency: torch.Tensor, grid: int) -> NDArray[np.float64]:
    """Return each block's share of an image's saliency, shape (n, grid, grid)."""
    blocks = functional.adaptive_avg_pool2d(saliency[:, None], grid)[:, 0].double().cpu().numpy()
    total = blocks.sum(axis=(1, 2), keepdims=True)
    even = np.full_like(blocks, 1 / grid**2)
    shares: NDArray[np.float64] = np.divide(blocks, total, out=even, where=total > 0)
    return shares


def mask_of(
    options: PuzzleMix,
    mine: NDArray[np.float64],
    theirs: NDArray[np.float64],
    my_colors: NDArray[np.float64],
    their_colors: NDArray[np.float64],
    share: float,
) -> NDArray[np.bool_]:
    """Return where the partner shows, bool (n, grid, grid).

    A block costs the saliency of the image that it hides, and the prior's -log of the `share` of
    the one that it shows. A border between the images costs `smoothness` and, in proportion to the
    difference of the colours across it, `contrast`.

    Parameters
    ----------
    options : PuzzleMix
        Its costs are used.
    mine, theirs : ndarray, shape (n, grid, grid)
        Shares of the saliency of the two images.
    my_colors, their_colors : ndarray, shape (n, channels, grid, grid)
        Means of the blocks, normalised.
    share : float
        Of the partner.
    """
    grid = mine.shape[-1]
    prior = options.prior / grid**2
    shows_mine = theirs - prior * np.log(1 - share + _MIN_PROBABILITY)
    shows_theirs = mine - prior * np.log(share + _MIN_PROBABILITY)
    right, down = (
        (options.smoothness + options.contrast * _seam(my_colors, their_colors, axis)) / (16 * grid)
        for axis in (3, 2)
    )
    return min_cut_labels(shows_mine, shows_theirs, right, down)


def _seam(a: NDArray[np.float64], b: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the mean difference of colours when neighbours along an axis are of a and b."""
    before, after = (slice(None, -1), slice(1, None))
    at = [(slice(None),) * axis + (part,) for part in (before, after)]
    differences = np.abs(a[at[0]] - b[at[1]]) + np.abs(b[at[0]] - a[at[1]])
    mean: NDArray[np.float64] = differences.mean(axis=1) / 2 / _VALUES
    return mean


def moves(
    saliency: NDArray[np.float64], shown: NDArray[np.float64], distance: float
) -> NDArray[np.int64]:
    """Return which cell moves to each cell, numbered row by row, shape (n, grid * grid).

    The sum is least of `distance` times the squared distance of each move, in units of the grid's
    side, less the saliency that moves to a cell where the image is shown.

    Parameters
    ----------
    saliency : ndarray, shape (n, grid, grid)
        Shares of the saliency.
    shown : ndarray, shape (n, grid, grid)
        Whether the image shows in each cell, 0 or 1.
    distance : float
        Cost of a move across the grid's side.
    """
    n, grid, _ = saliency.shape
    places = np.stack(np.divmod(np.arange(grid * grid), grid), axis=1) / max(grid - 1, 1)
    far = distance * np.square(places[:, None] - places[None]).sum(axis=2)
    found = np.empty((n, grid * grid), np.int64)
    for image in range(n):
        cost = far - np.outer(saliency[image], shown[image])
        sources, ends = linear_sum_assignment(cost)
        found[image, ends] = sources
    return found


def rearranged(images: torch.Tensor, sources: NDArray[np.int64]) -> torch.Tensor:
    """Return images whose cells come from the cells that `moves` names."""
    n, channels, height, width = images.shape
    grid = round(sources.shape[1] ** 0.5)
    tall, wide = height // grid, width // grid
    cells = images.reshape(n, channels, grid, tall, grid, wide).permute(0, 2, 4, 1, 3, 5)
    flat = cells.reshape(n, grid * grid, channels, tall, wide)
    order = torch.from_numpy(sources).to(images.device)
    moved = flat[torch.arange(n, device=images.device)[:, None], order]
    back = moved.reshape(n, grid, grid, channels, tall, wide).permute(0, 3, 1, 4, 2, 5)
    return back.reshape(n, channels, height, width)
