"""Make a bank's file from a folder of images, with threads and little memory."""

import contextlib
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.bank.file import About, BankWriter
from fractalgen.bank.folder import ImageFile, content_key
from fractalgen.errors import BankError, ImageError, UnreadableImagesError
from fractalgen.files.atomic import new_part, put_in_place
from fractalgen.images.squares import read_square
from fractalgen.pool import OrderedPool, Stopped

__all__ = ["build_bank", "refusals"]

_BYTES_IN_FLIGHT = 32 << 20
_TASKS_AHEAD = 4  # per worker
_MOST_PER_TASK = 64


@dataclass(frozen=True)
class _Batch:
    """Images of shape (n, size, size, 3), their names, and those that could not be read."""

    images: NDArray[np.uint8]
    files: list[str]
    refused: list[tuple[str, str]]


def build_bank(
    folder: Path,
    images: Sequence[ImageFile],
    size: int,
    target: Path,
    *,
    skip_unreadable: bool,
    workers: int,
) -> None:
    """Decode and resize images into a bank's file, which is there whole or not at all.

    Parameters
    ----------
    folder : Path
        Where the images are.
    images : sequence of ImageFile
        Those in it, in the bank's order.
    size : int
        Side of the bank's images in pixels.
    target : Path
        The file; replaced if it exists.
    skip_unreadable : bool
        Leave out what cannot be read, and say so in the file.
    workers : int
        Threads.

    Raises
    ------
    UnreadableImagesError
        With the names of all images that cannot be read, unless they are skipped.
    BankError
        If none can be read, or there is no room for the file.
    OSError
        If the folder of `target` cannot be written to.
    """
    with new_part(target.parent) as (part, file):
        refused: list[tuple[str, str]] = []
        files: list[str] = []
        try:
            writer = BankWriter(file)
            with contextlib.closing(_batches(folder, images, size, workers)) as batches:
                for batch in batches:
                    refused += batch.refused
                    if skip_unreadable or not refused:
                        files += batch.files
                        writer.append(batch.images)
            if refused and not skip_unreadable:
                raise UnreadableImagesError(str(folder), refused)
            if not files:
                raise BankError(f"none of the {len(images):,} images in {folder} can be read")
            writer.finish(About(content_key(images), size, tuple(files), tuple(refused)))
            file.close()  # Windows renames no open file
            put_in_place(part, target)
        except OSError as error:
            megabytes = len(images) * size * size * 3 / 1e6
            raise BankError(
                f"cannot write the bank, {megabytes:,.0f} MB, to {target.parent}: "
                f"{error.strerror or error}; name another folder by cache_dir"
            ) from None


def refusals(folder: Path, images: Sequence[ImageFile], size: int) -> tuple[tuple[str, str], ...]:
    """Return those of the images that cannot be read, each with the reason."""
    return tuple(_read(folder, images, size, threading.Event()).refused)


def _batches(
    folder: Path, images: Sequence[ImageFile], size: int, workers: int
) -> Generator[_Batch, None, None]:
    in_flight = workers * _TASKS_AHEAD * size * size * 3
    step = min(max(1, _BYTES_IN_FLIGHT // in_flight), _MOST_PER_TASK)

    def read(some: Sequence[ImageFile], stopping: threading.Event) -> _Batch:
        return _read(folder, some, size, stopping)

    tasks = (images[start : start + step] for start in range(0, len(images), step))
    with OrderedPool(read, workers, _TASKS_AHEAD) as pool:
        yield from pool.map(tasks)


def _read(folder: Path, some: Sequence[ImageFile], size: int, stopping: threading.Event) -> _Batch:
    images = np.empty((len(some), size, size, 3), np.uint8)
    files: list[str] = []
    refused: list[tuple[str, str]] = []
    for name, sha256, *_ in some:
        if stopping.is_set():
            raise Stopped
        try:
            images[len(files)] = read_square(folder / name, size, sha256)
            files.append(name)
        except ImageError as error:
            refused.append((name, str(error)))
    return _Batch(images[: len(files)], files, refused)
