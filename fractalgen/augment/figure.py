"""A figure that explains IPMix on an image: its operations, its patches, its chains.

After figures 3 and 5 of Huang et al., "IPMix: Label-Preserving Data Augmentation Method for
Training Robust Classifiers", NeurIPS 2023. Every image in it comes from a plan that the
compiled engine applies.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.arguments import whole_number
from fractalgen.augment.figure_page import COLUMNS, GAP, TILE, Page, column_left
from fractalgen.augment.figure_plans import (
    clear_plan,
    patch_sizes,
    single_step,
    step_in_words,
    title,
)
from fractalgen.augment.ipmix import IPMix
from fractalgen.augment.plan import MIXING_OPS, from_json, to_json
from fractalgen.registry import shown

__all__ = ["MAX_IMAGES", "MIN_SIZE", "figure"]

MAX_IMAGES = COLUMNS - 1
"""Images of the mixing set that the figure has room for."""
MIN_SIZE = 16
_IMAGENET_FROM = 128  # pixels a side; smaller images take the patches for CIFAR's
_MASK_SEED = 0x1B3A

_FACTORS = {
    "add": (0.6, 0.5),
    "multiply": (0.7, 0.5),
    "random-pixels": (0.5, 0.0),
    "random-elements": (0.5, 0.0),
}
_HOW = {
    "add": ("0.6 of the image's values", "and 0.5 of the partner's"),
    "multiply": ("the image's to the power", "0.7, the partner's to 0.5"),
    "random-pixels": ("half of the pixels", "are the partner's"),
    "random-elements": ("half of the red, green, blue", "values are the partner's"),
}

Pixels = NDArray[np.uint8]
Json = dict[str, Any]


def figure(image: Pixels, set_images: Pixels, names: Sequence[str], seed: int = 0) -> Image.Image:
    """Draw the figure.

    Parameters
    ----------
    image : ndarray of uint8, shape (size, size, 3)
        The image to be augmented, 16 pixels a side or more.
    set_images : ndarray of uint8, shape (n, size, size, 3)
        One to four of the mixing set; the first is the partner in most of the figure.
    names : sequence of str
        What to call them.
    seed : int
        Of the plans that are drawn, 0 or more.

    Returns
    -------
    PIL.Image.Image
        RGB, 1,400 pixels wide.

    Raises
    ------
    ValueError
        If there are no images or too many, the shapes do not fit, or the seed is negative.
    """
    if not _is_rgb(image, 3) or image.shape[0] != image.shape[1] or len(image) < MIN_SIZE:
        raise ValueError(
            f"the image must be a square of {MIN_SIZE} pixels or more, uint8 of shape "
            "(size, size, 3)"
        )
    if not _is_rgb(set_images, 4) or set_images.shape[1:] != image.shape:
        raise ValueError("the images to mix with must be uint8 of the image's shape")
    if not 1 <= len(set_images) <= MAX_IMAGES:
        raise ValueError(
            f"there must be 1 to {MAX_IMAGES} images to mix with, not {len(set_images)}"
        )
    if not isinstance(names, Sequence) or len(names) != len(set_images):
        raise ValueError(f"names must be a list of {len(set_images)}, not {shown(names)}")
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"names must be strings, not {shown(names)}")
    seed = whole_number("seed", seed, 0, (1 << 64) - 1)
    size = len(image)
    page = Page()
    page.title(
        "IPMix, step by step",
        "After figures 3 and 5 of Huang et al., NeurIPS 2023. "
        f"Images of {size} x {size} pixels, seed {seed}.",
    )
    _show_material(page, image, set_images, names)
    _show_mixing(page, image, set_images)
    _show_chains(page, image, set_images, seed)
    _show_views(page, image, set_images, seed)
    return page.finished()


def _show_material(page: Page, image: Pixels, set_images: Pixels, names: Sequence[str]) -> None:
    page.heading(
        "What is mixed",
        "A labelled image, and images of the mixing set, which need no labels. "
        "The first of these is the partner below.",
    )
    page.image(0, page.y, image, "Original")
    for column, (set_image, name) in enumerate(zip(set_images, names, strict=True), 1):
        role = "Partner" if column == 1 else "Of the same set"
        page.image(column, page.y, set_image, role, _in_ascii(name))
    page.y += TILE + 64


def _show_mixing(page: Page, image: Pixels, set_images: Pixels) -> None:
    page.heading(
        "Four ways to mix, on three kinds of area",
        "The strengths, and the patches' sizes and places, are drawn at random in use. "
        "The patches here are large ones.",
    )
    augment = IPMix(set_images)
    for column, name in enumerate(MIXING_OPS, 1):
        page.caption(column, page.y, title(name), *_HOW[name])
    page.y += 90
    for words, box in _areas(len(image)):
        whole = box[2] == len(image)
        page.caption(0, page.y + TILE // 2 - 34, *words)
        for column, name in enumerate(MIXING_OPS, 1):
            factors = list(_FACTORS[name])
            step = {"mixing": name, "box": box, "factors": factors, "mask_seed": _MASK_SEED}
            mixed = _applied(augment, single_step(step), image)
            page.image(column, page.y, mixed, box=None if whole else tuple(box))
        page.y += TILE + GAP
    page.y -= GAP - 18


def _areas(size: int) -> list[tuple[tuple[str, ...], list[int]]]:
    """Return each kind of area in words, and as top, left, height and width."""
    side = patch_sizes(size)[-1]
    thin = max(1, side // 4)
    centred = [
        [(size - height) // 2, (size - width) // 2, height, width]
        for height, width in ((size, size), (side, side), (thin, side))
    ]
    words = (
        ("The whole image", "the pixel level"),
        ("A square patch", "the patch level;", f"here {side} x {side} pixels"),
        ("A scar", "the patch level; long and thin,", f"here {side} x {thin} pixels"),
    )
    return list(zip(words, centred, strict=True))


def _show_chains(page: Page, image: Pixels, set_images: Pixels, seed: int) -> None:
    plan = clear_plan(len(image), set_images, seed)
    chains, m = plan["chains"], plan["skip"]
    page.heading(
        "Two chains of three steps",
        "k = 2 and t = 3, drawn until every step shows. The chains are averaged by their weights, "
        "then blended with the original.",
    )
    augment = IPMix(set_images)
    pitch = TILE + 176
    middle = page.y + 30 + (pitch + TILE) // 2 - 6
    centres = [page.y + 30 + row * pitch + TILE // 2 for row in range(2)]
    _draw_arrows(page, middle, centres)
    page.label(column_left(2) + TILE // 2, middle, f"skip connection, 1 - m = {1 - m:.2f}")
    for row, (chain, centre) in enumerate(zip(chains, centres, strict=True)):
        top = centre - TILE // 2
        mixes = "mixing" in chain["steps"][0]
        kind = "pixel and patch level" if mixes else "image level"
        page.above(1, top, f"Chain {row + 1}, {kind}")
        page.above(3, top, f"w{row + 1} = {chain['weight']:.2f}", to_right=True)
        for done, step in enumerate(chain["steps"], 1):
            prefix = {"weight": 1.0, "steps": chain["steps"][:done]}
            shown = _applied(augment, plan | {"skip": 1.0, "chains": [prefix]}, image)
            page.image(done, top, shown, *step_in_words(step, len(image)), box=_patch(step, image))
    page.image(0, middle - TILE // 2, image, "Original")
    page.image(
        4,
        middle - TILE // 2,
        _applied(augment, plan, image),
        "Result",
        "m (w1 chain 1 + w2 chain 2)",
        f"+ (1 - m) original,  m = {m:.2f}",
    )
    page.y = centres[-1] + TILE // 2 + 84


def _draw_arrows(page: Page, middle: int, centres: Sequence[int]) -> None:
    """Lead from the original straight to the result, and there through each chain too."""
    fork, join = column_left(1) - 22, column_left(4) - 22
    page.arrow((column_left(1) - GAP + 5, middle), (column_left(4) - 5, middle))
    for centre in centres:
        page.arrow((fork, middle), (fork, centre), (column_left(1) - 5, centre))
        for left in (column_left(2), column_left(3)):
            page.arrow((left - GAP + 5, centre), (left - 5, centre))
        page.line((column_left(4) - GAP + 5, centre), (join, centre), (join, middle))


def _show_views(page: Page, image: Pixels, set_images: Pixels, seed: int) -> None:
    page.heading(
        "As training sees it",
        "Results for five seeds by the default k = 3 chains of up to t = 3 steps. "
        "The label is the original's.",
    )
    preset = "imagenet" if len(image) >= _IMAGENET_FROM else "cifar"
    augment = IPMix(set_images, patch_sizes=preset)
    for column in range(COLUMNS):
        plan = augment.sample_plan(np.random.default_rng([seed, column]), image.shape)
        page.image(column, page.y, _applied(augment, to_json(plan), image))
    page.y += TILE


def _is_rgb(array: Any, n_axes: int) -> bool:
    is_uint8 = isinstance(array, np.ndarray) and array.dtype == np.uint8
    return is_uint8 and array.ndim == n_axes and array.shape[-1] == 3


def _in_ascii(name: str) -> str:
    """Replace what the page's font has no letters for."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in name)


def _patch(step: Json, image: Pixels) -> tuple[int, ...] | None:
    """Return the box of a step's patch; None if it takes the whole image."""
    box = step.get("box")
    return None if box is None or box[2] == len(image) else tuple(box)


def _applied(augment: IPMix, plan: Json, image: Pixels) -> Pixels:
    values = augment.apply(from_json(plan), image)
    pixels: Pixels = (values * 255 + 0.5).astype(np.uint8)
    return pixels
