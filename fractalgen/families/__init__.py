"""The families of images, by name."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.families.base import Family
from fractalgen.families.escape_time import EscapeTime
from fractalgen.families.features import Features
from fractalgen.families.ifs import IFS
from fractalgen.families.spec import ImageSpec, check_size, sample_spec
from fractalgen.registry import Registry

__all__ = [
    "FAMILIES",
    "Family",
    "ImageSpec",
    "render",
    "sample",
    "sample_spec",
]

FAMILIES: Registry[type[Family[Any]]] = Registry("family")
for _family in (EscapeTime, IFS, Features):
    FAMILIES.add(_family.name, _family)


def sample(family: str, *, seed: int = 0, index: int = 0, **options: Any) -> ImageSpec:
    """Draw the parameters of one image.

    Parameters
    ----------
    family : str
        ``"escape-time"``, ``"ifs"`` or ``"features"``.
    seed : int
        The set's seed, 0 or more.
    index : int
        The image's number within its family, 0 or more.
    **options
        The family's own options, such as ``palette="ember"``.

    Returns
    -------
    ImageSpec
        The parameters and where they came from.

    Raises
    ------
    UnknownNameError
        If there is no such family or palette.
    ValueError
        If `seed`, `index` or an option is out of its range.
    """
    return sample_spec(FAMILIES[family](**options), seed, index)


def render(spec: ImageSpec, *, size: int = 256) -> NDArray[np.uint8]:
    """Draw an image from its parameters; the same spec gives the same image at any size.

    Parameters
    ----------
    spec : ImageSpec
        From `sample`, or from a set's manifest.
    size : int
        Pixels a side, 16 to 16384.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
        RGB.

    Raises
    ------
    ValueError
        If `size` is out of its range.
    """
    return FAMILIES[spec.family]().render(spec.params, check_size(size))
