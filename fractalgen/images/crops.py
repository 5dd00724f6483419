"""Squares and other parts of images, decoded at no larger a scale than they need."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from fractalgen.errors import ImageError
from fractalgen.images.decoding import (
    MAX_PIXELS,
    ORIENTATION_TAG,
    despite_warnings,
    opened,
    read_image_file,
    to_rgb_image,
)

__all__ = ["Box", "part_of", "read_square", "square"]

Box = tuple[int, int, int, int]
"""The left, top, right and bottom edges of a part of an image, in pixels."""

# Orientations in which a file's image lies on its side, begins at its right, and at its bottom.
_ON_SIDE, _FROM_RIGHT, _FROM_BOTTOM = (5, 6, 7, 8), (2, 3, 7, 8), (3, 4, 6, 7)
_END = b"\xff\xd9"  # of a JPEG that was not cut short
_SPARE = 2  # a JPEG is decoded at least at this many times the requested size


def read_square(path: Path, size: int, sha256: str | None = None) -> NDArray[np.uint8]:
    """Read an image's file and return its centre; see `read_image_file` and `square`."""
    return square(read_image_file(path, sha256), size)


def square(data: bytes, size: int) -> NDArray[np.uint8]:
    """Decode an image file's contents, resize its shorter side to `size`, and keep the centre.

    The filter is Pillow's bicubic, which averages when it reduces. A JPEG is decoded at the
    smallest scale that leaves twice `size`. That differs from decoding all of it by about a third
    of a grey level, and takes half the time. Raises ImageError as `to_rgb` does.
    """
    found = despite_warnings(lambda: _square_of_jpeg(data, size))
    if found is None:
        image = to_rgb_image(data)
        found = _resized_centre(image, *image.size, size)
    return np.asarray(found)


def _resized_centre(image: Image.Image, width: float, height: float, size: int) -> Image.Image:
    """Resize only the centre, which is a small part of a long strip."""
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.BICUBIC, box)


def _square_of_jpeg(data: bytes, size: int) -> Image.Image | None:
    """Decode a plain JPEG at a fraction of its scale; return None for anything else."""

    def decode(image: ImageFile.ImageFile) -> Image.Image:
        # The last pixels reach beyond the image if the scale does not divide its sides.
        scaled = image.draft(None, (_SPARE * size, _SPARE * size))
        _, (_, _, inner_width, inner_height) = scaled or ("", (0, 0, *image.size))
        found = _resized_centre(image, inner_width, inner_height, size)
        return ImageOps.exif_transpose(found)

    return _from_plain_jpeg(data, decode)


def _from_plain_jpeg(
    data: bytes, decode: Callable[[ImageFile.ImageFile], Image.Image]
) -> Image.Image | None:
    """Return as RGB what is decoded from a plain JPEG; None for anything else.

    If that fails, `to_rgb` explains what is wrong with the file.
    """
    if not data.startswith(b"\xff\xd8"):
        return None
    try:
        with opened(data, ["JPEG"]) as image:
            width, height = image.size
            if image.mode not in ("RGB", "L") or width * height > MAX_PIXELS:
                return None
            found = decode(image)
            return found if found.mode == "RGB" else found.convert("RGB")
    except Warning:
        raise
    except Exception:  # decoders raise anything when a file is damaged
        return None


def _as_stored(box: Box, width: int, height: int, orientation: int) -> Box:
    """Return where a part of the upright image lies in the file's, of this width and height."""
    left, top, right, bottom = box
    if orientation in _ON_SIDE:
        left, top, right, bottom = top, left, bottom, right
    if orientation in _FROM_RIGHT:
        left, right = width - right, width - left
    if orientation in _FROM_BOTTOM:
        top, bottom = height - bottom, height - top
    return left, top, right, bottom


def part_of(data: bytes, choose: Callable[[int, int], Box], size: int) -> Image.Image:
    """Decode the part of an image that will be resized to `size`, as RGB.

    `choose` returns the part for a width and height; it may be called again. A JPEG is decoded at
    the smallest scale that leaves the part twice `size`, which changes the resized part by one to
    two grey levels on average, and no further down than the part. Raises ImageError as `to_rgb`
    does.
    """

    def decode(image: ImageFile.ImageFile, *, all_rows: bool) -> Image.Image:
        width, height = image.size
        orientation = image.getexif().get(ORIENTATION_TAG, 1)
        box = choose(height, width) if orientation in _ON_SIDE else choose(width, height)
        spare = max(1, min(box[2] - box[0], box[3] - box[1]) // (_SPARE * size))
        scaled = image.draft(None, (width // spare, height // spare)) if spare > 1 else None
        scale = width / scaled[1][2] if scaled else 1
        # Cropped, then turned: where the scale does not divide a side, its last pixel reaches
        # beyond the image, and would come first in one that is turned round.
        left, top, right, bottom = (
            round(edge / scale) for edge in _as_stored(box, width, height, orientation)
        )
        if not all_rows:
            _decode_rows(image, bottom)
        part = image.crop((left, top, right, bottom))
        return ImageOps.exif_transpose(part) if orientation not in (0, 1) else part

    def decoded(*, all_rows: bool) -> Image.Image | None:
        return despite_warnings(
            lambda: _from_plain_jpeg(data, lambda image: decode(image, all_rows=all_rows))
        )

    found = decoded(all_rows=False) if data.endswith(_END) else None
    if found is None:
        found = decoded(all_rows=True)
    if found is None:
        whole = to_rgb_image(data)
        found = whole.crop(choose(*whole.size))
    return found


def _decode_rows(image: ImageFile.ImageFile, n: int) -> None:
    """Decode no more than the first `n` rows of a JPEG, which are the same without the others.

    Pillow is told that its image ends there. It complains once it has these rows, because the
    decoder has more; so the unused fourth byte of the last row's pixels, which only decoding sets,
    tells whether it got there. Raises ImageError if not.
    """
    if image.mode != "RGB" or n >= image.height:
        return
    decoder, _, *rest = image.tile[0]
    image.tile = [(decoder, (0, 0, image.width, n), *rest)]  # type: ignore[list-item]
    with contextlib.suppress(OSError):
        image.load()
    if image.crop((0, n - 1, 1, n)).tobytes("raw", "RGBX")[3] != 255:
        raise ImageError("damaged")
