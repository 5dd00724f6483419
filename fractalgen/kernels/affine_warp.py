"""Image operations that rotate, shear or translate: bilinear, black outside.

A target pixel whose centre comes from inside the source's rectangle mixes the four pixels around
that position, with edge pixels repeated beyond the edge; all others are black. Whether a position
is inside is computed in float64, term by term as in Pillow. Values between pixels are fixed-point
with seven fractional bits, truncated as in Pillow.

`warp` splits a row of the target into runs of pixels that fall between the same two rows of the
source, on consecutive source pixels. The four neighbours of adjacent pixels are then adjacent too,
and whole blocks of bytes are mixed as vectors. The last block of a run may write beyond it; the
next run overwrites that. `shear_x` takes each row from one row, shifted by the same fraction of a
pixel everywhere. Images are flat rows of R, G, B bytes.
"""

import numpy as np

from fractalgen.kernels.blocks import CAN_WRITE_BLOCKS, LANES, mix_down, mix_square
from fractalgen.kernels.jit import inlined, kernel

__all__ = ["rotation", "shear_x", "warp"]

_BLACK = np.uint8(0)
_RADIANS = np.pi / 180.0
_FIFTEEN_DIGITS = 1e15
# 2 pi in two parts.
_TURN = 6.283185307179586
_TURN_REST = 2.4492935982947064e-16

_TEN_PIXELS = np.uint64(30)  # of a block's bytes are used
_U3 = np.uint64(3)

# Rates have 32 fractional bits, places 16; weights are a place's fraction minus a half.
_RATE = 4294967296.0
_ONE_RATE = np.int64(1 << 32)
_PLACE = 65536.0
_PLACE_BITS = np.int64(16)
_HALF_PLACE = np.int64(1 << 15)
_NEAR = 2.0**-34
_MIX_BITS = np.int32(16)
_VALUE_BITS = np.int32(7)
_ONE = np.int32(1)


@inlined
def _between(value, ahead, weight):
    """Interpolate from `value` to `ahead`, uint16 to 255 * 128, by 1/2 + int16 `weight` / 65536.

    The mean is rounded up and the rest truncated, so nothing falls below zero, and interpolating
    two equal values gives that value.
    """
    mean = np.uint16(np.int32(np.int32(value) + np.int32(ahead) + _ONE) >> _ONE)
    way = np.int16(np.int32(ahead) - np.int32(value))
    rest = np.int16(np.int32(np.int32(way) * np.int32(weight)) >> _MIX_BITS)
    return np.uint16(mean + rest)


@inlined
def _as_value(byte):
    """Return a byte as a fixed-point number with seven fractional bits."""
    return np.uint16(np.int32(byte) << _VALUE_BITS)


@inlined
def _mixed(source, above, below, ahead, weight_x, weight_y):
    """Mix a byte at `above`, one at `below`, and those `ahead` bytes further on."""
    here = _between(_as_value(source[above]), _as_value(source[below]), weight_y)
    there = _between(_as_value(source[above + ahead]), _as_value(source[below + ahead]), weight_y)
    return np.uint8(np.int32(_between(here, there, weight_x)) >> _VALUE_BITS)


@inlined
def _sine_and_cosine(x):
    """Return cosine and sine of a float64 up to pi / 4 by Taylor series, to fifteen digits."""
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
def _narrowed(place, rate, per_rate, side, first, end):
    """Narrow [first, end) to 0 <= `place` + `rate` * (x + 0.5) < `side`, within a pixel.

    `per_rate` is 1 / `rate`.
    """
    if rate == 0.0:
        return first, end
    one = -place * per_rate - 0.5
    other = (np.float64(side) - place) * per_rate - 0.5
    low = min(max(min(one, other), np.float64(first)), np.float64(end))
    high = min(max(one, other, low), np.float64(end))
    return max(first, np.int64(low) - 1), min(end, np.int64(high) + 2)


