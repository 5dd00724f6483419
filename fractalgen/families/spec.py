"""Draw the parameters of one image, and the image from its parameters."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fractalgen.families.base import Family
from fractalgen.registry import shown
from fractalgen.seeding import rng_for

__all__ = ["MAX_ATTEMPTS", "SIZE_RANGE", "ImageSpec", "check_size", "sample_spec"]

MAX_ATTEMPTS = 40
SIZE_RANGE = (16, 16384)


@dataclass(frozen=True)
class ImageSpec:
    """All that redraws one image, at any size.

    Attributes
    ----------
    family : str
        Name of the family.
    seed, index : int
        The set's seed and the image's number within its family.
    attempt : int
        Which draw on the image's stream passed the family's gate, from 1.
    params : Any
        The family's frozen parameters dataclass.
    """

    family: str
    seed: int
    index: int
    attempt: int
    params: Any


def sample_spec(family: Family[Any], seed: int, index: int) -> ImageSpec:
    """Draw parameters on the image's own stream until the family accepts them.

    The last of `MAX_ATTEMPTS` draws is taken as it is, so that the call always ends.
    """
    rng = rng_for(seed, family.name, index)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        params = family.sample_params(rng)
        if attempt == MAX_ATTEMPTS or family.accepts(params):
            break
    return ImageSpec(family.name, seed, index, attempt, params)


def check_size(size: int) -> int:
    """Return `size`; ValueError unless it is a whole number of pixels within `SIZE_RANGE`."""
    low, high = SIZE_RANGE
    if not isinstance(size, (int, np.integer)) or not low <= size <= high:
        raise ValueError(
            f"size must be a whole number from {low} to {high} pixels, not {shown(size)}"
        )
    return int(size)
