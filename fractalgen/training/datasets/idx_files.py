"""Reading the idx format, in which MNIST and its likes are published."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import RunError

__all__ = ["read_idx"]

_BYTES = 8  # the code of unsigned bytes; no other kind is in use for images
_GZIP = b"\x1f\x8b"


def read_idx(path: Path, item_shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Read a file of unsigned bytes, plain or packed by gzip.

    Two zero bytes, the code of the type, the number of dimensions, each dimension as a 32-bit
    number with its highest byte first, then the values.

    Parameters
    ----------
    path : Path
        The file.
    item_shape : tuple of int
        What every dimension but the first has to be.

    Returns
    -------
    ndarray of uint8, shape (n, *item_shape)

    Raises
    ------
    RunError
        If it cannot be read, is damaged, or holds something else.
    """
    header_bytes = 4 + 4 * (1 + len(item_shape))
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == _GZIP
        with gzip.open(path) if packed else path.open("rb") as file:
            header = file.read(header_bytes)
            numbers = np.frombuffer(header[4:].ljust(header_bytes - 4, b"\0"), ">u4")
            shape = tuple(int(number) for number in numbers)
            right_kind = header[:4] == bytes([0, 0, _BYTES, len(shape)])
            if len(header) < header_bytes or not right_kind or shape[1:] != item_shape:
                raise RunError(f"{path} is not an idx file of {_kind(item_shape)}{_again(path)}")
            n_bytes = math.prod(shape)
            data = file.read(n_bytes + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise RunError(f"{path} is cut short or damaged{_again(path)}") from None
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror or error}") from None
    if len(data) != n_bytes:
        what = "cut short" if len(data) < n_bytes else "longer than its header says"
        raise RunError(f"{path} is {what}{_again(path)}")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _kind(item_shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, item_shape)) + " images" if item_shape else "labels"


def _again(path: Path) -> str:
    return f"; remove {path.name} and get it anew"
