"""A bank's file: an ``.npy`` array, followed by a description of its source."""

import contextlib
import json
import operator
import os
import stat
import struct
import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractalgen.bank.folder import ImageFile, content_key
from fractalgen.errors import BankError, ImageError, UnreadableImagesError
from fractalgen.files.atomic import atomic_file
from fractalgen.images.decoding import read_square
from fractalgen.pool import OrderedPool, Stopped

__all__ = ["BANK_VERSION", "BankWriter", "Contents", "DamagedError", "build_bank", "read_bank"]

BANK_VERSION = 1
"""Increment it when the same images would give different pixels or a different file."""

_HEADER_BYTES = 128
_MAGIC = b"fgbank01"
_FOOTER = struct.Struct("<Q8s")  # length of the JSON text before it, and the magic

_BYTES_IN_FLIGHT = 32 << 20
_TASKS_AHEAD = 4  # per worker
_MAX_PER_TASK = 64


class DamagedError(Exception):
    """A file that is not a complete bank of this version."""


class Contents(NamedTuple):
    """The source of a bank.

    Attributes
    ----------
    key : str
        The digest of the folder's images.
    size : int
        Side of the bank's images in pixels.
    files : tuple of str
        The images' paths within the folder, in order.
    refused : tuple of (str, str)
        Paths of images that were skipped, and the reasons.
    """

    key: str
    size: int
    files: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The array's shape."""
        return len(self.files), self.size, self.size, 3


class BankWriter:
    """Writes a bank batch by batch, so it never has to fit into memory.

    The file is not a valid bank until `finish` returns.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        file.write(bytes(_HEADER_BYTES))

    def append(self, images: NDArray[np.uint8]) -> None:
        """Write images of shape (n, size, size, 3)."""
        self._file.write(np.ascontiguousarray(images).data)

    def finish(self, contents: Contents) -> None:
        """Write the source of the bank, then the header."""
        text = json.dumps({"version": BANK_VERSION, **contents._asdict()}).encode()
        self._file.write(text + _FOOTER.pack(len(text), _MAGIC))
        self._file.seek(0)
        self._file.write(_header(contents.shape))


def build_bank(
    folder: Path,
    images: Sequence[ImageFile],
    size: int,
    target: Path,
    *,
    skip_unreadable: bool,
    workers: int,
) -> None:
    """Decode and resize a folder's images into a bank's file, with threads and little memory.

    Raises
    ------
    UnreadableImagesError
        If images cannot be read, unless they are skipped; names all of them.
    BankError
        If no image can be read, or the disk is too full for the file.
    OSError
        If the folder of `target` cannot be written.
    """
    files: list[str] = []
    refused: list[tuple[str, str]] = []
    begun = False
    try:
        with atomic_file(target, durable=True, shared=True) as file:
            begun = True
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
            writer.finish(Contents(content_key(images), size, tuple(files), tuple(refused)))
    except OSError as error:
        if not begun:
            raise
        megabytes = len(images) * size * size * 3 / 1e6
        raise BankError(
            f"cannot write the bank, {megabytes:,.0f} MB, to {target.parent}: "
            f"{error.strerror or error}; choose another folder with cache_dir"
        ) from None


class _Batch(NamedTuple):
    """Images of shape (n, size, size, 3), their names, and those that could not be read."""

    images: NDArray[np.uint8]
    files: list[str]
    refused: list[tuple[str, str]]


def _batches(
    folder: Path, images: Sequence[ImageFile], size: int, workers: int
) -> Generator[_Batch, None, None]:
    in_flight = workers * _TASKS_AHEAD * size * size * 3
    step = min(max(1, _BYTES_IN_FLIGHT // in_flight), _MAX_PER_TASK)

    def read(some: Sequence[ImageFile], stopping: threading.Event) -> _Batch:
        batch = _Batch(np.empty((len(some), size, size, 3), np.uint8), [], [])
        for name, sha256, *_ in some:
            if stopping.is_set():
                raise Stopped
            try:
                batch.images[len(batch.files)] = read_square(folder / name, size, sha256)
                batch.files.append(name)
            except ImageError as error:
                batch.refused.append((name, str(error)))
        return batch._replace(images=batch.images[: len(batch.files)])

    tasks = (images[start : start + step] for start in range(0, len(images), step))
    with OrderedPool(read, workers, _TASKS_AHEAD) as pool:
        yield from pool.map(tasks)


def read_bank(path: Path) -> tuple[np.memmap[Any, np.dtype[np.uint8]], Contents]:
    """Map a bank into memory, read-only.

    Raises
    ------
    DamagedError
        If the file is truncated, from another version, or not a bank.
    OSError
        If it cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
        raise DamagedError("it is not a regular file")
    with path.open("rb") as file:
        contents = _read_contents(file)
        images = np.memmap(file, np.uint8, mode="r", offset=_HEADER_BYTES, shape=contents.shape)
    return images, contents


def _read_contents(file: IO[bytes]) -> Contents:
    length = os.fstat(file.fileno()).st_size
    if length < _HEADER_BYTES + _FOOTER.size:
        raise DamagedError("truncated")
    file.seek(length - _FOOTER.size)
    n_text, magic = _FOOTER.unpack(file.read(_FOOTER.size))
    if magic != _MAGIC or n_text > length - _HEADER_BYTES - _FOOTER.size:
        raise DamagedError("truncated, or no bank")
    file.seek(length - _FOOTER.size - n_text)
    try:
        data = json.loads(file.read(n_text))
        if data.pop("version") != BANK_VERSION:
            raise DamagedError("of another version")
        refused = tuple((name, reason) for name, reason in data["refused"])
        size = operator.index(data["size"])
        contents = Contents(data["key"], size, tuple(data["files"]), refused)
        if size < 1 or not all(isinstance(name, str) for name in contents.files):
            raise ValueError("no bank")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DamagedError("what it was made from cannot be read") from None
    n_images, height, width, channels = contents.shape
    n_pixels = n_images * height * width * channels
    if _HEADER_BYTES + n_pixels + n_text + _FOOTER.size != length:
        raise DamagedError("of another length than its images")
    file.seek(0)
    if file.read(_HEADER_BYTES) != _header(contents.shape):
        raise DamagedError("its header is another array's")
    return contents


def _header(shape: tuple[int, ...]) -> bytes:
    """Return an ``.npy`` header (format 1.0) of fixed length: the count is known only later."""
    text = repr({"descr": "|u1", "fortran_order": False, "shape": shape})
    n_text = _HEADER_BYTES - 10
    return (
        b"\x93NUMPY\x01\x00" + struct.pack("<H", n_text) + text.ljust(n_text - 1).encode() + b"\n"
    )
