"""The operations on whole images with Pillow and NumPy: the reference for the kernels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from fractalgen.arguments import one_of
from fractalgen.augment import max_entropy
from fractalgen.augment.max_entropy import RandomOp
from fractalgen.kernels.plan_layout import IMAGE_OPS

__all__ = [
    "IMAGE_OPS",
    "NAMED_OPS",
    "PAPER_IMAGE_OPS",
    "REFERENCES",
    "amount_of",
    "amount_range",
    "apply_image_op",
]

# The paper's operations don't overlap with the corruptions of ImageNet-C; the others do.
PAPER_IMAGE_OPS: tuple[str, ...] = (
    "equalize",
    "posterize",
    "rotate",
    "solarize",
    "shear-x",
    "shear-y",
    "translate-x",
    "translate-y",
    "mirror",
    "invert",
)
_MIN_LEVEL, _MAX_LEVEL = 0.0, 10.0
_ROUNDING = 1e-6  # of an amount that is kept as a float32

_Matrix = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Reference:
    """An operation on an RGB image, and the meaning of its amount."""

    apply: Callable[[Image.Image, float], Image.Image]
    # Takes a level in (0, 10], a sign (1 or -1), and the image's width and height.
    amount: Callable[[float, int, tuple[int, int]], float]
    whole: bool = False  # whether amounts are whole numbers
    random: RandomOp | None = None  # applied in place of `apply`


def _without_amount(function: Callable[[Image.Image], Image.Image]) -> Reference:
    return Reference(lambda image, _: function(image), lambda *_: 0.0)


def _shear(matrix: Callable[[float], _Matrix]) -> Reference:
    """Amounts are pixels across per pixel along, up to 0.3."""
    return Reference(
        lambda image, amount: _transformed(image, matrix(amount)),
        lambda level, sign, _: sign * (0.3 * level / 10),
    )


def _translation(axis: int, matrix: Callable[[float], _Matrix]) -> Reference:
    """Amounts are whole pixels, up to a third of the side."""
    return Reference(
        lambda image, amount: _transformed(image, matrix(amount)),
        lambda level, sign, size: float(sign * int(size[axis] / 3 * level / 10)),
        whole=True,
    )


def _enhancement(enhancer: Callable[[Image.Image], Any]) -> Reference:
    """Amounts are factors from 0.1 to 1.9; 1 changes nothing."""
    return Reference(
        lambda image, amount: enhancer(image).enhance(amount),
        lambda level, *_: level / 10 * 1.8 + 0.1,
    )


def _random(op: RandomOp, per_level: float) -> Reference:
    """Amounts grow with the level; plans may hold larger ones, up to the operation's own limit."""
    return Reference(lambda image, _: image, lambda level, *_: per_level * level, random=op)


def _transformed(image: Image.Image, matrix: _Matrix) -> Image.Image:
    """Fetch every pixel from where `matrix` maps it; black outside the image."""
    bilinear = Image.Resampling.BILINEAR
    return image.transform(image.size, Image.Transform.AFFINE, matrix, resample=bilinear)


def _posterize(image: Image.Image, bits: float) -> Image.Image:
    if bits < 1:  # Pillow refuses to keep no bits
        return Image.new(image.mode, image.size)
    return ImageOps.posterize(image, int(bits))


REFERENCES: dict[str, Reference] = {
    "equalize": _without_amount(ImageOps.equalize),
    # Bits to keep, 4 to 0.
    "posterize": Reference(
        _posterize, lambda level, *_: float(4 - int(level * 4 / 10)), whole=True
    ),
    # Degrees, counter-clockwise, up to 30.
    "rotate": Reference(
        lambda image, amount: image.rotate(amount, resample=Image.Resampling.BILINEAR),
        lambda level, sign, _: sign * (30 * level / 10),
    ),
    # The smallest value to invert, 256 to 0.
    "solarize": Reference(
        lambda image, amount: ImageOps.solarize(image, int(amount)),
        lambda level, *_: float(256 - int(level * 256 / 10)),
        whole=True,
    ),
    "shear-x": _shear(lambda amount: (1, amount, 0, 0, 1, 0)),
    "shear-y": _shear(lambda amount: (1, 0, 0, amount, 1, 0)),
    "translate-x": _translation(0, lambda amount: (1, 0, amount, 0, 1, 0)),
    "translate-y": _translation(1, lambda amount: (1, 0, 0, 0, 1, amount)),
    "mirror": _without_amount(ImageOps.mirror),
    "invert": _without_amount(ImageOps.invert),
    "autocontrast": _without_amount(ImageOps.autocontrast),
    "color": _enhancement(ImageEnhance.Color),
    "contrast": _enhancement(ImageEnhance.Contrast),
    "brightness": _enhancement(ImageEnhance.Brightness),
    "sharpness": _enhancement(ImageEnhance.Sharpness),
    # The deviation of a filter's weights, the variance of a tone curve's, and the share of a warp's
    # range of temperatures.
    "filter": _random(max_entropy.FILTER, 0.4),
    "tone": _random(max_entropy.TONE, 0.001),
    "warp": _random(max_entropy.WARP, 0.1),
}

NAMED_OPS: dict[str, tuple[str, ...]] = {
    "paper": PAPER_IMAGE_OPS,
    "all": tuple(name for name in IMAGE_OPS if REFERENCES[name].random is None),
}
"""The sets of operations that have a name."""


def amount_of(op: str, level: float, sign: int, size: tuple[int, int]) -> float:
    """Turn a level into the operation's amount; see `Reference`."""
    return REFERENCES[one_of("op", op, IMAGE_OPS)].amount(level, sign, size)


def amount_range(op: str, size: tuple[int, int]) -> tuple[float, float, bool]:
    """Return an operation's smallest and largest amount, and whether amounts are whole."""
    reference = REFERENCES[op]
    ends = [
        reference.amount(level, sign, size)
        for level in (_MIN_LEVEL, _MAX_LEVEL)
        for sign in (1, -1)
    ]
    low, high = min(ends), max(ends)
    if reference.random:
        high = reference.random.max_amount
    if reference.whole:
        return low, high, True
    return low - _ROUNDING * abs(low), high + _ROUNDING * high, False


def apply_image_op(
    image: Image.Image,
    op: str,
    amount: float,
    detail: tuple[int, int] | None = None,
    seed: int = 0,
) -> Image.Image:
    """Return a new RGB image; pixels from outside of `image` are black.

    `detail` and `seed` are for random operations; see `fractalgen.augment.max_entropy`.
    """
    reference = REFERENCES[one_of("op", op, IMAGE_OPS)]
    if reference.random is None:
        return reference.apply(image, amount)
    pixels = np.asarray(image)
    changed = reference.random.apply(pixels, amount, detail or reference.random.usual, seed)
    return Image.fromarray(changed)
