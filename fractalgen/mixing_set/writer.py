"""Encode images, and write files so that each is either whole or not there."""

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.mixing_set.layout import PART_PREFIX, PART_SUFFIX

__all__ = ["encode", "remove_leftovers", "write_atomically"]

_OPTIONS: dict[str, dict[str, Any]] = {
    "jpeg": {"quality": 95, "subsampling": "4:4:4"},
    "png": {"compress_level": 3},
    "webp": {"lossless": True, "quality": 20, "method": 0},
}

# How a whole file of these formats ends.
_ENDS = {"jpeg": b"\xff\xd9", "png": b"IEND\xaeB`\x82"}


def encode(rgb: NDArray[np.uint8], format: str) -> bytes:  # noqa: A002 - the option's name
    """Encode an image.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (height, width, 3)
        RGB.
    format : str
        ``"jpeg"`` (quality 95, chroma at full resolution), ``"png"`` or ``"webp"`` (both without
        loss).

    Returns
    -------
    bytes
        The file's contents; no text, date or version is inside.
    """
    image = Image.fromarray(rgb)
    data = _encoded_in_memory_file(image, format) if format in _ENDS else b""
    if data and data.endswith(_ENDS[format]):
        return data
    buffer = io.BytesIO()
    image.save(buffer, format=format, **_OPTIONS[format])
    return buffer.getvalue()


def _encoded_in_memory_file(image: Image.Image, format: str) -> bytes:  # noqa: A002
    """Encode into a file that has a descriptor, for which Pillow lets go of the GIL.

    Empty where there are no such files; cut short, without an error from Pillow, where the
    length of files is limited.
    """
    if not hasattr(os, "memfd_create"):
        return b""
    with os.fdopen(os.memfd_create("image"), "w+b", buffering=0) as file:
        with contextlib.suppress(OSError):
            image.save(file, format=format, **_OPTIONS[format])
        file.seek(0)
        return file.read()


def write_atomically(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a file under a hidden name beside its own, then rename it.

    The folder is made if it is not there. Nothing is left behind by a failure; what a crash
    leaves is replaced the next time, and has a name that `remove_leftovers` knows.

    Parameters
    ----------
    path : Path
        Replaced if it exists; a link is replaced, not followed.
    data : bytes
        The contents.
    durable : bool
        Wait until the contents are on the disk.

    Raises
    ------
    OSError
        With `path` as its file name.
    """
    part = path.parent / f"{PART_PREFIX}{path.name}{PART_SUFFIX}"
    try:
        part.unlink(missing_ok=True)
        try:
            file = open(part, "xb")  # noqa: SIM115, PTH123 - closed below; Path.open is slower
        except FileNotFoundError:
            path.parent.mkdir(exist_ok=True)
            file = part.open("xb")
        try:
            with file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(part, path)  # noqa: PTH105
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed run was writing into this folder; does not look into folders below."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for entry in list(os.scandir(folder)):
            ours = entry.name.startswith(PART_PREFIX) and entry.name.endswith(PART_SUFFIX)
            if ours and not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)  # noqa: PTH108
