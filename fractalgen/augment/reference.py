"""The readable engine: applies a plan with Pillow and NumPy, a line of the algorithm at a time."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.augment.image_ops import IMAGE_OPS, apply_image_op
from fractalgen.augment.plan import FRAMEWORKS, MIXING_OPS
from fractalgen.augment.random_masks import random_mask

__all__ = ["apply_plan", "mix"]

Pixels = NDArray[np.uint8]


def apply_plan(plan: np.void, image: Pixels, bank_image: Pixels) -> NDArray[np.float64]:
    """Apply a plan.

    Parameters
    ----------
    plan : record of dtype `fractalgen.augment.plan.PLAN`
    image : ndarray of uint8, shape (height, width, 3)
    bank_image : ndarray of uint8, shape (size, size, 3)
        The bank's.

    Returns
    -------
    ndarray of float64, shape (height, width, 3)
        In [0, 1].
    """
    height, width = image.shape[:2]
    top, left = plan["crop"]
    fractal = bank_image[top : top + height, left : left + width]
    mixed = np.zeros(image.shape)
    current = image
    for chain in range(plan["n_chains"]):
        if FRAMEWORKS[plan["framework"]] != "input":
            current = image
        for step in range(plan["depth"][chain]):
            current = _take_step(plan, (chain, step), current, image, fractal)
        mixed += plan["weights"][chain] * current.astype(np.float64)
    skip = float(plan["skip"])
    return np.minimum((skip * mixed + (1.0 - skip) * image) / 255.0, 1.0)


def _take_step(
    plan: np.void, at: tuple[int, int], current: Pixels, image: Pixels, fractal: Pixels
) -> Pixels:
    image_op, amount = plan["image_op"][at], float(plan["amount"][at])
    if plan["mixing"][at] < 0:
        return _with_op(current, image_op, amount)
    partner = fractal if image_op < 0 else _with_op(image, image_op, amount)
    top, left, height, width = plan["box"][at]
    patch = np.s_[top : top + height, left : left + width]
    a, b = plan["factors"][at]
    out: Pixels = current.copy()
    name = MIXING_OPS[plan["mixing"][at]]
    if name.startswith("random"):
        kept = random_mask(int(plan["mask_seed"][at]), image.shape, name, float(a))
        out[patch] = np.where(kept, current, partner)[patch]
    else:
        values = mix(name, float(a), float(b), current[patch], partner[patch])
        out[patch] = _to_pixels(values, wraps=bool(plan["wraps"]))
    return out


def _with_op(image: Pixels, op: int, amount: float) -> Pixels:
    pixels: Pixels = np.asarray(apply_image_op(Image.fromarray(image), IMAGE_OPS[op], amount))
    return pixels


def mix(name: str, a: float, b: float, ours: Pixels, theirs: Pixels) -> NDArray[np.float64]:
    """Add or multiply two images; the result's scale is 0 to 255, unclipped."""
    one, other = ours / 255.0, theirs / 255.0
    if name == "add":
        return (a * (2 * one - 1) + b * (2 * other - 1) + 1) / 2 * 255
    with np.errstate(divide="ignore"):
        power = a * np.log2(np.maximum(2 * one, 1e-37)) + b * np.log2(np.maximum(2 * other, 1e-37))
    return np.where(ours == 0, 0.0, np.exp2(np.clip(power, -30, 30)) / 2 * 255)


def _to_pixels(values: NDArray[np.float64], *, wraps: bool) -> Pixels:
    whole = np.trunc(values) if wraps else np.floor(np.clip(values, 0, 255) + 0.5)
    pixels: Pixels = (whole.astype(np.int64) & 255).astype(np.uint8)
    return pixels
