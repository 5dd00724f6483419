"""Handwritten digits from scikit-learn: 1,797 images of 8 x 8 pixels with 17 grey levels."""

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.errors import RunError
from fractalgen.pool import Progress
from fractalgen.training.datasets.data_set import DataSet, Defaults, ImageData
from fractalgen.training.datasets.in_memory import in_memory_data

__all__ = ["DIGITS"]

_OWN_SIZE = 8
_DARKEST = 16
_FRAME = 2
# The visible part of a framed digit, in original pixels. A third of it is frame, so enlarged
# strokes end well inside.
_SHOWN = _OWN_SIZE * 4 / 3


def _load(
    data_set: DataSet, data_dir: Path, size: int, progress: Progress | None = None
) -> ImageData:
    """Load the digits; nothing is read from `data_dir`.

    Every fifth image of a class, in scikit-learn's order, is for testing. A digit fills three
    quarters of its image, so random crops never cut it off.

    Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
    Learning Repository, 1998, the part for testing.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise RunError(
            "the digits need scikit-learn; install the extra 'train': "
            "pip install 'fractalgen-ipmix[train]', or '.[train]' in a checkout"
        ) from None
    bundled = load_digits()
    pixels = _enlarged(bundled.images, size)
    labels = bundled.target.astype(np.int64)
    testing = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        testing[np.flatnonzero(labels == label)[4::5]] = True
    return in_memory_data(
        data_set,
        size,
        train=(pixels[~testing], labels[~testing]),
        test=(pixels[testing], labels[testing]),
        classes=tuple(str(digit) for digit in range(10)),
    )


def _enlarged(images: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    """Turn images with levels from 0 to 16 into grey ones, shape (n, size, size, 1)."""
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
    """Enlarge along one axis; doing both at once would leave specks next to the ink."""
    image = Image.fromarray(digit).resize(size, Image.Resampling.BICUBIC, box)
    clipped: NDArray[np.float32] = np.clip(np.asarray(image), 0, 255)
    return clipped


# No paper trains on these; the settings are chosen to learn quickly without a GPU.
_DEFAULTS = Defaults("resnet-8", epochs=10, batch_size=64, learning_rate=0.1, weight_decay=5e-4)
_OURS = dataclasses.replace(_DEFAULTS, average=0.995)

DIGITS = DataSet(
    name="digits",
    load=_load,
    image_size=32,
    recipes={"paper": _DEFAULTS, "official": _DEFAULTS, "fractalgen": _OURS},
    crop_padding=1 / 16,
    mirror=False,
)
