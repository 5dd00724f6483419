"""The formats of image files, and encoding into them. Importing this module loads nothing else."""

from __future__ import annotations

import contextlib
import io
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["FORMATS", "MAX_SIDES", "SUFFIXES", "encode", "is_image_name"]

FORMATS = {"jpeg": "jpg", "png": "png", "webp": "webp"}
"""The formats that images are written in, and how their files' names end."""

MAX_SIDES = {"jpeg": 65_500, "webp": 16_383}
"""Pixels a side that a format can hold."""

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib"}
    | {".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".j2k", ".avif"}
)
"""Endings, in lower case, of the names of files that are taken for images."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "jpeg": {"quality": 95, "subsampling": "4:4:4"},
    "png": {"compress_level": 3},
    "webp": {"lossless": True, "quality": 20, "method": 0},
}

_GRAY_OPTIONS: dict[str, dict[str, Any]] = {"jpeg": {"quality": 95}, "png": _OPTIONS["png"]}

# The last bytes of a complete file.
_ENDS = {"jpeg": b"\xff\xd9", "png": b"IEND\xaeB`\x82"}


def is_image_name(name: str) -> bool:
    """Whether a file, from its name, is an image and not hidden."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122


def encode(
    rgb: NDArray[np.uint8],
    format: str,  # noqa: A002 - the option's name
    *,
    gray: bool = False,
) -> bytes:
    """Encode an RGB image of shape (height, width, 3).

    ``"jpeg"`` has quality 95 and chroma at full resolution; ``"png"`` and ``"webp"`` are
    lossless. With `gray`, the channels are the same, and JPEG and PNG store one of them. No text,
    date or version is inside.
    """
    from PIL import Image

    image = Image.fromarray(rgb)
    options = _OPTIONS[format]
    if gray and format in _GRAY_OPTIONS:
        image, options = image.getchannel(0), _GRAY_OPTIONS[format]
    data = _encoded_in_memory_file(image, format, options) if format in _ENDS else b""
    if data and data.endswith(_ENDS[format]):
        return data
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def _encoded_in_memory_file(
    image: Image.Image,
    format: str,  # noqa: A002
    options: dict[str, Any],
) -> bytes:
    """Encode into a file that has a descriptor, for which Pillow releases the GIL.

    The result is empty if the system has no such files, and truncated, without an error from
    Pillow, if the size of files is limited.
    """
    if not hasattr(os, "memfd_create"):
        return b""
    with os.fdopen(os.memfd_create("image"), "w+b", buffering=0) as file:
        with contextlib.suppress(OSError):
            image.save(file, format=format, **options)
        file.seek(0)
        return file.read()
