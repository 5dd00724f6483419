"""Out-of-distribution images: not from a run's classes, so a network should be unsure of them."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.bank.folder import ImageFile
from fractalgen.bank.source import Place, Source, open_source
from fractalgen.errors import BankError, ImageError, RunError, RunUsageError
from fractalgen.images.crops import square
from fractalgen.pool import OrderedPool, default_workers
from fractalgen.registry import nearest
from fractalgen.seeding import rng_for
from fractalgen.training.datasets import DATASETS, FOLDER_PREFIX, load_data

__all__ = ["NAMES", "OODImages", "is_of_data_set", "is_path", "noise_images", "ood_images"]

_NOISE = "noise"
_FRACTALS = "fractals"

NAMES: tuple[str, ...] = (_NOISE, _FRACTALS, *DATASETS)
"""The named sources."""

_BLOB_GRID = 32
_BLOB_SHARE = 0.7
_BLOB_SIGMA = 1.5
_BLOB_LEVEL = 0.75


@dataclass(frozen=True)
class OODImages:
    """`n` images; ``read(start, stop)`` returns some of them, uint8 of shape (m, size, size, 3)."""

    n: int
    read: Callable[[int, int], NDArray[np.uint8]]

    def __len__(self) -> int:
        return self.n

    def batches(self, batch_size: int) -> Iterator[NDArray[np.uint8]]:
        """Yield them in order, shape (batch, size, size, 3); the last batch may be smaller."""
        for start in range(0, self.n, batch_size):
            yield self.read(start, min(self.n, start + batch_size))


def ood_images(
    source: str, *, size: int, n: int, seed: int, data_dir: Path, set_folder: Place | None
) -> OODImages:
    """Open images on which a network was not trained; files are read on demand.

    Parameters
    ----------
    source : str
        ``noise``: see `noise_images`. ``fractals``: a mixing set's images. A data set's name, or
        ``folder:DIR``: its test images. A path: images in that folder or below it.
    size : int
        Side of the images in pixels; the centre squares of image files are resized.
    n : int
        Number of images, chosen at random by `seed`; all if there are fewer.

    Raises
    ------
    RunUsageError
        If the source is unknown, or ``fractals`` without a mixing set.
    RunError
        If the images cannot be read.
    """
    if source == _NOISE:
        return OODImages(n, lambda start, stop: noise_images(stop - start, size, seed, first=start))
    if source == _FRACTALS:
        if set_folder is None:
            raise RunUsageError("fractals need a mixing set; choose one with --set")
        return _from_folder(set_folder, _FRACTALS, size, n, seed)
    if not is_path(source):
        test = load_data(source, data_dir=data_dir, image_size=size).test
        chosen = _choice(len(test), n, seed, source)
        return OODImages(len(chosen), lambda start, stop: test.for_testing(chosen[start:stop]))
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise RunUsageError(
            f"'{source}' is neither a folder nor a source of OOD images: "
            f"{nearest(source, list(NAMES))}"
        )
    return _from_folder(folder, folder.name or source, size, n, seed)


def is_path(source: str) -> bool:
    """Whether a source is a path, and not the name of noise, fractals or a data set."""
    return source not in NAMES and not source.startswith(FOLDER_PREFIX)


def is_of_data_set(source: str, name: str) -> bool:
    """Whether a source is a data set itself, however the path of either is spelled."""
    if source in NAMES or not name.startswith(FOLDER_PREFIX):
        return source == name
    place = _resolved(source.removeprefix(FOLDER_PREFIX))
    known = _resolved(name.removeprefix(FOLDER_PREFIX))
    return place in (known, (known / "train").resolve(), (known / "val").resolve())


def _resolved(path: str) -> Path:
    return Path(path).expanduser().resolve()


def _choice(n_available: int, n: int, seed: int, source: str) -> NDArray[np.int64]:
    """Choose up to `n` at random, in ascending order."""
    readable = os.fsencode(source).decode("utf-8", "replace")
    # Don't change this name of the stream, or other images would be chosen.
    rng = rng_for(seed, f"unknown images of {readable}", 0)
    return np.sort(rng.permutation(n_available)[:n])


def _from_folder(folder: Place, label: str, size: int, n: int, seed: int) -> OODImages:
    try:
        source = open_source(folder)
    except BankError as error:
        raise RunError(str(error)) from None
    chosen = [source.images[index] for index in _choice(len(source.images), n, seed, label)]
    return OODImages(len(chosen), lambda start, stop: _read(source, chosen[start:stop], size))


def _read(source: Source, files: Sequence[ImageFile], size: int) -> NDArray[np.uint8]:
    def read(file: ImageFile, _: threading.Event) -> NDArray[np.uint8]:
        try:
            return square(source.read(file), size)
        except ImageError as error:
            raise RunError(
                f"cannot use {source.name}/{file.name}: {error}. Repair or remove it."
            ) from None

    out = np.empty((len(files), size, size, 3), np.uint8)
    with OrderedPool(read, default_workers()) as pool:
        for place, image in enumerate(pool.map(files)):
            out[place] = image
    return out


def noise_images(n: int, size: int, seed: int, *, first: int = 0) -> NDArray[np.uint8]:
    """Draw images of three kinds of noise in turn; each depends only on `seed` and its index.

    Gaussian: every value is normal around the middle grey, with a standard deviation of a quarter
    of the range, clipped. Rademacher: every value is 0 or 255, equally likely. Blobs: 70% of the
    values of a 32 x 32 x 3 grid are 1 and the others 0; they are blurred along all three axes by a
    Gaussian of standard deviation 1.5, those below 0.75 become 0, and the grid is enlarged. The
    three are test distributions of Hendrycks, Mazeika and Dietterich, "Deep anomaly detection with
    outlier exposure", ICLR 2019.
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
    """Scale values from 0 to 1 to pixels, and clip the others."""
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
