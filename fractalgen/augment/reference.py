"""The readable reference engine, which applies plans with Pillow and NumPy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.augment.image_ops import apply_image_op
from fractalgen.kernels.plan_layout import FRAMEWORKS, IMAGE_OPS, MIXING_OPS, NO_OP
from fractalgen.seeding import bits_at

__all__ = ["MIXINGS", "Mixing", "apply_plan", "apply_plans"]

Pixels = NDArray[np.uint8]
_MASK_21 = (1 << 21) - 1


class Step(NamedTuple):
    """The arguments of a mixing operation."""

    a: float
    b: float
    wraps: bool  # values out of range wrap around instead of being clipped
    mask_seed: int
    places: NDArray[np.uint64]  # of the patch's pixels, counted along the image's rows


@dataclass(frozen=True)
class Mixing:
    """A mixing operation on our patch and the partner's, and the ranges of its factors."""

    apply: Callable[[Pixels, Pixels, Step], Pixels]
    a_range: tuple[float, float]
    b_range: tuple[float, float]


def _add(ours: Pixels, theirs: Pixels, step: Step) -> Pixels:
    one, other = ours / 255.0, theirs / 255.0
    values = (step.a * (2 * one - 1) + step.b * (2 * other - 1) + 1) / 2 * 255
    return _to_pixels(values, wraps=step.wraps)


def _multiply(ours: Pixels, theirs: Pixels, step: Step) -> Pixels:
    one, other = (np.log2(np.maximum(2 * (image / 255.0), 1e-37)) for image in (ours, theirs))
    values = np.exp2(np.clip(step.a * one + step.b * other, -30, 30)) / 2 * 255
    return _to_pixels(np.where(ours == 0, 0.0, values), wraps=step.wraps)


def _to_pixels(values: NDArray[np.float64], *, wraps: bool) -> Pixels:
    whole = np.trunc(values) if wraps else np.floor(np.clip(values, 0, 255) + 0.5)
    pixels: Pixels = (whole.astype(np.int64) & 255).astype(np.uint8)
    return pixels


def _random_pixels(ours: Pixels, theirs: Pixels, step: Step) -> Pixels:
    uniform = (bits_at(step.mask_seed, step.places) >> 40) * 2.0**-24
    return np.where((uniform < np.float32(step.a))[..., None], ours, theirs)


def _random_elements(ours: Pixels, theirs: Pixels, step: Step) -> Pixels:
    bits = bits_at(step.mask_seed, step.places)
    uniform = np.stack([bits >> 21 * part & _MASK_21 for part in range(3)], axis=-1) * 2.0**-21
    return np.where(uniform < np.float32(step.a), ours, theirs)


_FACTORS = ((0.0, 2.0), (-1.0, 1.0))
_SHARE_KEPT = ((0.0, 1.0), (0.0, 0.0))
MIXINGS: dict[str, Mixing] = {
    "add": Mixing(_add, *_FACTORS),
    "multiply": Mixing(_multiply, *_FACTORS),
    "random-pixels": Mixing(_random_pixels, *_SHARE_KEPT),
    "random-elements": Mixing(_random_elements, *_SHARE_KEPT),
}


def apply_plan(plan: np.void, image: Pixels, bank_image: Pixels) -> NDArray[np.float64]:
    """Apply a plan to an image; the result has the image's shape and values in [0, 1]."""
    height, width = image.shape[:2]
    top, left = plan["crop"]
    fractal = bank_image[top : top + height, left : left + width]
    mixed = np.zeros(image.shape)
    current = image
    for chain in range(plan["n_chains"]):
        if FRAMEWORKS[plan["framework"]] != "input":
            current = image
        for step in range(plan["depth"][chain]):
            current = _next(plan, (chain, step), current, image, fractal)
        mixed += plan["weights"][chain] * current.astype(np.float64)
    skip = float(plan["skip"])
    return np.minimum((skip * mixed + (1.0 - skip) * image) / 255.0, 1.0)


def _next(
    plan: np.void, at: tuple[int, int], current: Pixels, image: Pixels, fractal: Pixels
) -> Pixels:
    mixing = plan["mixing"][at]
    if mixing == NO_OP:
        return _with_op(plan, at, current)
    partner = fractal if plan["image_op"][at] == NO_OP else _with_op(plan, at, image)
    top, left, height, width = plan["box"][at]
    patch = np.s_[top : top + height, left : left + width]
    places = np.arange(image[..., 0].size, dtype=np.uint64).reshape(image.shape[:2])[patch]
    a, b = (float(factor) for factor in plan["factors"][at])
    step = Step(a, b, bool(plan["wraps"]), int(plan["mask_seed"][at]), places)
    out: Pixels = current.copy()
    out[patch] = MIXINGS[MIXING_OPS[mixing]].apply(current[patch], partner[patch], step)
    return out


def _with_op(plan: np.void, at: tuple[int, int], image: Pixels) -> Pixels:
    op, amount = IMAGE_OPS[plan["image_op"][at]], float(plan["amount"][at])
    low, high = plan["detail"][at].tolist()
    seed = int(plan["op_seed"][at])
    pixels: Pixels = np.asarray(
        apply_image_op(Image.fromarray(image), op, amount, (low, high), seed)
    )
    return pixels


def apply_plans(
    plans: NDArray[np.void],
    images: Pixels,
    bank: Pixels,
    mean: NDArray[np.float32],
    scale: NDArray[np.float32],
    planar: bool,
    start: int,
    out: NDArray[np.float32],
) -> None:
    """Do what `fractalgen.kernels.ipmix.apply_plans` does."""
    for view, index in np.ndindex(plans.shape):
        plan, image = plans[view, index], images[start + index]
        values = apply_plan(plan, image, bank[plan["bank_image"]]).astype(np.float32)
        values = (values - mean) * scale
        out[view, start + index] = (values.transpose(2, 0, 1) if planar else values).ravel()
