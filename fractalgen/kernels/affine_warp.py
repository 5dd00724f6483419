"""Image operations that move pixels: rotation, shears and translations, bilinear, black outside.

A pixel's centre is half a pixel from its corner. A target pixel whose centre comes from inside of
the source's rectangle mixes the four pixels around that place, those beyond the edge being
repeats of the edge; any other is black. Which are inside is decided in float64, term by term as
Pillow does; the values between pixels are fixed-point, and cut off as Pillow's are. Pictures are
flat rows of R, G, B bytes.
"""

import numpy as np

from fractalgen.kernels.jit import inlined, kernel

__all__ = ["rotate", "shear_x", "shear_y"]

_BLACK = np.uint8(0)
_RADIANS = np.pi / 180.0
_FIFTEEN_DIGITS = 1e15
# 2 pi in two parts.
_TURN = 6.283185307179586
_TURN_REST = 2.4492935982947064e-16

# A place between pixels is an int64 with 32 bits after the point; weights keep the first eleven.
_PLACE = 4294967296.0
_PLACE_BITS = np.int64(32)
_WEIGHT_SHIFT = np.int64(21)
_WEIGHT_MASK = np.int64(2047)
_WEIGHT_BITS = np.int32(11)
_TWO_WEIGHT_BITS = np.int32(22)

# Along one axis alone a weight has fifteen bits.
_LINE_ONE = 32768.0
_LINE_BITS = np.int32(15)

_BLOCK = 16  # pixels that `shear_y` treats at once
_U3 = np.uint64(3)


@inlined
def _sine_and_cosine(x):
    """Of a float64 of magnitude to pi / 4, by Taylor's series, rounded to fifteen digits."""
    s = x * x
    sine = 1.0 - s / 210.0 * (1.0 - s / 272.0)
    sine = 1.0 - s / 72.0 * (1.0 - s / 110.0 * (1.0 - s / 156.0 * sine))
    sine = x * (1.0 - s / 6.0 * (1.0 - s / 20.0 * (1.0 - s / 42.0 * sine)))
    cosine = 1.0 - s / 132.0 * (1.0 - s / 182.0 * (1.0 - s / 240.0))
    cosine = 1.0 - s / 30.0 * (1.0 - s / 56.0 * (1.0 - s / 90.0 * cosine))
    cosine = 1.0 - s / 2.0 * (1.0 - s / 12.0 * cosine)
    sine = np.floor(sine * _FIFTEEN_DIGITS + 0.5) / _FIFTEEN_DIGITS
    cosine = np.floor(cosine * _FIFTEEN_DIGITS + 0.5) / _FIFTEEN_DIGITS
    return sine, cosine


@inlined
def _inside_run(shift, side):
    """Return the first x of [0, side) with 0 <= (x + 0.5) + shift < side, and the end of them."""
    size = np.float64(side)
    first = min(max(np.int64(np.floor(-shift - 0.5)) - 1, 0), side)
    while first < side and (np.float64(first) + 0.5) + shift < 0.0:
        first += 1
    end = min(max(np.int64(np.floor(size - shift - 0.5)) + 2, first), side)
    while end > first and (np.float64(end - 1) + 0.5) + shift >= size:
        end -= 1
    return first, end


@kernel
def shear_x(factor, across, down, height, width, source, target):
    """Fetch row y from `factor` * (y + 1/2) + `across` pixels to its right, `down` below.

    `factor` is a float64, and `across` and `down` are whole, for translations.
    """
    row = 3 * width
    for i in range(target.size):
        target[i] = _BLACK
    for y in range(max(-down, 0), min(height - down, height)):
        shift = factor * (np.float64(y) + 0.5) + np.float64(across)
        first, end = _inside_run(shift, width)
        whole = np.int64(np.floor(shift))
        weight = np.int32((shift - np.float64(whole)) * _LINE_ONE + 0.5)
        # Both neighbours are in the picture from `left` to `right`, all but a pixel at each end.
        left = max(first, min(-whole, end))
        right = max(left, min(width - 1 - whole, end))
        start = y * row
        from_start = (y + down) * row
        here = np.uint64(from_start + 3 * (left + whole))
        at = np.uint64(start + 3 * left)
        for i in range(np.uint64(3 * (right - left))):
            value = np.int32(source[here + i])
            ahead = np.int32(source[here + _U3 + i])
            mixed = (value << _LINE_BITS) + (ahead - value) * weight
            target[at + i] = np.uint8(np.int32(mixed) >> _LINE_BITS)
        for channel in range(3):
            if first < left:
                target[np.uint64(start + 3 * first + channel)] = source[
                    np.uint64(from_start + channel)
                ]
            if right < end:
                target[np.uint64(start + 3 * right + channel)] = source[
                    np.uint64(from_start + row - 3 + channel)
                ]


