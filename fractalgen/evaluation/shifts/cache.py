"""Arrays of images in a file that is made once, and made anew when it is damaged."""

import hashlib
import io
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.files.atomic import atomic_file, write_atomically
from fractalgen.files.regular_file import file_hash

__all__ = ["cached_array"]

# A cache must not be what fills a disk.
_LEAVE_FREE_BYTES = 1 << 30


def cached_array(
    path: Path, shape: tuple[int, ...], parts: Callable[[], Iterator[NDArray[np.uint8]]]
) -> NDArray[np.uint8]:
    """Return the array that a file holds, or make the file first.

    A hidden file beside it has its SHA-256, without which it counts as damaged.

    Parameters
    ----------
    path : Path
        An ``.npy`` file; its folder is made.
    shape : tuple of int
        The array's.
    parts : callable
        Called if the file is missing or damaged: gives the array bit by bit along its first
        axis.

    Returns
    -------
    ndarray of uint8
        Mapped from the file and read-only; in memory where the file cannot be written, or would
        leave less than 1 GiB of the disk free.
    """
    found = _read(path, shape)
    if found is not None:
        return found
    try:
        _write(path, shape, parts())
    except OSError:
        pass
    else:
        found = _read(path, shape)
    return _in_memory(shape, parts()) if found is None else found


def _read(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    try:
        if _checksum_file(path).read_text("ascii").strip() != file_hash(path):
            return None
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    return array if array.dtype == np.uint8 and array.shape == shape else None


def _write(path: Path, shape: tuple[int, ...], parts: Iterator[NDArray[np.uint8]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(path.parent).free < math.prod(shape) + _LEAVE_FREE_BYTES:
        raise OSError("not enough room")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    digest = hashlib.sha256(header.getvalue())
    with atomic_file(path, shared=True) as file:
        file.write(header.getvalue())
        for array in parts:
            data = np.ascontiguousarray(array).data
            digest.update(data)
            file.write(data)
    write_atomically(_checksum_file(path), f"{digest.hexdigest()}\n".encode("ascii"))


def _in_memory(shape: tuple[int, ...], parts: Iterator[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    out = np.empty(shape, np.uint8)
    start = 0
    for part in parts:
        out[start : start + len(part)] = part
        start += len(part)
    out.flags.writeable = False
    return out


def _checksum_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.sha256")
