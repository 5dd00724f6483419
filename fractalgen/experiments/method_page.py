"""A page that shows what training methods do to photos: a row of images for each method."""

from __future__ import annotations

import dataclasses
import inspect
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from fractalgen.arguments import whole_number
from fractalgen.augment.figure_page import MARGIN, Page
from fractalgen.bank.few import FewImages, few_images
from fractalgen.bank.source import as_place
from fractalgen.errors import ArgumentError, ImageError, RunUsageError
from fractalgen.experiments.variant import ALL, parse_all
from fractalgen.images.crops import read_square
from fractalgen.methods import METHODS, find_method
from fractalgen.methods.method import Batch, Method
from fractalgen.registry import shown
from fractalgen.torch.datasets import normalized

__all__ = ["COLUMNS", "SIZES", "show_methods", "shown_methods"]

COLUMNS = 8
"""Images in a row, each with a seed of its own."""
SIZES = (16, 512)
_TILE = 128  # pixels a side on the page
_MIN_TILE = 112  # smaller images are enlarged by a whole number
_GAP = 8
_ROW = 58  # pixels above and below a row's images
_HEAD = 160

# Larger images have the options for ImageNet. Neither data set is opened.
_IMAGENET_FROM = 128
_SMALL, _LARGE = "cifar10", "folder:imagenet"

# Powers of two are exact; holes, which have the mean colour, become grey.
_MEAN, _STD = 0.5, 0.25

Pixels = NDArray[np.uint8]