@kernel
def shear_y(factor, height, width, source, target):
    """Fetch column x from `factor` * (x + 1/2) pixels below it; `factor` is a float64.

    Columns that fall between the same two rows are treated together.
    """
    row = 3 * width
    weights = np.zeros(3 * _BLOCK, np.int32)
    x = 0
    while x < width:
        whole = np.int64(np.floor(factor * (np.float64(x) + 0.5)))
        n = 0
        while n < _BLOCK and x + n < width:
            fraction = factor * (np.float64(x + n) + 0.5) - np.float64(whole)
            if fraction < 0.0 or fraction >= 1.0:
                break
            for i in range(3 * n, 3 * n + 3):
                weights[i] = np.int32(fraction * _LINE_ONE + 0.5)
            n += 1
        # A whole block is written where there is room: what is too much lies in columns to come.
        n_bytes = np.uint64(3 * _BLOCK if x + _BLOCK <= width else 3 * n)
        for y in range(height):
            upper = y + whole
            above = np.uint64(min(max(upper, 0), height - 1) * row + 3 * x)
            start = np.uint64(y * row + 3 * x)
            if 0 <= upper < height - 1:
                below = above + np.uint64(row)
                for i in range(n_bytes):
                    value = np.int32(source[above + i])
                    under = np.int32(source[below + i])
                    mixed = (value << _LINE_BITS) + (under - value) * weights[i]
                    target[start + i] = np.uint8(np.int32(mixed) >> _LINE_BITS)
                continue
            for i in range(np.uint64(3 * n)):
                column = np.float64(x + np.int64(i) // 3)
                place = factor * (column + 0.5) + (np.float64(y) + 0.5)
                inside = 0.0 <= place < np.float64(height)
                target[start + i] = source[above + i] if inside else _BLACK
        x += n


@inlined
def _fill_pixel(source, target, at, above, below, ahead, u, v):
    """Mix the pixel `above`, that `below`, and those `ahead` bytes on, by the place (u, v)."""
    weight_x = np.int32((u >> _WEIGHT_SHIFT) & _WEIGHT_MASK)
    weight_y = np.int32((v >> _WEIGHT_SHIFT) & _WEIGHT_MASK)
    for channel in range(_U3):
        a = np.int32(source[above + channel])
        b = np.int32(source[above + channel + ahead])
        c = np.int32(source[below + channel])
        d = np.int32(source[below + channel + ahead])
        upper = (a << _WEIGHT_BITS) + (b - a) * weight_x
        lower = (c << _WEIGHT_BITS) + (d - c) * weight_x
        mixed = (upper << _WEIGHT_BITS) + (lower - upper) * weight_y
        target[at + channel] = np.uint8(np.int32(mixed) >> _TWO_WEIGHT_BITS)


@kernel
def rotate(degrees, height, width, source, target):
    """Turn counter-clockwise about the middle by `degrees`, a float64 of magnitude to 45."""
    row = 3 * width
    radians = (degrees if degrees >= 0.0 else degrees + 360.0) * _RADIANS
    if degrees < 0.0:  # Pillow rounds this angle in [0, 2 pi)
        radians = (radians - _TURN) - _TURN_REST
    sine, cosine = _sine_and_cosine(radians)
    right, bottom = np.float64(width), np.float64(height)
    from_x = (cosine * (-right / 2.0) - sine * (-bottom / 2.0)) + right / 2.0
    from_y = (sine * (-right / 2.0) + cosine * (-bottom / 2.0)) + bottom / 2.0
    step_u = np.int64(np.floor(cosine * _PLACE + 0.5))
    step_v = np.int64(np.floor(sine * _PLACE + 0.5))
    end_u = np.int64(width - 1) << _PLACE_BITS
    end_v = np.int64(height - 1) << _PLACE_BITS
    for y in range(height):
        row_y = np.float64(y) + 0.5
        first_u = np.int64(np.floor((cosine * 0.5 - sine * row_y + from_x - 0.5) * _PLACE))
        first_v = np.int64(np.floor((sine * 0.5 + cosine * row_y + from_y - 0.5) * _PLACE))
        x, end = 0, width
        # From either end inwards to the pixels that need no care; they follow one another.
        for step in (1, -1):
            while x < end:
                k = x if step == 1 else end - 1
                u, v = first_u + k * step_u, first_v + k * step_v
                if 0 <= u < end_u and 0 <= v < end_v:
                    break
                at = np.uint64(y * row + 3 * k)
                row_x = np.float64(k) + 0.5
                place_x = cosine * row_x - sine * row_y + from_x
                place_y = sine * row_x + cosine * row_y + from_y
                if 0.0 <= place_x < right and 0.0 <= place_y < bottom:
                    left, upper = u >> _PLACE_BITS, v >> _PLACE_BITS
                    x0 = max(left, 0)
                    ahead = min(left + 1, width - 1) - x0
                    above = np.uint64(max(upper, 0) * row + 3 * x0)
                    below = np.uint64(min(upper + 1, height - 1) * row + 3 * x0)
                    _fill_pixel(source, target, at, above, below, np.uint64(3 * ahead), u, v)
                else:
                    for channel in range(_U3):
                        target[at + channel] = _BLACK
                x += step == 1
                end -= step == -1
        u, v = first_u + x * step_u, first_v + x * step_v
        for k in range(x, end):
            above = np.uint64((v >> _PLACE_BITS) * row + (u >> _PLACE_BITS) * 3)
            at = np.uint64(y * row + 3 * k)
            _fill_pixel(source, target, at, above, above + np.uint64(row), _U3, u, v)
            u += step_u
            v += step_v
