"""Images of none of a run's classes, which a network should be unsure of."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.bank.folder import ImageFile, list_images
from fractalgen.errors import BankError, ImageError, RunError, RunUsageError
from fractalgen.evaluation.shifts.noise_images import noise_images
from fractalgen.images.decoding import read_square
from fractalgen.pool import OrderedPool, default_workers
from fractalgen.registry import nearest
from fractalgen.seeding import rng_for
from fractalgen.training.datasets import DATASETS, FOLDER_PREFIX, load_data

__all__ = [
    "NAMES",
    "UnknownImages",
    "check_source",
    "is_of_data_set",
    "is_path",
    "unknown_images",
]

_NOISE = "noise"
_FRACTALS = "fractals"

NAMES: tuple[str, ...] = (_NOISE, _FRACTALS, *DATASETS)
"""The sources that have a name of their own."""


@dataclass(frozen=True)
class UnknownImages:
    """Images that are read or drawn some at a time.

    Attributes
    ----------
    n : int
        How many there are.
    read : callable
        Called with a start and a stop, returns those images, uint8 of shape
        (stop - start, size, size, 3), RGB.
    """

    n: int
    read: Callable[[int, int], NDArray[np.uint8]]

    def __len__(self) -> int:
        return self.n

    def batches(self, batch_size: int) -> Iterator[NDArray[np.uint8]]:
        """Yield them in order, shape (batch, size, size, 3); the last batch may be smaller."""
        for start in range(0, self.n, batch_size):
            yield self.read(start, min(self.n, start + batch_size))


def unknown_images(
    source: str, *, size: int, n: int, seed: int, data_dir: Path, set_folder: Path | None
) -> UnknownImages:
    """Open images that a network has not been trained on.

    Parameters
    ----------
    source : str
        ``noise``: see `fractalgen.evaluation.shifts.noise_images`. ``fractals``: a mixing set's
        images, whether it is the run's or another. A data set's name, or ``folder:DIR``: its
        test images. A path: images in that folder or below it.
    size : int
        Pixels a side. What is in files, or is smaller or larger, is resized; of an image that is
        not square the centre is taken.
    n : int
        How many, 1 or more. Where there are more they are chosen at random, where there are fewer
        all are taken.
    seed : int
        0 or more; the choice, and all noise, are a function of it.
    data_dir : Path
        See `fractalgen.training.datasets.load_data`.
    set_folder : Path or None
        The mixing set.

    Returns
    -------
    UnknownImages
        Those in files are read when they are asked for, and so may raise RunError then.

    Raises
    ------
    RunUsageError
        If there is no such source, or no mixing set is known.
    RunError
        If the images cannot be read.
    """
    check_source(source, set_folder)
    if source == _NOISE:
        return UnknownImages(
            n, lambda start, stop: noise_images(stop - start, size, seed, first=start)
        )
    if source == _FRACTALS and set_folder is not None:
        return _from_folder(set_folder, _FRACTALS, size, n, seed)
    if not is_path(source):
        test = load_data(source, data_dir=data_dir, image_size=size).test
        chosen = _choice(len(test), n, seed, source)
        return UnknownImages(len(chosen), lambda start, stop: test.for_testing(chosen[start:stop]))
    folder = Path(source).expanduser()
    return _from_folder(folder, folder.name or source, size, n, seed)


def check_source(source: str, set_folder: Path | None) -> None:
    """Raise what `unknown_images` raises of a wrong `source`, before any work is done."""
    if source == _FRACTALS and set_folder is None:
        raise RunUsageError("no mixing set is known to take fractals from; name one by --set")
    if is_path(source) and not Path(source).expanduser().is_dir():
        raise RunUsageError(
            f"'{source}' is no folder, and no unknown images are called so: "
            f"{nearest(source, list(NAMES))}"
        )


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
    """Choose at random, in rising order; all of them if they are no more than `n`."""
    readable = os.fsencode(source).decode("utf-8", "replace")
    rng = rng_for(seed, f"unknown images of {readable}", 0)
    return np.sort(rng.permutation(n_available)[:n])


def _from_folder(folder: Path, label: str, size: int, n: int, seed: int) -> UnknownImages:
    try:
        files = list_images(folder)
    except BankError as error:
        raise RunError(str(error)) from None
    chosen = [files[index] for index in _choice(len(files), n, seed, label)]
    return UnknownImages(len(chosen), lambda start, stop: _read(folder, chosen[start:stop], size))


def _read(folder: Path, files: Sequence[ImageFile], size: int) -> NDArray[np.uint8]:
    def read(file: ImageFile, _: threading.Event) -> NDArray[np.uint8]:
        try:
            return read_square(folder / file.name, size, file.sha256)
        except ImageError as error:
            raise RunError(
                f"cannot use {folder / file.name}: {error}. Mend or remove it."
            ) from None

    out = np.empty((len(files), size, size, 3), np.uint8)
    with OrderedPool(read, default_workers()) as pool:
        for place, image in enumerate(pool.map(files)):
            out[place] = image
    return out
