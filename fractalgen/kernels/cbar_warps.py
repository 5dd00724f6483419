"""C-bar's distortions: pinch and twirl, ripple, caustic refraction.

Source of the formulas: Mintun, Kirillov and Xie, "On Interaction Between Augmentations and
Corruptions in Natural Corruption Robustness", NeurIPS 2021. Images are uint8 of shape
(n, size, size, 3), with a 64-bit seed each; `level` is the published strength, 0 to 10. Pixels are
interpolated bilinearly; outside of an image they are black.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.cbar_waves import copy_images, positions
from fractalgen.kernels.elementary import cos_turns, exp2, log2, sin_turns, to_byte
from fractalgen.kernels.jit import inlined, kernel
from fractalgen.kernels.random_bits import uniform_at

__all__ = ["caustic_refraction", "pinch_and_twirl", "ripple"]

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_HALF = np.float32(0.5)
_QUARTER = np.float32(0.25)
_WHITE = np.float32(255.0)
_TURN = np.float32(2 * np.pi)
_START = np.float32(250.0)
_START_TURNS = np.float32(250.0 / (2 * np.pi) % 1.0)
_RADIANS = np.float32(1 / (2 * np.pi))  # to turns
_BRIGHTNESS = np.float32(200.0)
_FIFTH = np.float32(0.2)
_FLAT = np.float32(0.999)
_SIXTEEN = np.float32(16.0)  # the square of the refractive index
_RADIUS = 4  # of the blur of caustics, whose deviation is 1


@inlined
def _corner(place, size):
    """Return the pixel before a coordinate, and the weights of this pixel and the next."""
    first = np.int64(np.floor(place))
    share = np.float32(place - np.float32(first))
    near = _ONE - share if 0 <= first < size else _ZERO
    far = share if -1 <= first < size - 1 else _ZERO
    return first, near, far


@inlined
def _interpolate(image, row, column, target):
    """Write the image's three values at a point, float32."""
    size = image.shape[0]
    top, upper, lower = _corner(row, size)
    left, near, far = _corner(column, size)
    y0, y1 = min(max(top, 0), size - 1), min(max(top + 1, 0), size - 1)
    x0, x1 = min(max(left, 0), size - 1), min(max(left + 1, 0), size - 1)
    for channel in range(3):
        above = near * image[y0, x0, channel] + far * image[y0, x1, channel]
        below = near * image[y1, x0, channel] + far * image[y1, x1, channel]
        target[channel] = upper * above + lower * below


@kernel
def _twist(cell, level, moved):
    """Write where each pixel of a cell comes from, turned either way: (2, cell, cell, 2)."""
    radius = np.float32(cell) * _HALF
    amount = np.float32(0.04) * level + np.float32(0.1)
    turns = np.float32(0.025) * level
    for way in range(2):
        sign = _ONE if way == 0 else -_ONE
        for y in range(cell):
            for x in range(cell):
                dy, dx = np.float32(y) - radius, np.float32(x) - radius
                distance = np.sqrt(dx * dx + dy * dy)
                moved[way, y, x, 0] = np.float32(y)
                moved[way, y, x, 1] = np.float32(x)
                if np.float32(0.0005) < distance <= radius:
                    d = distance / radius
                    pinch = exp2(-amount * log2(sin_turns(_QUARTER * d)))
                    angle = sign * turns * (_ONE - d) * (_ONE - d)
                    cosine, sine = cos_turns(angle), sin_turns(angle)
                    moved[way, y, x, 0] = radius + pinch * (dy * cosine - dx * sine)
                    moved[way, y, x, 1] = radius + pinch * (dy * sine + dx * cosine)


@kernel
def pinch_and_twirl(
    images: NDArray[np.uint8], seeds: NDArray[np.uint64], level: float, out: NDArray[np.uint8]
) -> None:
    """Pinch the image inward in nine discs, and twirl them by 9 `level` degrees either way.

    There are 25 discs at 224 pixels.
    """
    size = images.shape[1]
    along = 5 if size == 224 else 3
    cell = size // along
    moved = np.empty((2, cell, cell, 2), np.float32)
    _twist(cell, np.float32(level), moved)
    values = np.empty(3, np.float32)
    copy_images(images, out)
    for i in range(images.shape[0]):
        for row in range(along):
            for column in range(along):
                number = np.uint64(row * along + column)
                way = moved[0 if uniform_at(seeds[i], number) < _HALF else 1]
                top, left = row * cell, column * cell
                for y in range(cell):
                    for x in range(cell):
                        down = np.float32(top) + way[y, x, 0]
                        right = np.float32(left) + way[y, x, 1]
                        _interpolate(images[i], down, right, values)
                        for channel in range(3):
                            out[i, top + y, left + x, channel] = to_byte(values[channel])


@kernel
def _wave_row(x, height, waves, phase, moved):
    for i in range(x.size):
        moved[i] = x[i] + height * sin_turns(x[i] * waves + phase)


