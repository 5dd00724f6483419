"""The operations that IPMix applies to whole images: their names, amounts and Pillow versions.

The ten of the paper share nothing with the corruptions of ImageNet-C; the five after them do, and
serve experiments that do not measure robustness to those. `fractalgen.kernels.image_ops` knows an
operation by its place in `IMAGE_OPS`.
"""

from PIL import Image, ImageEnhance, ImageOps

__all__ = ["IMAGE_OPS", "PAPER_IMAGE_OPS", "amount_of", "amount_range", "apply_image_op"]

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
IMAGE_OPS: tuple[str, ...] = (
    *PAPER_IMAGE_OPS,
    "autocontrast",
    "color",
    "contrast",
    "brightness",
    "sharpness",
)

_ENHANCERS = {
    "color": ImageEnhance.Color,
    "contrast": ImageEnhance.Contrast,
    "brightness": ImageEnhance.Brightness,
    "sharpness": ImageEnhance.Sharpness,
}
_SIGNED = ("rotate", "shear-x", "shear-y", "translate-x", "translate-y")
_LEAST_LEVEL, _GREATEST_LEVEL = 0.0, 10.0
_ROUNDING = 1e-6  # of an amount that is kept as a float32
_PLAIN = {
    "equalize": ImageOps.equalize,
    "mirror": ImageOps.mirror,
    "invert": ImageOps.invert,
    "autocontrast": ImageOps.autocontrast,
}


def amount_of(op: str, level: float, sign: int, size: tuple[int, int]) -> float:
    """Turn a level into what the operation is told.

    Parameters
    ----------
    op : str
        One of `IMAGE_OPS`.
    level : float
        In (0, 10].
    sign : int
        1 or -1: the direction of a rotation, a shear or a translation; the others ignore it.
    size : tuple of int
        Width and height of the image, in pixels.

    Returns
    -------
    float
        Rotation: degrees, counter-clockwise, to 30. Shear: pixels across per pixel along, to 0.3.
        Translation: whole pixels, to a third of the side. Posterize: bits kept, 4 to 0. Solarize:
        the least value inverted, 256 to 0. Color, contrast, brightness, sharpness: factor from 0.1
        to 1.9, 1 changing nothing. The others: 0.

    Raises
    ------
    ValueError
        If there is no such operation.
    """
    if op == "rotate":
        return sign * (30 * level / 10)
    if op in ("shear-x", "shear-y"):
        return sign * (0.3 * level / 10)
    if op in ("translate-x", "translate-y"):
        side = size[0] if op == "translate-x" else size[1]
        return float(sign * int(side / 3 * level / 10))
    if op == "posterize":
        return float(4 - int(level * 4 / 10))
    if op == "solarize":
        return float(256 - int(level * 256 / 10))
    if op in _ENHANCERS:
        return level / 10 * 1.8 + 0.1
    if op in _PLAIN:
        return 0.0
    raise ValueError(f"there is no image operation {op!r}; there are {', '.join(IMAGE_OPS)}")


def amount_range(op: str, size: tuple[int, int]) -> tuple[float, float, bool]:
    """Return the least and the greatest of an operation's amounts, and whether they are whole.

    Parameters
    ----------
    op : str
        One of `IMAGE_OPS`.
    size : tuple of int
        Width and height of the image, in pixels.
    """
    if op == "posterize":
        return 0.0, 4.0, True
    if op == "solarize":
        return 0.0, 256.0, True
    high = amount_of(op, _GREATEST_LEVEL, 1, size)
    low = amount_of(op, _LEAST_LEVEL, 1, size) if op in _ENHANCERS else 0.0
    low = -high if op in _SIGNED else low
    if op.startswith("translate"):
        return low, high, True
    return low - _ROUNDING * abs(low), high + _ROUNDING * high, False


def _transformed(
    image: Image.Image, matrix: tuple[float, float, float, float, float, float]
) -> Image.Image:
    """Take every pixel from where `matrix` sends it; black where that is outside."""
    bilinear = Image.Resampling.BILINEAR
    return image.transform(image.size, Image.Transform.AFFINE, matrix, resample=bilinear)


def apply_image_op(image: Image.Image, op: str, amount: float) -> Image.Image:
    """Apply one operation to an RGB image.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode RGB. Not modified.
    op : str
        One of `IMAGE_OPS`.
    amount : float
        As `amount_of` gives it.

    Returns
    -------
    PIL.Image.Image
        A new image of the same size. What comes from outside of the image is black.

    Raises
    ------
    ValueError
        If there is no such operation.
    """
    if op == "rotate":
        return image.rotate(amount, resample=Image.Resampling.BILINEAR)
    if op == "shear-x":
        return _transformed(image, (1, amount, 0, 0, 1, 0))
    if op == "shear-y":
        return _transformed(image, (1, 0, 0, amount, 1, 0))
    if op == "translate-x":
        return _transformed(image, (1, 0, amount, 0, 1, 0))
    if op == "translate-y":
        return _transformed(image, (1, 0, 0, 0, 1, amount))
    if op == "posterize":
        if amount < 1:  # Pillow refuses to keep no bits
            return Image.new(image.mode, image.size)
        return ImageOps.posterize(image, int(amount))
    if op == "solarize":
        return ImageOps.solarize(image, int(amount))
    if op in _ENHANCERS:
        return _ENHANCERS[op](image).enhance(amount)
    if op in _PLAIN:
        return _PLAIN[op](image)
    raise ValueError(f"there is no image operation {op!r}; there are {', '.join(IMAGE_OPS)}")
