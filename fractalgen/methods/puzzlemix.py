"""Puzzle Mix: the salient parts of two images, moved so that both fit into one."""

import dataclasses
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import nn
from torch.nn import functional

from fractalgen.arguments import real_number, true_or_false, whole_number
from fractalgen.errors import ArgumentError
from fractalgen.methods.method import Batch, Method
from fractalgen.methods.min_cut import min_cut_labels
from fractalgen.methods.saliency import gradient_saliency

__all__ = ["PuzzleMix", "block_saliency", "mask_of", "moves", "rearranged"]

_GRIDS = (2, 4, 8, 16)
_MOVED = (8, 4, 2, 1)  # cells a side that are moved; 8 have 4 pixels each at 32
_VALUES = 4.0  # the range of normalised pixel values, about
_MIN_PROBABILITY = 1e-8


@dataclass(frozen=True)
class PuzzleMix(Method):
    """Train on images put together from the most salient blocks of two.

    A grid of 2 to 16 blocks a side is chosen for each batch. A minimum cut then decides how much of
    which of the two images shows in each block, and an assignment moves the salient parts of each
    image to where it shows.

    Source: Kim et al., "Puzzle Mix: Exploiting saliency and local statistics for optimal mixup",
    ICML 2020. Differences: cut and assignment are exact; colours are compared across borders by the
    means of blocks; at most 8 x 8 parts are moved; no adversarial noise is added, and the clean
    images are not trained on, too.

    Attributes
    ----------
    alpha : float
        Both parameters of the Beta distribution of the partner's share, 0.01 to 1000.
    n_labels : int
        Number of weights that a block can have, evenly from 0 to 1; 2 to 4.
    smoothness : float
        Cost of a border between the images, 0 to 100; the paper's beta.
    contrast : float
        Cost of different colours across borders, 0 to 100, in proportion to `smoothness`; the
        paper's gamma.
    prior : float
        Cost of departures from the shares, 0 to 100; the paper's eta.
    distance : float
        Cost of moving a part across the image, 0 to 100; the paper's xi.
    transport : bool
        Move the parts.
    """

    alpha: float = 1.0
    n_labels: int = 3
    smoothness: float = 1.2
    contrast: float = 0.5
    prior: float = 0.2
    distance: float = 0.8
    transport: bool = True

    name: ClassVar[str] = "puzzlemix"
    uses_network: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", real_number("alpha", self.alpha, 0.01, 1000))
        object.__setattr__(self, "n_labels", whole_number("n_labels", self.n_labels, 2, 4))
        for name in ("smoothness", "contrast", "prior", "distance"):
            object.__setattr__(self, name, real_number(name, getattr(self, name), 0, 100))
        object.__setattr__(self, "transport", true_or_false("transport", self.transport))
        if not self.transport and self.distance != type(self).distance:
            raise ArgumentError("distance is for moving the parts, with transport")

    def on_device(self, batch: Batch, network: nn.Module, rng: np.random.Generator) -> Batch:
        """Mix all views of an image by the saliency of the first."""
        first = batch.views[0]
        n, _, height, width = first.shape
        saliency = gradient_saliency(network, first, batch.targets)
        grid = _GRIDS[rng.integers(len(_GRIDS))]
        share = float(rng.beta(self.alpha, self.alpha))
        partners = torch.from_numpy(rng.permutation(n)).to(first.device)
        others = partners.cpu().numpy()
        colors = functional.adaptive_avg_pool2d(first, grid).double().cpu().numpy() / _VALUES
        salient = block_saliency(saliency, grid)
        mask = mask_of(self, salient, salient[others], colors, colors[others], share)
        theirs = torch.from_numpy(mask.astype(np.float32)).to(first.device)
        mine, views = batch.views, tuple(view[partners] for view in batch.views)
        n_moved = next(side for side in _MOVED if not (height % side or width % side))
        if self.transport:
            cells = block_saliency(saliency, n_moved)
            shown = [
                functional.adaptive_max_pool2d((part > 0).float(), n_moved).cpu().numpy()
                for part in (1 - theirs, theirs)
            ]
            sources = moves(cells, shown[0], self.distance)
            mine = tuple(rearranged(view, sources) for view in mine)
            sources = moves(cells[others], shown[1], self.distance)
            views = tuple(rearranged(view, sources) for view in views)
        weight = functional.interpolate(theirs[:, None], (height, width))
        mixed = tuple((1 - weight) * a + weight * b for a, b in zip(mine, views, strict=True))
        area = weight.mean(dim=(1, 2, 3))[:, None]
        targets = batch.class_weights
        targets = targets * (1 - area) + targets[partners] * area
        return dataclasses.replace(batch, views=mixed, targets=targets)


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
) -> NDArray[np.float64]:
    """Return the partner's weight in each block, shape (n, grid, grid).

    With g blocks a side, a weight w costs the saliency that it hides, w mine + (1 - w) theirs;
    prior / g^2 times -log of its binomial probability for the `share`; and at every border
    s (dw^2 + contrast times the difference of the colours that meet), s = smoothness / 16 g. The
    difference of colours is that of the images that show, to first order in the weights.

    Parameters
    ----------
    options : PuzzleMix
        Its costs are used.
    mine, theirs : ndarray, shape (n, grid, grid)
        Shares of the saliency of the two images.
    my_colors, their_colors : ndarray, shape (n, channels, grid, grid)
        Mean colours of the blocks, with a range of about 1.
    share : float
        Of the partner.
    """
    grid, top = mine.shape[-1], options.n_labels - 1
    scale = options.smoothness / (16 * grid)
    colors = (my_colors, their_colors)
    hides = [theirs.copy(), mine.copy()]  # what it costs to show mine, and theirs
    borders = []
    for axis in (2, 1):
        before, after = ((slice(None),) * axis + (part,) for part in (slice(-1), slice(1, None)))
        seams = [[_seam(a, b, axis + 1) for b in colors] for a in colors]
        factor = scale * options.contrast / 2
        for image in (0, 1):
            hides[image][before] += factor * (seams[image][0] + seams[image][1])
            hides[image][after] += factor * (seams[0][image] + seams[1][image])
        excess = seams[0][1] + seams[1][0] - seams[0][0] - seams[1][1]
        borders.append(np.maximum(scale + factor * excess, 0) / top**2)
    costs = []
    for label in range(top + 1):
        weight = label / top
        chance = math.comb(top, label) * share**label * (1 - share) ** (top - label)
        prior = -options.prior / grid**2 * math.log(chance + _MIN_PROBABILITY)
        costs.append((1 - weight) * hides[0] + weight * hides[1] + prior)
    return min_cut_labels(np.stack(costs, axis=1), *borders) / top


def _seam(a: NDArray[np.float64], b: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the mean difference of colours when neighbours along an axis are of a and b."""
    before, after = ((slice(None),) * axis + (part,) for part in (slice(-1), slice(1, None)))
    mean: NDArray[np.float64] = np.abs(a[before] - b[after]).mean(axis=1)
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
