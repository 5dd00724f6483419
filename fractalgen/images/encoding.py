"""Encode images."""

import contextlib
import io
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["encode"]

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
