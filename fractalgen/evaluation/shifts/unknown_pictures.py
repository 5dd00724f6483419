"""Pictures of none of a run's classes, which a network should be unsure of."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.evaluation.shifts.noise_pictures import noise_pictures
from fractalgen.mixing_set.bank.errors import BankError
from fractalgen.mixing_set.bank.folder import PictureFile, list_pictures
from fractalgen.mixing_set.bank.picture import read_square
from fractalgen.mixing_set.conversion import UnusableError, guarded
from fractalgen.mixing_set.pool import OrderedPool, default_workers
from fractalgen.registry import nearest
from fractalgen.seeding import rng_for
from fractalgen.training.datasets.loading import DATASETS, FOLDER_PREFIX, load_data
from fractalgen.training.errors import RunError, RunUsageError

__all__ = ["check_source", "unknown_pictures"]

_NOISE = "noise"
_FRACTALS = "fractals"


def unknown_pictures(
    source: str, *, size: int, n: int, seed: int, data_dir: Path, set_folder: Path | None
) -> tuple[NDArray[np.uint8], str]:
    """Return pictures that a network has not been trained on.

    Parameters
    ----------
    source : str
        ``noise``: see `fractalgen.evaluation.shifts.noise_pictures`. ``fractals``: a mixing set's
        pictures. A data set's name, or ``folder:DIR``: its test pictures. A path: pictures in that
        folder or below it.
    size : int
        Pixels a side. What is in files, or is smaller or larger, is resized; of a picture that is
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
    pictures : ndarray of uint8, shape (n or fewer, size, size, 3)
        RGB.
    label : str
        What to call them in a table.

    Raises
    ------
    RunUsageError
        If there is no such source, or no mixing set is known.
    RunError
        If the pictures cannot be read.
    """
    check_source(source, set_folder)
    if source == _NOISE:
        return noise_pictures(n, size, seed), _NOISE
    if source == _FRACTALS and set_folder is not None:
        return _from_folder(set_folder, _FRACTALS, size, n, seed), _FRACTALS
    if _is_data_set(source):
        test = load_data(source, data_dir=data_dir, image_size=size).test
        return test.for_testing(_choice(len(test), n, seed, source)), source
    folder = Path(source).expanduser()
    return _from_folder(folder, folder.name or source, size, n, seed), folder.name or source


def check_source(source: str, set_folder: Path | None) -> None:
    """Raise what `unknown_pictures` raises of a wrong `source`, before any work is done."""
    if source == _FRACTALS and set_folder is None:
        raise RunUsageError("no mixing set is known to take fractals from; name one by --set")
    known = source in (_NOISE, _FRACTALS) or _is_data_set(source)
    if not known and not Path(source).expanduser().is_dir():
        hint = nearest(source, [_NOISE, _FRACTALS, *DATASETS])
        raise RunUsageError(
            f"'{source}' is no folder, and no unknown pictures are called so: {hint}"
        )


def _is_data_set(source: str) -> bool:
    return source in DATASETS or source.startswith(FOLDER_PREFIX)


def _choice(n_available: int, n: int, seed: int, source: str) -> NDArray[np.int64]:
    """Choose at random, in rising order; all of them if they are no more than `n`."""
    rng = rng_for(seed, f"unknown pictures of {source}", 0)
    return np.sort(rng.permutation(n_available)[:n])


def _from_folder(folder: Path, label: str, size: int, n: int, seed: int) -> NDArray[np.uint8]:
    try:
        files = list_pictures(folder)
    except BankError as error:
        raise RunError(str(error)) from None
    chosen = [files[index] for index in _choice(len(files), n, seed, label)]
    return _read(folder, chosen, size)


def _read(folder: Path, files: Sequence[PictureFile], size: int) -> NDArray[np.uint8]:
    def read(file: PictureFile, _: threading.Event) -> NDArray[np.uint8]:
        try:
            return read_square(folder / file.name, size, file.sha256)
        except UnusableError as error:
            raise RunError(
                f"cannot use {folder / file.name}: {error}. Mend or remove it."
            ) from None

    out = np.empty((len(files), size, size, 3), np.uint8)
    with guarded(), OrderedPool(read, default_workers()) as pool:
        for place, picture in enumerate(pool.map(files)):
            out[place] = picture
    return out