@inlined
def _is_inside(x, matrix, row_y, right, bottom):
    column = np.float64(x) + 0.5
    place_x = matrix[0] * column + matrix[1] * row_y + matrix[2]
    place_y = matrix[3] * column + matrix[4] * row_y + matrix[5]
    return 0.0 <= place_x < right and 0.0 <= place_y < bottom


@inlined
def _floor_at(start, rate, k):
    """Return the whole part of the place of pixel `k`."""
    return (start + ((k * rate) >> _PLACE_BITS)) >> _PLACE_BITS


@inlined
def _end_of_run(way, per_rate, k, end):
    """Return the first pixel after `k`, but at most `end`, that is beyond `way`.

    `way` is the distance from pixel 0's place to the edge, and `per_rate` the pixels per place, 0
    for none. Both are integers, so a quotient is either an integer or at least `_NEAR` away from
    one.
    """
    if per_rate == 0.0:
        return end
    near = -_NEAR if per_rate > 0.0 else _NEAR  # an edge is beyond itself only on the way up
    return max(min(np.int64(np.float64(way) * per_rate + near) + 1, end), k + 1)


@kernel
def warp(matrix, height, width, box, source, target):
    """Fetch each pixel of `box` (top, left, height, width) from where `matrix` sends its centre.

    The matrix is Pillow's: six float64, place_x = a * x + b * y + c, then the same for place_y. `a`
    is 0.7 to 1, so places advance by at most a pixel. Pixels to the right of the box may change.
    """
    row = 3 * width
    right, bottom = np.float64(width), np.float64(height)
    a, d = matrix[0], matrix[3]
    per_a, per_d = 1.0 / a, (1.0 / d if d != 0.0 else 0.0)
    rate_u, rate_v = np.int64(np.floor(a * _RATE + 0.5)), np.int64(np.floor(d * _RATE + 0.5))
    lag = rate_u - _ONE_RATE
    per_lag = _PLACE / np.float64(lag) if lag != 0 else 0.0
    per_v = _PLACE / np.float64(rate_v) if rate_v != 0 else 0.0
    step_v = 1 if rate_v > 0 else -1
    one_if_down = 1 if rate_v > 0 else 0
    box_left, box_right = np.int64(box[1]), np.int64(box[1]) + np.int64(box[3])
    size = np.int64(source.size)
    across = np.empty(row + LANES, np.int16)
    down = np.empty(row + LANES, np.int16)
    for k in range(width):
        for i in range(3 * k, 3 * k + 3):
            across[i] = np.int16(((k * rate_u) >> _PLACE_BITS) - _HALF_PLACE)
            down[i] = np.int16(((k * rate_v) >> _PLACE_BITS) - _HALF_PLACE)
    for y in range(np.int64(box[0]), np.int64(box[0]) + np.int64(box[2])):
        row_y = np.float64(y) + 0.5
        place_x, place_y = matrix[1] * row_y + matrix[2], matrix[4] * row_y + matrix[5]
        first, end = _narrowed(place_x, a, per_a, width, box_left, box_right)
        first, end = _narrowed(place_y, d, per_d, height, first, end)
        while first < end and not _is_inside(first, matrix, row_y, right, bottom):
            first += 1
        while end > first and not _is_inside(end - 1, matrix, row_y, right, bottom):
            end -= 1
        start_u = np.int64(np.floor((a * 0.5 + place_x - 0.5) * _PLACE))
        start_v = np.int64(np.floor((d * 0.5 + place_y - 0.5) * _PLACE))
        fraction_u, fraction_v = np.int16(start_u), np.int16(start_v)
        straight = lag == 0 and fraction_u == 0  # columns stay columns
        # Both neighbours along a row are in the image from `k` to `last`.
        k, last = first, end
        while k < end and _floor_at(start_u, rate_u, k) < 0:
            k += 1
        while last > k and _floor_at(start_u, rate_u, last - 1) >= width - 1:
            last -= 1
        begin = k
        while k < last:
            lead = _floor_at(start_u, rate_u, k) - k
            lead_end = _end_of_run((lead << _PLACE_BITS) - start_u, per_lag, k, last)
            upper = _floor_at(start_v, rate_v, k)
            while k < lead_end:
                edge = (upper + one_if_down) << _PLACE_BITS
                after = _end_of_run(edge - start_v, per_v, k, lead_end)
                from_x = 3 * (k + lead)
                above = min(max(upper, 0), height - 1) * row + from_x
                below = min(max(upper + 1, 0), height - 1) * row + from_x
                at, n = y * row + 3 * k, 3 * (after - k)
                start = np.uint64(3 * k)
                if CAN_WRITE_BLOCKS and max(below, at) + n + LANES + 5 <= size:
                    j = np.uint64(0)
                    while j < np.uint64(n):
                        over, under = np.uint64(above) + j, np.uint64(below) + j
                        to, here = np.uint64(at) + j, start + j
                        if straight:
                            mix_down(source, over, under, down, here, fraction_v, target, to)
                        else:
                            mix_square(
                                source,
                                over,
                                under,
                                across,
                                down,
                                here,
                                fraction_u,
                                fraction_v,
                                target,
                                to,
                            )
                        j += _TEN_PIXELS
                else:
                    for i in range(np.uint64(n)):
                        over, under = np.uint64(above) + i, np.uint64(below) + i
                        x = np.int16(across[start + i] + fraction_u)
                        v = np.int16(down[start + i] + fraction_v)
                        target[np.uint64(at) + i] = _mixed(source, over, under, _U3, x, v)
                k = after
                upper += step_v
        k = first
        while k < end:
            if begin <= k < last:
                k = last
                continue
            x0 = 3 * min(max(_floor_at(start_u, rate_u, k), 0), width - 1)
            upper = _floor_at(start_v, rate_v, k)
            over = np.uint64(min(max(upper, 0), height - 1) * row + x0)
            under = np.uint64(min(max(upper + 1, 0), height - 1) * row + x0)
            v = np.int16(down[np.uint64(3 * k)] + fraction_v)
            for channel in range(_U3):
                to = np.uint64(y * row + 3 * k) + channel
                mixed = _mixed(source, over + channel, under + channel, np.uint64(0), v, v)
                target[to] = mixed
            k += 1
        for i in range(np.uint64(y * row + 3 * box_left), np.uint64(y * row + 3 * first)):
            target[i] = _BLACK
        for i in range(np.uint64(y * row + 3 * end), np.uint64(y * row + 3 * box_right)):
            target[i] = _BLACK


@inlined
def rotation(degrees, height, width):
    """Return the matrix that rotates counter-clockwise about the centre by up to 45 degrees."""
    radians = (degrees if degrees >= 0.0 else degrees + 360.0) * _RADIANS
    if degrees < 0.0:  # Pillow rounds this angle in [0, 2 pi)
        radians = (radians - _TURN) - _TURN_REST
    sine, cosine = _sine_and_cosine(radians)
    right, bottom = np.float64(width), np.float64(height)
    from_x = (cosine * (-right / 2.0) - sine * (-bottom / 2.0)) + right / 2.0
    from_y = (sine * (-right / 2.0) + cosine * (-bottom / 2.0)) + bottom / 2.0
    return cosine, -sine, from_x, sine, cosine, from_y


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
    """Fetch row y from `factor` * (y + 1/2) + `across` pixels to its right and `down` below.

    `factor` is a float64; `across` and `down` are whole pixels, for translations. Fills only `box`
    (top, left, height, width).
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
                value = _as_value(source[here + i])
                ahead = _as_value(source[here + _U3 + i])
                mixed = _between(value, ahead, weight)
                target[at + i] = np.uint8(np.int32(mixed) >> _VALUE_BITS)
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
