"""One image of a bank: a file's contents decoded, cropped to its centre, and resized."""

import hashlib
import stat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from fractalgen.errors import ImageError
from fractalgen.images.decoding import MAX_BYTES, MAX_PIXELS, despite_warnings, opened, to_rgb

__all__ = ["read_square", "square"]

_SPARE = 2  # a JPEG is decoded at no less than this many times the size asked for


def read_square(path: Path, size: int, sha256: str | None = None) -> NDArray[np.uint8]:
    """Read an image's file and return its centre as a square, see `square`.

    Parameters
    ----------
    path : Path
        The file.
    size : int
        Side of the square in pixels.
    sha256 : str or None
        What the file's hash has to be; None if anything will do.

    Raises
    ------
    ImageError
        With the reason, if it cannot be read or decoded, or has another hash.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for
            raise ImageError("not a regular file")
        if status.st_size > MAX_BYTES:
            raise ImageError(f"larger than {MAX_BYTES >> 20} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(error.strerror or str(error)) from None
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise ImageError("another file than the manifest records ('fractalgen verify' checks)")
    return square(data, size)


def square(data: bytes, size: int) -> NDArray[np.uint8]:
    """Decode an image, bring its shorter side to `size`, and keep the centre.

    Resizing is Pillow's bicubic filter, which averages where it makes smaller. A JPEG is decoded
    at the smallest scale that leaves twice `size`, which differs from decoding the whole of it
    by about a third of a grey level and takes half the time.

    Parameters
    ----------
    data : bytes
        The file.
    size : int
        Side of the square in pixels. A smaller image is enlarged.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
        RGB.

    Raises
    ------
    ImageError
        With the reason, if the file cannot be decoded.
    """
    found = despite_warnings(lambda: _square_of_jpeg(data, size))
    if found is None:
        image = Image.fromarray(to_rgb(data)[0])
        found = _resized_centre(image, *image.size, size)
    return np.asarray(found)


def _resized_centre(image: Image.Image, width: float, height: float, size: int) -> Image.Image:
    """Resize the centre alone, of which a long strip has but little."""
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.BICUBIC, box)


def _square_of_jpeg(data: bytes, size: int) -> Image.Image | None:
    """Decode a plain JPEG at a fraction of its scale; None of anything else.

    What is wrong with a file that fails here is for `to_rgb` to say.
    """
    if not data.startswith(b"\xff\xd8"):
        return None
    try:
        with opened(data, ["JPEG"]) as image:
            width, height = image.size
            if image.mode not in ("RGB", "L") or width * height > MAX_PIXELS:
                return None
            # The last pixels reach beyond the image if the scale does not divide its sides.
            scaled = image.draft(None, (_SPARE * size, _SPARE * size))
            _, (_, _, inner_width, inner_height) = scaled or ("", (0, 0, *image.size))
            found = _resized_centre(image, inner_width, inner_height, size)
            return ImageOps.exif_transpose(found).convert("RGB")
    except Warning:
        raise
    except Exception:  # decoders raise anything when a file is damaged
        return None
