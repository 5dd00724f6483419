"""Dead leaves: shapes that fall on one another until they cover the image.

They are painted from the front to the back: a pixel is done once it is covered, and the painting
once all pixels are. Sources: Lee, Mumford and Huang, "Occlusion models for natural images", IJCV
2001; the shapes are those of Baradad et al., "Learning to see by looking at noise", NeurIPS 2021.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.elementary import cos_turns, exp2, log2, sin_turns
from fractalgen.kernels.jit import kernel
from fractalgen.kernels.random_bits import bits_at, uniform_at

__all__ = ["LEAF_SHAPES", "paint_leaves"]

LEAF_SHAPES = ("circle", "square", "oriented-square", "rectangle", "triangle")
_CIRCLE, _SQUARE, _ORIENTED_SQUARE, _RECTANGLE, _TRIANGLE = range(len(LEAF_SHAPES))

_DRAWS = np.uint64(16)  # random numbers per leaf
_ROUNDS = 4  # leaves on a row between two looks whether it is covered
_CLEAR = np.float32(1.0 / 512.0)  # a pixel through which less light comes is covered
_SQRT_2 = np.float32(1.4142136)
_SIN_60 = np.float32(0.8660254)


@kernel
def _cover_row(u, v, du, dv, shape, width, height, side, cover):
    """Find what a leaf covers of the pixels of a row that its box meets.

    u and v are the first pixel's place in the leaf's frame, du and dv the step to the next pixel.
    """
    zero = np.float32(0.0)
    half = np.float32(0.5)
    one = np.float32(1.0)
    if shape == _CIRCLE:
        for i in range(cover.size):
            x = u + np.float32(np.int32(i)) * du
            y = v + np.float32(np.int32(i)) * dv
            outside = np.sqrt(x * x + y * y) - width
            cover[i] = min(max(half - outside * side, zero), one)
    elif shape == _TRIANGLE:
        for i in range(cover.size):
            x = u + np.float32(np.int32(i)) * du
            y = v + np.float32(np.int32(i)) * dv
            outside = max(abs(x) * _SIN_60 + y * half, -y) - width * half
            cover[i] = min(max(half - outside * side, zero), one)
    else:
        for i in range(cover.size):
            x = u + np.float32(np.int32(i)) * du
            y = v + np.float32(np.int32(i)) * dv
            outside = max(abs(x) - width, abs(y) - height)
            cover[i] = min(max(half - outside * side, zero), one)


@kernel
def _paint_flat_row(cover, tint, light, red, green, blue):
    """Put a leaf of one colour under what is there."""
    r, g, b = tint[0], tint[1], tint[2]
    for i in range(light.size):
        part = light[i] * cover[i]
        light[i] -= part
        red[i] += part * r
        green[i] += part * g
        blue[i] += part * b


@kernel
def _paint_shaded_row(cover, turns, step, tint, light, red, green, blue):
    """Put a leaf under what is there whose colour swings between two, by `step` turns a pixel."""
    half = np.float32(0.5)
    r_0, g_0, b_0 = tint[0], tint[1], tint[2]
    r_1, g_1, b_1 = tint[3] - r_0, tint[4] - g_0, tint[5] - b_0
    for i in range(light.size):
        shade = half + half * sin_turns(turns + np.float32(np.int32(i)) * step)
        part = light[i] * cover[i]
        light[i] -= part
        red[i] += part * (r_0 + r_1 * shade)
        green[i] += part * (g_0 + g_1 * shade)
        blue[i] += part * (b_0 + b_1 * shade)


@kernel
def _count_open(light):
    count = np.int32(0)
    for i in range(light.size):
        count = np.int32(count + np.int32(light[i] >= _CLEAR))
    return count


@kernel
def paint_leaves(
    stream: int,
    shapes: NDArray[np.int64],
    radii: NDArray[np.float32],
    fills: NDArray[np.float32],
    colors: NDArray[np.float32],
    max_leaves: int,
    size: int,
    first_row: int,
    canvas: NDArray[np.float32],
) -> int:
    """Paint rows of an image until leaves cover them, and return the number of leaves.

    Parameters
    ----------
    stream : uint64
        Every leaf is a function of this and of its number.
    shapes : int64 array, shape (n,)
        Each leaf has one of these: indices into `LEAF_SHAPES`.
    radii : float32 array, shape (3,)
        The smallest and the largest radius, in sides of the image, and the power with which their
        density falls, not 1.
    fills : float32 array, shape (2,)
        Shares of flat and of shaded leaves; the rest is textured.
    colors : float32 array, shape (m, 3)
        Linear light.
    max_leaves : int
        At most this many are painted.
    size : int
        Columns of the image.
    first_row : int
        The image's row that is the first of `canvas`.
    canvas : float32 array, shape (4, rows, size)
        Painted: the light that still comes through (1 at first), red, green and blue (0 at first).
    """
    one = np.float32(1.0)
    half = np.float32(0.5)
    side = np.float32(size)
    step = one / side
    n_rows = canvas.shape[1]
    power = one - radii[2]
    low = exp2(power * log2(radii[0]))
    span = exp2(power * log2(radii[1])) - low
    tint = np.empty(6, np.float32)
    covers = np.empty(size, np.float32)
    covered = np.zeros(n_rows, np.uint8)
    visits = np.zeros(n_rows, np.int64)
    n_open = n_rows
    for number in range(max_leaves):
        if n_open == 0:
            return number
        at = np.uint64(stream)
        n = np.uint64(number) * _DRAWS
        x = uniform_at(at, n)
        y = uniform_at(at, n + np.uint64(1))
        radius = exp2(log2(low + span * uniform_at(at, n + np.uint64(2))) / power)
        reach = radius * _SQRT_2 + step
        top = max(np.int64(np.floor((y - reach) * side)) - first_row, 0)
        bottom = min(np.int64(np.ceil((y + reach) * side)) + 1 - first_row, n_rows)
        if top >= bottom:
            continue
        left = max(np.int64(np.floor((x - reach) * side)), 0)
        right = min(np.int64(np.ceil((x + reach) * side)) + 1, size)
        shape = shapes[np.int64(bits_at(at, n + np.uint64(3)) >> np.uint64(33)) % shapes.size]
        turn = uniform_at(at, n + np.uint64(4))
        if shape == _SQUARE:
            turn = np.float32(0.0)
        height = radius
        if shape == _RECTANGLE:
            height *= np.float32(0.25) + np.float32(0.75) * uniform_at(at, n + np.uint64(5))
        first = np.int64(bits_at(at, n + np.uint64(6)) >> np.uint64(33)) % colors.shape[0]
        second = np.int64(bits_at(at, n + np.uint64(7)) >> np.uint64(33)) % colors.shape[0]
        fill = uniform_at(at, n + np.uint64(8))
        way = uniform_at(at, n + np.uint64(9))
        frequency = np.float32(0.25) / radius
        if fill >= fills[0] + fills[1]:
            waves = one + np.float32(7.0) * uniform_at(at, n + np.uint64(10))
            frequency = waves / radius
        phase = uniform_at(at, n + np.uint64(11))
        across = frequency * cos_turns(way)
        along = frequency * sin_turns(way)
        for channel in range(3):
            tint[channel] = colors[first, channel]
            tint[3 + channel] = colors[second, channel]
        cosine = cos_turns(turn)
        sine = sin_turns(turn)
        du = step * cosine
        dv = -step * sine
        for row in range(top, bottom):
            if covered[row]:
                continue
            visits[row] += 1
            if visits[row] % _ROUNDS == 0 and _count_open(canvas[0, row]) == 0:
                covered[row] = 1
                n_open -= 1
                continue
            light = canvas[0, row, left:right]
            if _count_open(light) == 0:
                continue
            red = canvas[1, row, left:right]
            green = canvas[2, row, left:right]
            blue = canvas[3, row, left:right]
            cover = covers[left:right]
            dx = (np.float32(left) + half) * step - x
            dy = (np.float32(first_row + row) + half) * step - y
            u = dx * cosine + dy * sine
            v = dy * cosine - dx * sine
            _cover_row(u, v, du, dv, shape, radius, height, side, cover)
            if fill < fills[0]:
                _paint_flat_row(cover, tint, light, red, green, blue)
            else:
                turns = u * across + v * along + phase
                turn_step = du * across + dv * along
                _paint_shaded_row(cover, turns, turn_step, tint, light, red, green, blue)
    return max_leaves
