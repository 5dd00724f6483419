"""IPMix's operations on whole images, with the same results as Pillow.

They are tested against the Pillow versions in `fractalgen.augment.image_ops`, which also explain
the amounts.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.affine_warp import rotation, shear_x, warp
from fractalgen.kernels.image_ops_tones import (
    blend_with_grey,
    color,
    level_table,
    look_up,
    mask_and_invert,
    mean_luma,
    mirror,
    sharpness,
)
from fractalgen.kernels.jit import inlined, inlined_early
from fractalgen.kernels.max_entropy import deform, filter_image, tone_table
from fractalgen.kernels.plan_layout import ImageOp

__all__ = ["amount_of", "apply_image_op"]

_ONE = np.float32(1.0)
_NO_TABLE = np.zeros(0, np.uint8)


@inlined
def amount_of(op, level, sign, height, width):
    """Turn a level in (0, 10] and a sign, 1 or -1, into the operation's amount, a float32."""
    level = np.float64(level)
    direction = np.float64(sign)
    amount = 0.0
    if op == ImageOp.ROTATE:
        amount = direction * (30.0 * level / 10.0)
    elif op == ImageOp.SHEAR_X or op == ImageOp.SHEAR_Y:
        amount = direction * (0.3 * level / 10.0)
    elif op == ImageOp.TRANSLATE_X or op == ImageOp.TRANSLATE_Y:
        side = np.float64(width if op == ImageOp.TRANSLATE_X else height)
        amount = np.float64(np.int64(direction) * np.int64(side / 3.0 * level / 10.0))
    elif op == ImageOp.POSTERIZE:
        amount = np.float64(4 - np.int64(level * 4.0 / 10.0))
    elif op == ImageOp.SOLARIZE:
        amount = np.float64(256 - np.int64(level * 256.0 / 10.0))
    elif (
        op == ImageOp.COLOR
        or op == ImageOp.CONTRAST
        or op == ImageOp.BRIGHTNESS
        or op == ImageOp.SHARPNESS
    ):
        amount = level / 10.0 * 1.8 + 0.1
    elif op == ImageOp.FILTER:
        amount = 0.4 * level
    elif op == ImageOp.TONE:
        amount = 0.001 * level
    elif op == ImageOp.WARP:
        amount = level / 10.0
    return np.float32(amount)


@inlined_early
def apply_image_op(
    op: int,
    amount: float,
    detail: NDArray[np.int32],
    seed: int,
    box: NDArray[np.int32],
    source: NDArray[np.uint8],
    target: NDArray[np.uint8],
) -> None:
    """Apply an `ImageOp` to an image, and write the part of the result inside `box`.

    The amount is a float32 from `amount_of`; rotations are up to 45 degrees. For `detail` and
    `seed`, uint64, of random operations see `PLAN`. `box` is top, left, height and width. Both
    images are C-contiguous and share no memory; `target` may also change outside of the box.
    """
    height, width = source.shape[0], source.shape[1]
    here = source.reshape(source.size)
    there = target.reshape(target.size)
    exact = np.float64(amount)
    whole = np.int64(exact)
    factor = np.float32(amount)
    if op == ImageOp.SHEAR_Y or (op == ImageOp.ROTATE and exact != 0.0):
        matrix = (1.0, 0.0, 0.0, exact, 1.0, 0.0)
        if op == ImageOp.ROTATE:
            matrix = rotation(exact, height, width)
        warp(matrix, height, width, box, here, there)
        return
    if op == ImageOp.SHEAR_X or op == ImageOp.TRANSLATE_X or op == ImageOp.TRANSLATE_Y:
        slope = exact if op == ImageOp.SHEAR_X else 0.0
        across = whole if op == ImageOp.TRANSLATE_X else 0
        down = whole if op == ImageOp.TRANSLATE_Y else 0
        shear_x(slope, across, down, height, width, box, here, there)
        return
    if op == ImageOp.MIRROR:
        mirror(width, box, here, there)
        return
    if op == ImageOp.FILTER:
        filter_image(factor, np.int64(detail[1]), seed, width, box, here, there)
        return
    if op == ImageOp.WARP:
        deform(factor, np.int64(detail[1]), seed, height, width, box, here, there)
        return
    if op == ImageOp.SHARPNESS and factor != _ONE:
        sharpness(factor, width, box, here, there)
        return
    evenly = op == ImageOp.EQUALIZE
    by_levels = evenly or op == ImageOp.AUTOCONTRAST
    by_table = by_levels or op == ImageOp.TONE
    table = level_table(evenly, here) if by_levels else _NO_TABLE
    if op == ImageOp.TONE:
        table = tone_table(factor, np.int64(detail[0]), np.int64(detail[1]), seed)
    by_grey = op == ImageOp.CONTRAST or op == ImageOp.BRIGHTNESS
    grey = mean_luma(here) if op == ImageOp.CONTRAST else np.int32(0)
    # Posterize, solarize and invert; by default all bits are kept and none inverted.
    bits = min(max(whole, 0), 8) if op == ImageOp.POSTERIZE else 8
    mask = np.uint8((0xFF00 >> bits) & 0xFF)
    threshold = whole if op == ImageOp.SOLARIZE else 256
    threshold = 0 if op == ImageOp.INVERT else threshold
    # Rows of the image's own width lie end to end, and are one.
    row, n = 3 * width, 3 * np.int64(box[3])
    n_rows = np.int64(box[2])
    start = np.int64(box[0]) * row + 3 * np.int64(box[1])
    if n == row:
        n, n_rows = n * n_rows, 1
    for begin in range(start, start + n_rows * row, row):
        ours, theirs = here[begin : begin + n], there[begin : begin + n]
        if by_table:
            look_up(table, ours, theirs)
        elif op == ImageOp.COLOR and factor != _ONE:
            color(factor, ours, theirs)
        elif by_grey:
            blend_with_grey(grey, factor, ours, theirs)
        else:
            mask_and_invert(mask, threshold, ours, theirs)
