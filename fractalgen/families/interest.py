"""What a small probe of an image tells of how dull it is, in whole numbers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Interest", "interest"]

_TILE = 8
_EDGE = 24  # grey levels between neighbouring pixels


@dataclass(frozen=True)
class Interest:
    """How much there is to see.

    Attributes
    ----------
    contrast : int
        Grey levels between the 5th and the 95th percentile of luma.
    edged_tiles : float
        Share of the 8 x 8 tiles that hold an edge, 0 to 1.
    grain : float
        Mean difference of neighbouring pixels' luma over the mean difference of far ones': about
        1 for noise, below 0.5 for most images.
    """

    contrast: int
    edged_tiles: float
    grain: float


def interest(rgb: NDArray[np.uint8]) -> Interest:
    """Measure an image of a multiple of 8 pixels a side, shape (size, size, 3).

    The sums are of integers, so that a gate decides the same on every processor.
    """
    channels = rgb.astype(np.int32)
    luma = (54 * channels[..., 0] + 183 * channels[..., 1] + 19 * channels[..., 2]) >> 8
    ordered = np.sort(luma, axis=None)
    contrast = int(ordered[ordered.size * 95 // 100] - ordered[ordered.size * 5 // 100])
    across = np.abs(np.diff(luma, axis=1))
    down = np.abs(np.diff(luma, axis=0))
    edges = np.zeros(luma.shape, np.bool_)
    edges[:, 1:] = across >= _EDGE
    edges[1:] |= down >= _EDGE
    n = luma.shape[0] // _TILE
    edged = int(np.count_nonzero(edges.reshape(n, _TILE, n, _TILE).any(axis=(1, 3))))
    half = luma.shape[0] // 2
    near = int(across.sum()) + int(down.sum())
    far = int(np.abs(luma[half:] - luma[:half]).sum())
    far += int(np.abs(luma[:, half:] - luma[:, :half]).sum())
    return Interest(contrast, edged / (n * n), near / 2 / max(far, 1))
