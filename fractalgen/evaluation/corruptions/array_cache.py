"""Arrays of images in files that are made once, and made again if they are damaged."""

import hashlib
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.files.atomic import new_part, put_in_place, write_atomically

__all__ = ["cached_array"]

# A cache must not be what fills a disk.
_LEAVE_FREE_BYTES = 1 << 30

_READ_BYTES = 1 << 20


def cached_array(
    path: Path, shape: tuple[int, ...], parts: Callable[[], Iterator[NDArray[np.uint8]]]
) -> NDArray[np.uint8]:
    """Return the array of uint8 in an ``.npy`` file, and make the file first if necessary.

    A hidden file beside it holds its SHA-256; without that the file counts as damaged. `parts` is
    called if the file is missing or damaged, and yields the array bit by bit along its first axis.
    The array is read-only: mapped from the file, or in memory if the file cannot be written or
    would leave less than 1 GiB of the disk free.
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
        if _checksum_file(path).read_text("ascii").strip() != _sha256(path):
            return None
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    return array if array.dtype == np.uint8 and array.shape == shape else None


def _write(path: Path, shape: tuple[int, ...], parts: Iterator[NDArray[np.uint8]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(path.parent).free < math.prod(shape) + _LEAVE_FREE_BYTES:
        raise OSError("not enough room")
    digest = hashlib.sha256()
    with new_part(path.parent) as (part, file):
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": shape}
        )
        file.flush()
        digest.update(part.read_bytes())
        for array in parts:
            data = np.ascontiguousarray(array).data
            digest.update(data)
            file.write(data)
        file.close()
        put_in_place(part, path)
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


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
