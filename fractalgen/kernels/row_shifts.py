"""Image operations that move whole rows: shears along them and translations.

The arithmetic is that of `affine_warp`, but a row of the target comes from one row of the source,
all of it by the same fraction of a pixel.
"""

import numpy as np

from fractalgen.kernels.affine_warp import VALUE_BITS, as_value, between
from fractalgen.kernels.jit import inlined, kernel

__all__ = ["shear_x"]

_BLACK = np.uint8(0)
_PLACE = 65536.0
_PLACE_BITS = np.int64(16)
_HALF_PLACE = np.int64(1 << 15)
_U3 = np.uint64(3)


@inlined
def _inside_run(shift, side, left, right):
    """Return the first x of [left, right) with 0 <= (x + 0.5) + shift < side, and their end."""
    size = np.float64(side)
    first = min(max(np.int64(np.floor(-shift - 0.5)) - 1, left), right)
    while first < right and (np.float64(first) + 0.5) + shift < 0.0:
        first += 1
    end = min(max(np.int64(np.floor(size - shift - 0.5)) + 2, first), right)
    while end > first and (np.float64(end - 1) + 0.5) + shift >= size:
        end -= 1
    return first, end


@kernel
def shear_x(factor, across, down, height, width, box, source, target):
    """Fetch row y from `factor` * (y + 1/2) + `across` pixels to its right, `down` below.

    `factor` is a float64, and `across` and `down` are whole, for translations. Only `box` (top,
    left, height, width) is filled.
    """
    row = 3 * width
    box_left, box_right = np.int64(box[1]), np.int64(box[1]) + np.int64(box[3])
    for y in range(np.int64(box[0]), np.int64(box[0]) + np.int64(box[2])):
        first, end, whole, weight = box_left, box_left, np.int64(0), np.int16(0)
        moved = False
        if 0 <= y + down < height:
            shift = factor * (np.float64(y) + 0.5) + np.float64(across)
            first, end = _inside_run(shift, width, box_left, box_right)
            place = np.int64(np.floor(shift * _PLACE + 0.5))
            whole = place >> _PLACE_BITS
            moved = place != whole << _PLACE_BITS
            weight = np.int16(place - _HALF_PLACE)
        # Both neighbours are in the image from `left` to `right`, all but a pixel at each end.
        left = max(first, min(-whole, end))
        right = max(left, min(width - 1 - whole, end))
        start = y * row
        from_start = (y + down) * row
        here = np.uint64(from_start + 3 * (left + whole))
        at = np.uint64(start + 3 * left)
        n = np.uint64(3 * (right - left))
        if moved:
            for i in range(n):
                value = as_value(source[here + i])
                ahead = as_value(source[here + _U3 + i])
                mixed = between(value, ahead, weight)
                target[at + i] = np.uint8(np.int32(mixed) >> VALUE_BITS)
        else:
            for i in range(n):
                target[at + i] = source[here + i]
        for channel in range(3):
            if first < left:
                target[np.uint64(start + 3 * first + channel)] = source[
                    np.uint64(from_start + channel)
                ]
            if right < end:
                target[np.uint64(start + 3 * right + channel)] = source[
                    np.uint64(from_start + row - 3 + channel)
                ]
        for i in range(np.uint64(start + 3 * box_left), np.uint64(start + 3 * first)):
            target[i] = _BLACK
        for i in range(np.uint64(start + 3 * end), np.uint64(start + 3 * box_right)):
            target[i] = _BLACK
