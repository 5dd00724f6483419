"""Images of nothing: noise of three kinds, to which a network should have no firm answer."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.seeding import rng_for

__all__ = ["noise_images"]

_BLOB_GRID = 32
_BLOB_SHARE = 0.7
_BLOB_SIGMA = 1.5
_BLOB_LEVEL = 0.75


def noise_images(n: int, size: int, seed: int, *, first: int = 0) -> NDArray[np.uint8]:
    """Draw images of noise, of these kinds in turn.

    Gaussian: every value is normal around the middle grey, with a standard deviation of a quarter
    of the range, clipped. Rademacher: every value is 0 or 255, as likely. Blobs: of a grid of
    32 x 32 x 3 values, 70% are 1 and the others 0; blurred along all three axes by a Gaussian of
    standard deviation 1.5, those below 0.75 become 0; enlarged to `size`. The three stand among the
    test distributions of Hendrycks, Mazeika and Dietterich, "Deep anomaly detection with outlier
    exposure", ICLR 2019.

    Parameters
    ----------
    n : int
        How many.
    size : int
        Pixels a side.
    seed : int
        0 or more. An image is a function of it and of its place alone.
    first : int
        The place of the first one.

    Returns
    -------
    ndarray of uint8, shape (n, size, size, 3)
    """
    kinds = (_gaussian, _rademacher, _blobs)
    out = np.empty((n, size, size, 3), np.uint8)
    for row in range(n):
        index = first + row
        out[row] = kinds[index % len(kinds)](size, rng_for(seed, "noise", index))
    return out


def _gaussian(size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    return _as_pixels(rng.normal(0.5, 0.25, (size, size, 3)))


def _rademacher(size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    coins = rng.integers(2, size=(size, size, 3), dtype=np.uint8)
    pixels: NDArray[np.uint8] = coins * np.uint8(255)
    return pixels


def _blobs(size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    from scipy.ndimage import gaussian_filter

    grid = (rng.random((_BLOB_GRID, _BLOB_GRID, 3)) < _BLOB_SHARE).astype(np.float64)
    smooth = gaussian_filter(grid, _BLOB_SIGMA, mode="nearest")
    smooth[smooth < _BLOB_LEVEL] = 0
    image = Image.fromarray(_as_pixels(smooth))
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def _as_pixels(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Bring values from 0 to 1 to pixels, and clip what is beyond."""
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
