"""A few images of a set, read without the others."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fractalgen.bank.folder import ImageFile
from fractalgen.bank.source import Place, Source, open_source
from fractalgen.errors import ImageError
from fractalgen.images.crops import square

__all__ = ["FewImages", "few_images"]


@dataclass(frozen=True)
class FewImages:
    """Some images of a set.

    Attributes
    ----------
    names : tuple of str
        Their paths within the set.
    array : ndarray of uint8, shape (n, size, size, 3)
        Their central squares.
    """

    names: tuple[str, ...]
    array: NDArray[np.uint8]


def few_images(place: Place, n: int, size: int, seed: int) -> FewImages:
    """Choose up to `n` images at random, from all folders of a set alike.

    Raises
    ------
    BankError
        If the set does not exist, cannot be read, or holds no images.
    ImageError
        If a chosen image cannot be read; the message names it.
    """
    source = open_source(place)
    images = {each.name: each for each in source.images}
    names = _spread(list(images), n, seed)
    pixels = [_read(source, images[name], size) for name in names]
    return FewImages(tuple(names), np.stack(pixels))


def _read(source: Source, image: ImageFile, size: int) -> NDArray[np.uint8]:
    try:
        return square(source.read(image), size)
    except ImageError as error:
        raise ImageError(f"cannot use {source.name}/{image.name}: {error}") from None


def _spread(names: Sequence[str], n: int, seed: int) -> list[str]:
    """Choose names at random, cycling through the folders."""
    shuffled = random.Random(seed).sample(names, len(names))
    seen: dict[str, int] = {}
    turns = []
    for name in shuffled:
        folder = name.rpartition("/")[0]
        turns.append((seen.setdefault(folder, 0), folder, name))
        seen[folder] += 1
    return [name for _, _, name in sorted(turns)[:n]]
