"""A bank's file: an ``.npy`` array, and behind it what it was made from."""

import json
import operator
import os
import stat
import struct
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["BANK_VERSION", "About", "BankWriter", "DamagedError", "read_bank"]

BANK_VERSION = 1
"""Changes when a bank's pixels or its file would be made otherwise."""

_HEADER_BYTES = 128
_MAGIC = b"fgbank01"
_FOOTER = struct.Struct("<Q8s")  # length of the JSON text before it, and the magic


class DamagedError(Exception):
    """A file that is no whole bank of this version."""


class About(NamedTuple):
    """What a bank was made from.

    Attributes
    ----------
    key : str
        Of the folder's content.
    size : int
        Side of the images in pixels.
    files : tuple of str
        The images' paths within the folder, in order.
    refused : tuple of (str, str)
        Paths of images that were left out, and the reasons.
    """

    key: str
    size: int
    files: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The array's."""
        return len(self.files), self.size, self.size, 3


class BankWriter:
    """Writes a bank image by image, so that it is never in memory as a whole.

    The file is no bank until `finish` returns.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        file.write(bytes(_HEADER_BYTES))

    def append(self, images: NDArray[np.uint8]) -> None:
        """Write some images, of shape (n, size, size, 3)."""
        self._file.write(np.ascontiguousarray(images).data)

    def finish(self, about: About) -> None:
        """Write what the bank was made from, then the header, and wait for the disk."""
        text = json.dumps({"version": BANK_VERSION, **about._asdict()}).encode()
        self._file.write(text + _FOOTER.pack(len(text), _MAGIC))
        self._file.seek(0)
        self._file.write(_header(about.shape))
        self._file.flush()
        os.fsync(self._file.fileno())


def read_bank(path: Path) -> tuple[np.memmap[Any, np.dtype[np.uint8]], About]:
    """Map a bank into memory, read-only.

    Raises
    ------
    DamagedError
        If the file is truncated, of another version, or no bank.
    OSError
        If it cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
        raise DamagedError("it is not a regular file")
    with path.open("rb") as file:
        about = _read_about(file)
        images = np.memmap(file, np.uint8, mode="r", offset=_HEADER_BYTES, shape=about.shape)
    return images, about


def _read_about(file: IO[bytes]) -> About:
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
        about = About(data["key"], operator.index(data["size"]), tuple(data["files"]), refused)
        if about.size < 1 or not all(isinstance(name, str) for name in about.files):
            raise ValueError("no bank")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DamagedError("what it was made from cannot be read") from None
    n_images, height, width, channels = about.shape
    n_pixels = n_images * height * width * channels
    if _HEADER_BYTES + n_pixels + n_text + _FOOTER.size != length:
        raise DamagedError("of another length than its images")
    file.seek(0)
    if file.read(_HEADER_BYTES) != _header(about.shape):
        raise DamagedError("its header is another array's")
    return about


def _header(shape: tuple[int, ...]) -> bytes:
    """Return an ``.npy`` header (format 1.0) of fixed length: the count is known only at last."""
    text = repr({"descr": "|u1", "fortran_order": False, "shape": shape})
    n_text = _HEADER_BYTES - 10
    return (
        b"\x93NUMPY\x01\x00" + struct.pack("<H", n_text) + text.ljust(n_text - 1).encode() + b"\n"
    )
