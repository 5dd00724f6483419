"""What C-bar lays over an image: checkerboard cutout, lines, sparkles, inverse sparkles.

Source of the formulas: Mintun, Kirillov and Xie, "On Interaction Between Augmentations and
Corruptions in Natural Corruption Robustness", NeurIPS 2021. Images are uint8 of shape
(n, size, size, 3), with a 64-bit seed each; `level` is the published strength, 0 to 10.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.cbar_waves import copy_images, positions
from fractalgen.kernels.distributions import normal_at
from fractalgen.kernels.elementary import (
    atan2_turns,
    cos_turns,
    exp2,
    log2,
    sin_turns,
    to_byte,
)
from fractalgen.kernels.jit import inlined, kernel
from fractalgen.kernels.random_bits import uniform_at

__all__ = ["checkerboard_cutout", "inverse_sparkles", "lines", "sparkles"]

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_HALF = np.float32(0.5)
_TENTH = np.float32(0.1)
_QUARTER = np.float32(0.25)
_WHITE = np.float32(255.0)
_GREY = np.float32(128.0)
_TINY = np.float32(1e-30)
_NEAREST = np.float32(1e-4)  # of squared distances from a centre
_LARGEST = np.float32(126.0)
_MOST_RAYS = 200
_CELLS = 64  # more than a checkerboard has on either side of the origin
_SPARKLES = 5


@kernel
def _cut_row(source, x, y, seed, cosine, sine, fraction, target):
    """Turn some cells of one colour of a rotated checkerboard grey; axes in cells a pixel."""
    for i in range(x.size):
        across = np.int64(np.floor(cosine * y + sine * x[i]))
        down = np.int64(np.floor(cosine * x[i] - sine * y))
        cell = np.uint64(2 + (across + _CELLS) * 2 * _CELLS + down + _CELLS)
        cut = ((across ^ down) & 1) == 0 and uniform_at(seed, cell) < fraction
        for channel in range(3):
            value = source[i, channel]
            target[i, channel] = np.uint8(128) if cut else value


@kernel
def checkerboard_cutout(
    images: NDArray[np.uint8], seeds: NDArray[np.uint64], level: float, out: NDArray[np.uint8]
) -> None:
    """Turn `level` / 10 of the black cells of a rotated checkerboard grey."""
    size = images.shape[1]
    x = positions(size)
    fraction = _TENTH * np.float32(level)
    for i in range(images.shape[0]):
        angle = uniform_at(seeds[i], np.uint64(0))
        share = np.float32(0.1) + np.float32(0.15) * uniform_at(seeds[i], np.uint64(1))
        cell = max(share * np.float32(size), _ONE)
        cosine, sine = cos_turns(angle) / cell, sin_turns(angle) / cell
        for y in range(size):
            _cut_row(images[i, y], x, x[y], seeds[i], cosine, sine, fraction, out[i, y])


@kernel
def _line_row(x, first, last, start, slope, cover):
    """Measure how much of each pixel of a row a line covers: one less its distance."""
    for i in range(x.size):
        distance = abs(start + slope * x[i])
        near = max(_ONE - distance, _ZERO)
        cover[i] = near if (x[i] >= first) & (x[i] <= last) else _ZERO


@kernel
def _paint_row(cover, target):
    for i in range(cover.size):
        for channel in range(3):
            value = np.float32(target[i, channel])
            target[i, channel] = to_byte((_ONE - cover[i]) * value + cover[i] * _GREY)


@kernel
def lines(
    images: NDArray[np.uint8], seeds: NDArray[np.uint64], level: float, out: NDArray[np.uint8]
) -> None:
    """Draw int(size * `level` / 10) grey lines in similar directions, smoothed.

    A line reaches one side from a random point to both ends, which are rounded to pixels.
    """
    size = images.shape[1]
    side = np.float32(size)
    x = positions(size)
    cover = np.empty(size, np.float32)
    n = np.int64(np.float64(level) * size / 10.0 + 1e-9)
    copy_images(images, out)
    for i in range(images.shape[0]):
        angle = uniform_at(seeds[i], np.uint64(0))
        spread = np.float32(0.1) + np.float32(0.9) * uniform_at(seeds[i], np.uint64(1))
        for line in range(n):
            at = np.uint64(2 + 3 * line)
            turn = angle + spread * (uniform_at(seeds[i], at + np.uint64(2)) - _HALF)
            across, down = side * cos_turns(turn), side * sin_turns(turn)
            x0 = side * uniform_at(seeds[i], at)
            y0 = side * uniform_at(seeds[i], at + np.uint64(1))
            # As int does, this rounds towards zero.
            x1, x2 = np.float32(np.int64(x0 - across)), np.float32(np.int64(x0 + across))
            y1, y2 = np.float32(np.int64(y0 - down)), np.float32(np.int64(y0 + down))
            dx, dy = x2 - x1, y2 - y1
            length = max(np.sqrt(dx * dx + dy * dy), _ONE)
            flat = abs(dx) >= abs(dy)
            for y in range(size):
                if not flat and not min(y1, y2) <= x[y] <= max(y1, y2):
                    continue
                start = ((x[y] - y1) * dx + x1 * dy) / length
                slope = -dy / length
                first = min(x1, x2) if flat else -_ONE
                last = max(x1, x2) if flat else side
                _line_row(x, first, last, start, slope, cover)
                _paint_row(cover, out[i, y])


@inlined
def _draw_rays(seed, first, radius, shortest, lengths):
    """Draw the number of rays, 50 to 199, and their lengths; two more repeat the first."""
    rays = 50 + np.int64(uniform_at(seed, np.uint64(first)) * np.float32(150.0))
    for ray in range(rays):
        wide = radius + _QUARTER * radius * normal_at(seed, np.uint64(first + 1 + 2 * ray))
        lengths[ray] = max(wide, shortest)
    lengths[rays], lengths[rays + 1] = lengths[0], lengths[1]
    return rays


@kernel
def _ray_row(x, x0, dy, rays, places, squares):
    """Write which ray each pixel of a row is near, and its squared distance."""
    for i in range(x.size):
        dx = x[i] - x0
        places[i] = (atan2_turns(dy, dx) + _HALF) * rays
        squares[i] = dx * dx + dy * dy + _NEAREST


@kernel
def _light_row(lengths, places, squares, light, shape):
    """Write a ray's squared length over the distance's square, and its profile across."""
    for i in range(places.size):
        ray = np.int64(places[i])
        f = places[i] - np.float32(ray)
        length = lengths[ray] + f * (lengths[ray + 1] - lengths[ray])
        light[i] = length * length / squares[i]
        shape[i] = _ONE - (f - _HALF) * (f - _HALF)


@kernel
def _whiten_row(light, shape, values):
    for i in range(light.size):
        share = min(max(shape[i] * light[i], _ZERO), _ONE)
        for channel in range(3):
            values[i, channel] += share * (_WHITE - values[i, channel])


@kernel
def _truncate_row(values, target):
    for i in range(values.size):
        target[i] = to_byte(values[i])


@kernel
def sparkles(
    images: NDArray[np.uint8], seeds: NDArray[np.uint64], level: float, out: NDArray[np.uint8]
) -> None:
    """Lay five white stars of many rays over the image, with a radius of `level` % of the side."""
    size = images.shape[1]
    side = np.float32(size)
    x = positions(size)
    rows = np.empty((4, size), np.float32)
    lengths = np.empty(_MOST_RAYS + 2, np.float32)
    values = np.empty((size, size, 3), np.float32)
    flat = values.reshape(size, size * 3)
    radius = np.float32(0.01) * np.float32(level) * side
    for i in range(images.shape[0]):
        values[:] = images[i]
        for star in range(_SPARKLES):
            first = np.uint64(star * 1024)
            x0 = side * uniform_at(seeds[i], first)
            y0 = side * uniform_at(seeds[i], first + np.uint64(1))
            rays = _draw_rays(seeds[i], star * 1024 + 2, radius, _ONE, lengths)
            for y in range(size):
                _ray_row(x, x0, x[y] - y0, np.float32(rays), rows[0], rows[1])
                _light_row(lengths, rows[0], rows[1], rows[2], rows[3])
                _whiten_row(rows[2], rows[3], values[y])
        for y in range(size):
            _truncate_row(flat[y], out[i, y].reshape(size * 3))


@kernel
def _fade_row(source, light, shape, power, target):
    """Fade a row into white away from the rays."""
    for i in range(light.size):
        bright = exp2(min(power * log2(max(light[i], _TINY)), _LARGEST))
        share = min(shape[i] * bright, _ONE)
        for channel in range(3):
            value = np.float32(source[i, channel])
            target[i, channel] = to_byte(_WHITE + share * (value - _WHITE))


@kernel
def inverse_sparkles(
    images: NDArray[np.uint8], seeds: NDArray[np.uint64], level: float, out: NDArray[np.uint8]
) -> None:
    """Leave a star of many rays of the image, on white; it fades faster at a higher `level`."""
    size = images.shape[1]
    side = np.float32(size)
    x = positions(size)
    rows = np.empty((4, size), np.float32)
    lengths = np.empty(_MOST_RAYS + 2, np.float32)
    power = np.float32(0.13) * np.float32(level)
    for i in range(images.shape[0]):
        x0 = side * (_QUARTER + _HALF * uniform_at(seeds[i], np.uint64(0)))
        y0 = side * (_QUARTER + _HALF * uniform_at(seeds[i], np.uint64(1)))
        rays = _draw_rays(seeds[i], 2, _QUARTER * side, -side, lengths)
        for y in range(size):
            _ray_row(x, x0, x[y] - y0, np.float32(rays), rows[0], rows[1])
            _light_row(lengths, rows[0], rows[1], rows[2], rows[3])
            _fade_row(images[i, y], rows[2], rows[3], power, out[i, y])
