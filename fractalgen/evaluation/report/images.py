"""Small images inside the page itself."""

import base64
from dataclasses import dataclass, field
from html import escape

import numpy as np
from numpy.typing import NDArray

from fractalgen.images.formats import encode

__all__ = ["Samples", "img"]

_LARGEST_PNG = 64
_LARGE = 72


@dataclass(frozen=True)
class Samples:
    """Images for the page, each uint8 RGB; what is None or empty is left out.

    Attributes
    ----------
    set_images : ndarray, shape (n, size, size, 3), or None
        Of the mixing set.
    training_images : ndarray, shape (n, size, size, 3), or None
        As they are.
    augmented_views : ndarray, shape (n, views, size, size, 3), or None
        The views that training makes of each of `training_images`.
    corruptions : dict of str to dict of str to ndarray, shape (severities, size, size, 3)
        One test image under each corruption, by source and then by corruption.
    severities : tuple of int
        Which ones `corruptions` shows.
    mistakes : ndarray, shape (n, size, size, 3), or None
        Test images that the model gets wrong.
    mistake_captions : tuple of str
        One for each of `mistakes`, such as ``shirt, taken for coat``.

    Raises
    ------
    ValueError
        If shapes or counts do not go together.
    """

    set_images: NDArray[np.uint8] | None = None
    training_images: NDArray[np.uint8] | None = None
    augmented_views: NDArray[np.uint8] | None = None
    corruptions: dict[str, dict[str, NDArray[np.uint8]]] = field(default_factory=dict)
    severities: tuple[int, ...] = (3,)
    mistakes: NDArray[np.uint8] | None = None
    mistake_captions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check("set_images", self.set_images, 4)
        _check("training_images", self.training_images, 4)
        _check("augmented_views", self.augmented_views, 5)
        _check("mistakes", self.mistakes, 4)
        each = (item for found in self.corruptions.values() for item in found.items())
        for name, images in each:
            _check(name, images, 4)
            if len(images) != len(self.severities):
                raise ValueError(f"{name}: {len(images)} images, {len(self.severities)} severities")
        if _count(self.augmented_views) not in (0, _count(self.training_images)):
            raise ValueError("augmented_views are not of as many images as training_images")
        if len(self.mistake_captions) not in (0, _count(self.mistakes)):
            raise ValueError("mistake_captions are not as many as mistakes")


def img(image: NDArray[np.uint8], alt: str, target: int = 64) -> str:
    """Return an ``<img>`` element that holds its image.

    Parameters
    ----------
    image : ndarray of uint8, shape (size, size, 3)
        RGB; without loss up to 64 pixels a side.
    alt : str
        What stands for the image where it cannot be seen; escaped here.
    target : int
        About how many pixels of the page a small image fills; it is enlarged a whole number of
        times.
    """
    size = image.shape[0]
    large = size > target
    side = _LARGE if large else size * max(1, round(target / size))
    kind = "png" if size <= _LARGEST_PNG else "jpeg"
    data = base64.b64encode(encode(np.ascontiguousarray(image), kind)).decode("ascii")
    smooth = ' class="smooth"' if large else ""
    return (
        f'<img{smooth} src="data:image/{kind};base64,{data}" alt="{escape(alt)}"'
        f' width="{side}" height="{side}">'
    )


def _check(name: str, images: NDArray[np.uint8] | None, n_axes: int) -> None:
    if images is None:
        return
    if images.dtype != np.uint8 or images.ndim != n_axes or images.shape[-1] != 3:
        raise ValueError(f"{name} is {images.dtype} of shape {images.shape}")


def _count(images: NDArray[np.uint8] | None) -> int:
    return 0 if images is None else len(images)