@kernel
def ripple(
    images: NDArray[np.uint8], seeds: NDArray[np.uint64], level: float, out: NDArray[np.uint8]
) -> None:
    """Displace rows and columns by a sine each, by up to `level` / 400 of the side."""
    size = images.shape[1]
    side = np.float32(size)
    x = positions(size)
    moved = np.empty((2, size), np.float32)
    values = np.empty(3, np.float32)
    height = np.float32(0.0025) * np.float32(level) * side
    for i in range(images.shape[0]):
        for axis in range(2):
            share = np.float32(0.1) + np.float32(0.2) * uniform_at(seeds[i], np.uint64(axis))
            phase = uniform_at(seeds[i], np.uint64(2 + axis))
            _wave_row(x, height, _ONE / (share * side), phase, moved[axis])
        for row in range(size):
            for column in range(size):
                _interpolate(images[i], moved[0, row], moved[1, column], values)
                for channel in range(3):
                    out[i, row, column, channel] = to_byte(values[channel])


@kernel
def _caustic_step(v, u, time, p, q, total):
    """Move a row's points in turns, `v` down and `u` across, and add up how bright they are."""
    height = _TURN * p - _START
    for i in range(u.size):
        y, x = v[i], u[i]
        down = (cos_turns(time - y) + sin_turns(time + x)) * _RADIANS
        right = (sin_turns(time - x) + cos_turns(time + y)) * _RADIANS
        v[i] = p - _START_TURNS + down
        u[i] = q[i] - _START_TURNS + right
        first = height / sin_turns(v[i] + time)
        second = (_TURN * q[i] - _START) / cos_turns(u[i] + time)
        total[i] += _BRIGHTNESS / np.sqrt(first * first + second * second)


@kernel
def _caustic_row(total, row):
    """Write |1.17 - (total / 5)^1.4|^8, at most 1."""
    for i in range(row.size):
        dark = np.float32(1.17) - exp2(np.float32(1.4) * log2(total[i] * _FIFTH))
        square = dark * dark
        row[i] = min(square * square * square * square, _ONE)


@kernel
def _add_scaled(source, weight, target):
    for i in range(target.size):
        target[i] += weight * source[i]


@kernel
def _blur_rows(source, weights, target):
    """Blur along the first axis; beyond its ends, the rows are mirrored."""
    n = source.shape[0]
    target[:] = _ZERO
    for y in range(n):
        for k in range(-_RADIUS, _RADIUS + 1):
            row = (y + k) % (2 * n)
            _add_scaled(source[min(row, 2 * n - 1 - row)], weights[abs(k)], target[y])


@kernel
def _fill_water(seed, x, weights, water, other):
    """Fill `water` with caustics, blurred."""
    size = x.size
    time = (_HALF + np.float32(1.5) * uniform_at(seed, np.uint64(0))) * _RADIANS
    tile = (np.float32(0.75) + _HALF * uniform_at(seed, np.uint64(1))) * np.float32(size)
    q = np.empty(size, np.float32)
    v, u, total = np.empty_like(q), np.empty_like(q), np.empty_like(q)
    for i in range(size):
        place = x[i] / tile
        q[i] = place - np.floor(place)
    for y in range(size):
        v[:] = q[y] - _START_TURNS
        u[:] = q - _START_TURNS
        total[:] = _ONE
        for n in range(5):
            at = time * (_ONE - np.float32(3.5) / np.float32(n + 1))
            _caustic_step(v, u, at, q[y], q, total)
        _caustic_row(total, other[y])
    _blur_rows(other, weights, water)
    for y in range(size):
        for column in range(size):
            other[column, y] = water[y, column]
    _blur_rows(other, weights, water)


@kernel
def caustic_refraction(
    images: NDArray[np.uint8], seeds: NDArray[np.uint64], level: float, out: NDArray[np.uint8]
) -> None:
    """Refract and light the image by caustics, as through rippled water.

    The lens scale is `level` / 20 of the side, the lighting `level` / 5.
    """
    size = images.shape[1]
    x = positions(size)
    weights = np.empty(_RADIUS + 1, np.float32)
    whole = _ZERO
    for k in range(_RADIUS + 1):
        weights[k] = exp2(np.float32(-0.72134752) * np.float32(k * k))  # exp(-k^2 / 2)
        whole += weights[k] if k == 0 else weights[k] + weights[k]
    weights /= whole
    water = np.empty((size, size), np.float32)  # across first
    other = np.empty((size, size), np.float32)
    values = np.empty(3, np.float32)
    lens = np.float32(0.05) * np.float32(level) * np.float32(size)
    lighting = np.float32(0.2) * np.float32(level) * _WHITE
    for i in range(images.shape[0]):
        _fill_water(seeds[i], x, weights, water, other)
        for row in range(size):
            for column in range(size):
                upper = water[column, row - 1] if row > 0 else _ZERO
                lower = water[column, row + 1] if row < size - 1 else _ZERO
                before = water[column - 1, row] if column > 0 else _ZERO
                after = water[column + 1, row] if column < size - 1 else _ZERO
                down, right = lower - upper, after - before
                length = np.sqrt(down * down + right * right + _ONE)
                upright = _ONE / length
                move = _ZERO
                if upright < _FLAT:
                    down_normal, right_normal = down / length, right / length
                    sine = (down_normal * down_normal + right_normal * right_normal) / _SIXTEEN
                    move = lens * (np.sqrt(_ONE - sine) - upright * _QUARTER) / length
                _interpolate(images[i], x[row] + move * down, x[column] + move * right, values)
                light = lighting * (before - after + lower - upper)
                for channel in range(3):
                    out[i, row, column, channel] = to_byte(values[channel] + light)
