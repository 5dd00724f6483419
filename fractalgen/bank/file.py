"""A bank's file: an ``.npy`` array, followed by a description of its source."""

import contextlib
import itertools
import json
import operator
import os
import stat
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractalgen.bank.batches import batches
from fractalgen.bank.folder import content_key
from fractalgen.bank.source import Source
from fractalgen.errors import BankError, UnreadableImagesError
from fractalgen.files.atomic import atomic_file

__all__ = ["BANK_VERSION", "BankWriter", "Contents", "DamagedError", "build_bank", "read_bank"]

BANK_VERSION = 1
"""Increment it when the same images would give different pixels or a different file."""

_HEADER_BYTES = 128
_MAGIC = b"fgbank01"
_FOOTER = struct.Struct("<Q8s")  # length of the JSON text before it, and the magic

_ROWS_AT_ONCE = 64


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
    """Writes a bank in any order, so it never has to fit into memory.

    The file is not a valid bank until `finish` returns.

    Parameters
    ----------
    file : file
        Open for reading and writing.
    size : int
        Side of the images in pixels.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._row_bytes = size * size * 3
        file.write(bytes(_HEADER_BYTES))

    def write(self, rows: Sequence[int], images: NDArray[np.uint8]) -> None:
        """Write images of shape (n, size, size, 3) to their places."""
        for start, stop in _runs(rows):
            self._seek(rows[start])
            self._file.write(np.ascontiguousarray(images[start:stop]).data)

    def close_gaps(self, rows: Sequence[int]) -> None:
        """Keep only some images, given in ascending order, by moving them forward."""
        kept = 0
        for start, stop in _runs(rows):
            for first in range(start, stop, _ROWS_AT_ONCE):
                n = min(_ROWS_AT_ONCE, stop - first)
                if rows[first] != kept:
                    self._seek(rows[first])
                    data = self._file.read(n * self._row_bytes)
                    self._seek(kept)
                    self._file.write(data)
                kept += n

    def finish(self, contents: Contents) -> None:
        """Write the source of the bank, then the header."""
        text = json.dumps({"version": BANK_VERSION, **contents._asdict()}).encode()
        self._seek(len(contents.files))
        self._file.write(text + _FOOTER.pack(len(text), _MAGIC))
        self._file.truncate()
        self._file.seek(0)
        self._file.write(_header(contents.shape))

    def _seek(self, row: int) -> None:
        self._file.seek(_HEADER_BYTES + row * self._row_bytes)


def _runs(rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield where runs of consecutive numbers start and stop."""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    edges = [0, *breaks.tolist(), len(rows)] if len(rows) else []
    return itertools.pairwise(edges)


def build_bank(
    source: Source, size: int, target: Path, *, skip_unreadable: bool, workers: int
) -> None:
    """Decode and resize a source's images into a bank's file, with threads and little memory.

    Raises
    ------
    UnreadableImagesError
        If images cannot be read, unless they are skipped; names all of them.
    BankError
        If no image can be read, or the disk is too full for the file.
    OSError
        If the folder of `target` cannot be written.
    """
    images = source.images
    found: list[tuple[int, str]] = []
    begun = False
    try:
        with atomic_file(target, durable=True, shared=True) as file:
            begun = True
            writer = BankWriter(file, size)
            with contextlib.closing(batches(source, size, workers)) as decoded:
                for batch in decoded:
                    found += batch.refused
                    if skip_unreadable or not found:
                        writer.write(batch.rows, batch.pixels)
            refused = tuple((images[row].name, reason) for row, reason in sorted(found))
            if refused and not skip_unreadable:
                raise UnreadableImagesError(source.name, refused)
            if len(refused) == len(images):
                raise BankError(f"none of the {len(images):,} images in {source.name} can be read")
            left_out = {row for row, _ in found}
            kept = [row for row in range(len(images)) if row not in left_out]
            writer.close_gaps(kept)
            files = tuple(images[row].name for row in kept)
            writer.finish(Contents(content_key(images), size, files, refused))
    except OSError as error:
        if not begun:
            raise
        megabytes = len(images) * size * size * 3 / 1e6
        raise BankError(
            f"cannot write the bank, {megabytes:,.0f} MB, to {target.parent}: "
            f"{error.strerror or error}; choose another folder with cache_dir"
        ) from None


def read_bank(path: Path) -> tuple[np.memmap[Any, np.dtype[np.uint8]], Contents]:
    """Map a bank into memory, read-only.

    Raises
    ------
    DamagedError
        If the file is truncated, from another version, or not a bank.
    OSError
        If it cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe would block
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
        raise DamagedError("its description cannot be read") from None
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
