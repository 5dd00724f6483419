"""Handwritten digits that scikit-learn brings along: 1,797 of 8 x 8 pixels and 17 grey levels."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.errors import RunError
from fractalgen.pool import Progress
from fractalgen.training.datasets.image_data import ImageData
from fractalgen.training.datasets.in_memory import in_memory_data

__all__ = ["load_digits"]

_OWN_SIZE = 8
_SIZE = 32
_DARKEST = 16
_FRAME = 2
# What an image shows, in pixels of the original; a third of it is the frame, so that enlarged
# strokes end well inside.
_SHOWN = _OWN_SIZE * 4 / 3


def load_digits(
    data_dir: Path, image_size: int | None = None, progress: Progress | None = None
) -> ImageData:
    """Load the digits, 32 x 32 or of another size; nothing is read from `data_dir`.

    Every fifth image of a class, in scikit-learn's order, is for testing. A digit fills three
    quarters of its image, and no random crop cuts any of it off. No mirror images: of most
    digits they are none.

    Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
    Learning Repository, 1998, the part for testing.

    Raises
    ------
    RunError
        If scikit-learn is missing.
    """
    try:
        from sklearn.datasets import load_digits as scikit_learn_digits
    except ImportError:
        raise RunError(
            "the digits come with scikit-learn, which is missing; install it by "
            "pip install 'fractalgen-ipmix[train]'"
        ) from None
    bundled = scikit_learn_digits()
    size = image_size or _SIZE
    pixels = _enlarged(bundled.images, size)
    labels = bundled.target.astype(np.int64)
    testing = _every_fifth(labels)
    return in_memory_data(
        "digits",
        train=(pixels[~testing], labels[~testing]),
        test=(pixels[testing], labels[testing]),
        classes=tuple(str(digit) for digit in range(10)),
        size=size,
        padding=size // 16,
        mirror=False,
    )


def _enlarged(images: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    """Bring images with levels from 0 to 16 to grey ones, shape (n, size, size, 1)."""
    levels = np.pad(images * (255 / _DARKEST), ((0, 0), (_FRAME, _FRAME), (_FRAME, _FRAME)))
    side = levels.shape[1]
    start, end = (side - _SHOWN) / 2, (side + _SHOWN) / 2
    out = np.empty((len(images), size, size, 1), np.uint8)
    for index, digit in enumerate(levels.astype(np.float32)):
        wide = _stretched(digit, (size, side), (start, 0, end, side))
        out[index, ..., 0] = np.rint(_stretched(wide, (size, size), (0, start, size, end)))
    return out


def _stretched(
    digit: NDArray[np.float32], size: tuple[int, int], box: tuple[float, float, float, float]
) -> NDArray[np.float32]:
    """Stretch along one axis: where ripples of both met, they would leave specks beside ink."""
    image = Image.fromarray(digit).resize(size, Image.Resampling.BICUBIC, box)
    clipped: NDArray[np.float32] = np.clip(np.asarray(image), 0, 255)
    return clipped


def _every_fifth(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        chosen[np.flatnonzero(labels == label)[4::5]] = True
    return chosen