def show_methods(
    photos: Sequence[str | os.PathLike[str]],
    methods: Sequence[str] | None = None,
    *,
    mixing_set: str | os.PathLike[str] = "ipmix-set",
    size: int = 128,
    seed: int = 0,
) -> Image.Image:
    """Draw a page with a row for each training method: the same photos, changed with eight seeds.

    A column has the same photo and the same seed in all rows. Each method has its options for
    CIFAR, or those for ImageNet from 128 pixels on, and is drawn as it trains: one that changes a
    share of the images, or of the batches, leaves some as they are.

    Parameters
    ----------
    photos : sequence of path
        One to eight files of images, whose central squares are used. A single one is also shown
        mirrored, so that methods that mix two images have a partner for it.
    methods : sequence of str, optional
        Methods with their options, such as ``"ipmix:k=4"`` or ``"augmix+cutmix"``; see
        `fractalgen.experiments.variant.Variant.parse`. By default ``"all"``, which stands for all
        that change images without the help of a network.
    mixing_set : path or URL
        A mixing set or any folder of images; eight of them are mixed with. It is not opened unless
        one of the methods needs it.
    size : int
        Side of the mixed images in pixels, 16 to 512.
    seed : int
        Seed of the first column; each other column has the next.

    Returns
    -------
    PIL.Image.Image
        The page, RGB.

    Raises
    ------
    RunUsageError
        If a method or an option is unknown, or a method changes no images by itself.
    ArgumentError
        If another argument is out of range.
    BankError, ImageError
        If the set has no images, or an image cannot be read.
    """
    size = whole_number("size", size, *SIZES)
    seed = whole_number("seed", seed, 0, (1 << 64) - COLUMNS)
    if not 1 <= len(photos) <= COLUMNS:
        raise ArgumentError(f"there must be 1 to {COLUMNS} photos, not {len(photos)}")
    chosen = _methods([ALL] if methods is None else methods, size)
    partners = None
    if any(method.uses_set for _, method in chosen):
        partners = few_images(as_place("mixing_set", mixing_set), COLUMNS, size * 8 // 7, seed)
    originals = [_read(Path(photo), size) for photo in photos]
    if len(originals) == 1:
        originals.append(originals[0][:, ::-1])
    places = [column * len(originals) // COLUMNS for column in range(COLUMNS)]
    return _draw(np.stack(originals), places, partners, chosen, seed)


def shown_methods() -> list[str]:
    """Return the names of the methods that change images, and need no network to do so."""
    return [name for name in METHODS if not _why_not(find_method(name))]


def _why_not(kind: type[Method]) -> str:
    """Return why a method cannot be shown, or nothing."""
    if kind.uses_network:
        return "needs a network that is being trained"
    if not kind.overrides("views") and not kind.overrides("on_device"):
        return "leaves images as they are"
    return ""


def _methods(texts: Sequence[str], size: int) -> list[tuple[str, Method]]:
    """Return methods with their labels."""
    if isinstance(texts, str) or not texts:
        raise RunUsageError(f"methods must be a list of names, not {shown(texts)}")
    found = []
    for variant in parse_all(texts, shown_methods()):
        kind = find_method(variant.method)
        reason = _why_not(kind)
        if reason:
            known = ", ".join(shown_methods())
            raise RunUsageError(
                f"{variant.method} cannot be shown: it {reason}; choose from {known}"
            )
        own = {field.name for field in dataclasses.fields(kind)}
        alien = [name for name, _ in variant.options if name not in own and name != "recipe"]
        if alien:
            raise RunUsageError(
                f"'{variant.label}': {alien[0]} does not change the images; leave it out"
            )
        config = variant.config({"dataset": _LARGE if size >= _IMAGENET_FROM else _SMALL})
        found.append((variant.label, config.method))
    return found


def _read(photo: Path, size: int) -> Pixels:
    try:
        return read_square(photo, size)
    except ImageError as error:
        raise ImageError(f"cannot use {photo}: {error}") from None


def _draw(
    originals: Pixels,
    places: Sequence[int],
    partners: FewImages | None,
    methods: Sequence[tuple[str, Method]],
    seed: int,
) -> Image.Image:
    size = originals.shape[1]
    tile = size * -(-_MIN_TILE // size) if size < _TILE else _TILE
    n_rows = len(methods) + 2
    page = Page(COLUMNS, tile, _GAP, n_rows * (tile + _ROW) + 2 * MARGIN + _HEAD)
    options = "ImageNet" if size >= _IMAGENET_FROM else "CIFAR"
    page.title(
        "Training methods",
        f"Images of {size} x {size} pixels, with each method's options for {options}. "
        f"Seeds {seed} to {seed + COLUMNS - 1} from left to right.",
    )

    def show(name: str, note: str, images: Pixels) -> None:
        page.row(name, note)
        for column, pixels in enumerate(images):
            page.image(column, page.y, pixels)
        page.y += tile

    show("Photos", "The image of each column.", originals[list(places)])
    if partners is not None:
        show("Mixing set", "What the methods with a set mix with.", partners.array)
    for label, method in methods:
        images = _changed(method, originals, places, partners, seed)
        show(label, _summary(method), images)
    return page.finished()


def _changed(
    method: Method,
    originals: Pixels,
    places: Sequence[int],
    partners: FewImages | None,
    seed: int,
) -> Pixels:
    """Return what a step of training would see of each column's image, (n, size, size, 3).

    A method can draw once for a whole batch, so every column has a batch of its own: its image,
    then those of the other photos, with which it can be mixed.
    """
    seeds = [seed + column for column in range(len(places))]
    bank: Any = partners if method.uses_set else None  # few images are a bank, too
    mean, std = [_MEAN] * 3, [_STD] * 3
    made = method.views(bank, mean, std)(originals[list(places)], seeds)
    views = [view if view.is_floating_point() else normalized(view, mean, std) for view in made]
    images = np.empty((len(places), *originals.shape[1:]), np.uint8)
    for column, place in enumerate(places):
        rows = [column, *(other for other in range(len(places)) if places[other] != place)]
        labels = torch.tensor([places[row] for row in rows])
        batch = Batch(tuple(view[rows] for view in views), labels, labels, len(originals))
        rng = np.random.default_rng(seeds[column])
        done = method.on_device(batch, nn.Identity(), rng).views
        values = done[min(1, len(done) - 1)][0].permute(1, 2, 0)  # the first of several is clean
        levels = 255 * (values * _STD + _MEAN)
        images[column] = levels.round().clamp(0, 255).numpy().astype(np.uint8)
    return images


def _summary(method: Method) -> str:
    """Return what a method trains on: the first line of its description, without its options."""
    line = (inspect.getdoc(type(method)) or "").partition("\n")[0].partition(";")[0]
    text = line.removeprefix("Train on ").replace("`", "").rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."
