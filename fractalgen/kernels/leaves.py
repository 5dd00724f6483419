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
_ROUNDS = 8  # leaves between two looks at which rows are covered
_CLEAR = np.float32(1.0 / 512.0)  # a pixel through which less light comes is covered
_SQRT_2 = np.float32(1.4142136)
_SIN_60 = np.float32(0.8660254)


@kernel
def _cover_row(light, red, green, blue, u, v, du, dv, shape, width, height, side, tint, leaf):
    """Put one leaf under what is there, along the pixels of a row that its box meets.

    u and v are the first pixel's place in the leaf's frame, du and dv the step to the next pixel;
    `leaf` holds the shade's strength, frequency and phase.
    """
    zero = np.float32(0.0)
    half = np.float32(0.5)
    one = np.float32(1.0)
    strength = leaf[0]
    frequency = leaf[1]
    phase = leaf[2]
    red_0, green_0, blue_0 = tint[0], tint[1], tint[2]
    red_1, green_1, blue_1 = tint[3] - red_0, tint[4] - green_0, tint[5] - blue_0
    across, along = tint[6], tint[7]
    for i in range(light.size):
        x = u + np.float32(np.int32(i)) * du
        y = v + np.float32(np.int32(i)) * dv
        if shape == _CIRCLE:
            outside = np.sqrt(x * x + y * y) - width
        elif shape == _TRIANGLE:
            outside = max(abs(x) * _SIN_60 + y * half, -y) - width * half
        else:
            outside = max(abs(x) - width, abs(y) - height)
        cover = min(max(half - outside * side, zero), one)
        wave = sin_turns((x * across + y * along) * frequency + phase)
        shade = (one + wave) * half * strength
        part = light[i] * cover
        light[i] -= part
        red[i] += part * (red_0 + red_1 * shade)
        green[i] += part * (green_0 + green_1 * shade)
        blue[i] += part * (blue_0 + blue_1 * shade)


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
    tint = np.empty(8, np.float32)
    leaf = np.empty(3, np.float32)
    covered = np.zeros(n_rows, np.uint8)
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
        leaf[0] = np.float32(0.0) if fill < fills[0] else one
        leaf[1] = np.float32(0.25) / radius
        if fill >= fills[0] + fills[1]:
            waves = one + np.float32(7.0) * uniform_at(at, n + np.uint64(10))
            leaf[1] = waves / radius
        leaf[2] = uniform_at(at, n + np.uint64(11))
        for channel in range(3):
            tint[channel] = colors[first, channel]
            tint[3 + channel] = colors[second, channel]
        tint[6] = cos_turns(way)
        tint[7] = sin_turns(way)
        cosine = cos_turns(turn)
        sine = sin_turns(turn)
        for row in range(top, bottom):
            if covered[row]:
                continue
            dx = (np.float32(left) + half) * step - x
            dy = (np.float32(first_row + row) + half) * step - y
            u = dx * cosine + dy * sine
            v = dy * cosine - dx * sine
            _cover_row(
                canvas[0, row, left:right],
                canvas[1, row, left:right],
                canvas[2, row, left:right],
                canvas[3, row, left:right],
                u,
                v,
                step * cosine,
                -step * sine,
                shape,
                radius,
                height,
                side,
                tint,
                leaf,
            )
            if number % _ROUNDS == _ROUNDS - 1 and _count_open(canvas[0, row]) == 0:
                covered[row] = 1
                n_open -= 1
    return max_leaves
