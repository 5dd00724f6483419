"""A figure that explains IPMix with an image: the operations, the patches, the chains.

After figures 3 and 5 of Huang et al., "IPMix: Label-Preserving Data Augmentation Method for
Training Robust Classifiers", NeurIPS 2023. The compiled engine makes every image in it from a plan.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.arguments import whole_number
from fractalgen.augment.clear_plan import clear_plan, patch_sides, step_in_words, title_of
from fractalgen.augment.figure_page import COLUMNS, GAP, TILE, Page, column_left
from fractalgen.augment.ipmix import IPMix
from fractalgen.augment.plan import from_json, to_json
from fractalgen.errors import ArgumentError
from fractalgen.registry import shown

__all__ = ["MAX_IMAGES", "MIN_SIZE", "figure"]

MAX_IMAGES = COLUMNS - 1
"""Maximum number of images of the mixing set in the figure."""
MIN_SIZE = 16
_IMAGENET_FROM = 128  # pixels a side; smaller images use CIFAR's patch sizes
_MASK_SEED = 0x1B3A
# The paper's mixing operations: factors and captions.
_MIXING: dict[str, tuple[list[float], str, str]] = {
    "add": ([0.6, 0.5], "0.6 of the image's values", "and 0.5 of the partner's"),
    "multiply": ([0.7, 0.5], "the image's to the power", "0.7, the partner's to 0.5"),
    "random-pixels": ([0.5, 0.0], "half of the pixels", "are the partner's"),
    "random-elements": ([0.5, 0.0], "half of the red, green, blue", "values are the partner's"),
}

Pixels = NDArray[np.uint8]
Json = dict[str, Any]


def figure(image: Pixels, set_images: Pixels, names: Sequence[str], seed: int = 0) -> Image.Image:
    """Draw the figure, an RGB image 1,400 pixels wide.

    Parameters
    ----------
    image : ndarray of uint8, shape (size, size, 3)
        The image to augment, at least 16 pixels a side.
    set_images : ndarray of uint8, shape (n, size, size, 3)
        One to four images of the mixing set; the first is the partner in most of the figure.
    names : sequence of str
        Their captions.
    seed : int
        Seed of the plans, 0 or more.
    """
    if not _is_rgb(image, 3) or image.shape[0] != image.shape[1] or len(image) < MIN_SIZE:
        raise ArgumentError(
            f"the image must be a square of {MIN_SIZE} pixels or more, uint8 of shape "
            "(size, size, 3)"
        )
    if not _is_rgb(set_images, 4) or set_images.shape[1:] != image.shape:
        raise ArgumentError("the images to mix with must be uint8 of the image's shape")
    if not 1 <= len(set_images) <= MAX_IMAGES:
        raise ArgumentError(
            f"there must be 1 to {MAX_IMAGES} images to mix with, not {len(set_images)}"
        )
    are_names = isinstance(names, Sequence) and all(isinstance(name, str) for name in names)
    if not are_names or len(names) != len(set_images):
        raise ArgumentError(f"names must be {len(set_images)} strings, not {shown(names)}")
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


def _is_rgb(array: Any, n_axes: int) -> bool:
    is_uint8 = isinstance(array, np.ndarray) and array.dtype == np.uint8
    return is_uint8 and array.ndim == n_axes and array.shape[-1] == 3


def _show_material(page: Page, image: Pixels, set_images: Pixels, names: Sequence[str]) -> None:
    page.heading(
        "The images to mix",
        "A labelled training image and unlabelled images from the mixing set. "
        "The first of these is the partner below.",
    )
    page.image(0, page.y, image, "Original")
    for column, (set_image, name) in enumerate(zip(set_images, names, strict=True), 1):
        role = "Partner" if column == 1 else "From the same set"
        # The page's font only covers ASCII.
        name = "".join(c if c.isascii() and c.isprintable() else "?" for c in name)
        page.image(column, page.y, set_image, role, name)
    page.y += TILE + 64


def _show_mixing(page: Page, image: Pixels, set_images: Pixels) -> None:
    page.heading(
        "Four mixing operations on three kinds of area",
        "In training, the strengths and the sizes and positions of patches are random. "
        "The patches here are large.",
    )
    for column, (name, (_, *how)) in enumerate(_MIXING.items(), 1):
        page.caption(column, page.y, title_of(name), *how)
    page.y += 90
    augment, size = IPMix(set_images), len(image)
    side = patch_sides(size)[-1]
    thin = max(1, side // 4)
    areas = (
        (size, size, ("The whole image", "the pixel level")),
        (side, side, ("A square patch", "the patch level;", f"here {side} x {side} pixels")),
        (thin, side, ("A scar", "the patch level; long and thin,", f"here {side} x {thin} pixels")),
    )
    plan = {"bank_image": 0, "crop": [0, 0], "framework": "chain", "wraps": False, "skip": 1.0}
    for height, width, words in areas:
        page.caption(0, page.y + TILE // 2 - 34, *words)
        box = [(size - height) // 2, (size - width) // 2, height, width]
        for column, (name, (factors, *_)) in enumerate(_MIXING.items(), 1):
            step = {"mixing": name, "box": box, "factors": factors, "mask_seed": _MASK_SEED}
            mixed = _applied(augment, plan | {"chains": [_chain([step])]}, image)
            page.image(column, page.y, mixed, box=_frame(step, size))
        page.y += TILE + GAP
    page.y -= GAP - 18


def _show_chains(page: Page, image: Pixels, set_images: Pixels, seed: int) -> None:
    size = len(image)
    plan = clear_plan(size, set_images, seed)
    m = plan["skip"]
    page.heading(
        "Two chains of three steps",
        "k = 2 and t = 3, with steps that are easy to see. The chains are averaged by their "
        "weights, then blended with the original.",
    )
    augment = IPMix(set_images)
    pitch = TILE + 176
    middle = page.y + 30 + (pitch + TILE) // 2 - 6
    centres = [page.y + 30 + row * pitch + TILE // 2 for row in range(2)]
    _draw_arrows(page, middle, centres)
    page.label(column_left(2) + TILE // 2, middle, f"skip connection, 1 - m = {1 - m:.2f}")
    for row, (chain, centre) in enumerate(zip(plan["chains"], centres, strict=True), 1):
        top, steps = centre - TILE // 2, chain["steps"]
        kind = "pixel and patch level" if "mixing" in steps[0] else "image level"
        page.above(1, top, f"Chain {row}, {kind}")
        page.above(3, top, f"w{row} = {chain['weight']:.2f}", to_right=True)
        for done, step in enumerate(steps, 1):
            prefix = plan | {"skip": 1.0, "chains": [_chain(steps[:done])]}
            pixels = _applied(augment, prefix, image)
            page.image(done, top, pixels, *step_in_words(step, size), box=_frame(step, size))
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
    """Draw arrows from the original to the result, directly and through each chain."""
    fork, join = column_left(1) - 22, column_left(4) - 22
    page.arrow((column_left(1) - GAP + 5, middle), (column_left(4) - 5, middle))
    for centre in centres:
        page.arrow((fork, middle), (fork, centre), (column_left(1) - 5, centre))
        for left in (column_left(2), column_left(3)):
            page.arrow((left - GAP + 5, centre), (left - 5, centre))
        page.line((column_left(4) - GAP + 5, centre), (join, centre), (join, middle))


def _show_views(page: Page, image: Pixels, set_images: Pixels, seed: int) -> None:
    page.heading(
        "As seen in training",
        "Results for five seeds with the default k = 3 chains of up to t = 3 steps. "
        "The label stays the same.",
    )
    augment = IPMix(set_images, patch_sizes="imagenet" if len(image) >= _IMAGENET_FROM else "cifar")
    for column in range(COLUMNS):
        plan = augment.sample_plan(np.random.default_rng([seed, column]), image.shape)
        page.image(column, page.y, _applied(augment, to_json(plan), image))
    page.y += TILE


def _chain(steps: Sequence[Json]) -> Json:
    return {"weight": 1.0, "steps": steps}


def _applied(augment: IPMix, plan: Json, image: Pixels) -> Pixels:
    values = augment.apply(from_json(plan), image)
    pixels: Pixels = (values * 255 + 0.5).astype(np.uint8)
    return pixels


def _frame(step: Json, size: int) -> tuple[int, ...] | None:
    """Return the box of a step's patch; None if the step changes the whole image."""
    box = step.get("box")
    return None if box is None or box[2] == size else tuple(box)
