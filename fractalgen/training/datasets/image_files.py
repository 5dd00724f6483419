"""Images in files as networks for large images are trained and tested on them."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.errors import ImageError, RunError
from fractalgen.files.regular_file import open_regular
from fractalgen.images.decoding import MAX_BYTES, to_rgb

__all__ = ["read_image", "shorter_side", "testing_view", "training_view"]

_SHARE = (0.08, 1.0)
_ASPECT = (3 / 4, 4 / 3)
_ATTEMPTS = 10


def read_image(path: Path) -> Image.Image:
    """Decode an image to RGB; see `fractalgen.images.decoding.to_rgb`.

    Raises
    ------
    RunError
        With the file's name and the reason, if that is not possible.
    """
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ImageError(f"larger than {MAX_BYTES >> 20} MiB")
        return Image.fromarray(to_rgb(data)[0])
    except OSError as error:
        reason = error.strerror or str(error)
    except ImageError as error:
        reason = str(error)
    raise RunError(f"cannot use {path}: {reason}. Mend or remove it.")


def shorter_side(size: int) -> int:
    """Return to how many pixels an image's shorter side is brought to test `size` of them.

    256 for 224, and others in proportion.
    """
    return round(size * 256 / 224)


def testing_view(image: Image.Image, size: int, shorter: int) -> NDArray[np.uint8]:
    """Resize an image until its shorter side has `shorter` pixels, and cut out the centre.

    Filter and rounding are those of torchvision's `Resize` and `CenterCrop`: bilinear, averaging
    where it makes smaller.

    Parameters
    ----------
    image : PIL.Image.Image
        RGB.
    size : int
        Pixels a side.
    shorter : int
        `size` or more.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
    """
    longer = shorter * max(image.size) // min(image.size)
    width, height = (shorter, longer) if image.width <= image.height else (longer, shorter)
    # Of the resized image no more than the centre is computed.
    left, top = round((width - size) / 2), round((height - size) / 2)
    across, down = image.width / width, image.height / height
    box = (left * across, top * down, (left + size) * across, (top + size) * down)
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box))


def training_view(image: Image.Image, size: int, seed: int) -> NDArray[np.uint8]:
    """Cut out a part of random area and shape, resize it, and mirror it half of the time.

    The area is uniform from 8% to 100% of the image's, the logarithm of width over height
    uniform between those of 3/4 and 4/3; what does not fit is drawn again, and after ten times the
    largest part in the middle of a shape within the limits is taken. Source: Szegedy et al.,
    "Going deeper with convolutions", CVPR 2015.

    Parameters
    ----------
    image : PIL.Image.Image
        RGB.
    size : int
        Pixels a side.
    seed : int
        From 0 to 2**64 - 1; the result is a function of it.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    box = _random_box(image.width, image.height, rng)
    part = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box))
    return part[:, ::-1] if rng.random() < 0.5 else part


def _random_box(width: int, height: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom."""
    for _ in range(_ATTEMPTS):
        area = width * height * rng.uniform(*_SHARE)
        aspect = math.exp(rng.uniform(math.log(_ASPECT[0]), math.log(_ASPECT[1])))
        wide, high = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < wide <= width and 0 < high <= height:
            left = int(rng.integers(width - wide + 1))
            top = int(rng.integers(height - high + 1))
            return left, top, left + wide, top + high
    wide = min(width, max(1, round(height * _ASPECT[1])))
    high = min(height, max(1, round(width / _ASPECT[0])))
    left, top = (width - wide) // 2, (height - high) // 2
    return left, top, left + wide, top + high
