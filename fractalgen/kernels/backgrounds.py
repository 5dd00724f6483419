"""Backgrounds: random fields and their colours.

Every random number belongs to a node of a grid at one level of detail, so a larger image shows the
same field in more detail.

Source of the diamond-square step: A. Fournier, D. Fussell and L. Carpenter, "Computer rendering
of stochastic models", 1982.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.elementary import atan2_turns
from fractalgen.kernels.jit import inlined, kernel
from fractalgen.kernels.random_bits import uniform_at

__all__ = ["CLOUD_CELLS", "GRADIENTS", "clouds", "diamond_square", "paint"]

CLOUD_CELLS = 4
"""Cells along a side of the coarsest grid of `clouds`."""

_NONE, _LINEAR, _RADIAL, _CONIC = range(4)
GRADIENTS = {"none": _NONE, "linear": _LINEAR, "radial": _RADIAL, "conic": _CONIC}

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)
_HALF = np.float32(0.5)
_QUARTER = np.float32(0.25)
_THREE_QUARTERS = np.float32(0.75)
_WHOLE_TURNS = np.float32(64.0)
_COARSEST = np.int64(0)
_ROW_BITS = np.uint64(20)
_LEVEL_BITS = np.uint64(40)


@inlined
def _signed(stream, level, row, column):
    """Return the number in [-1, 1) that belongs to a node."""
    place = np.uint64(level) << _LEVEL_BITS | np.uint64(row) << _ROW_BITS | np.uint64(column)
    return _TWO * uniform_at(stream, place) - _ONE


@kernel
def diamond_square(n_levels: int, roughness: np.float32, stream: np.uint64) -> NDArray[np.float32]:
    """Return a fractal terrain with 2**n_levels cells along a side, made by displacing midpoints.

    The corners lie in [-1, 1]; `roughness` is the factor of the displacements from one level to the
    next, 0 to 1.
    """
    cells = 1 << n_levels
    field = np.empty((cells + 1, cells + 1), dtype=np.float32)
    for row in range(2):
        for column in range(2):
            field[row * cells, column * cells] = _signed(stream, _COARSEST, row, column)
    amplitude = _ONE
    for level in range(n_levels):
        step = cells >> level
        half = step >> 1
        amplitude *= roughness
        nodes = 2 << level
        for row in range(1, nodes, 2):
            top = row * half - half
            for column in range(1, nodes, 2):
                left = column * half - half
                corners = field[top, left] + field[top, left + step]
                corners += field[top + step, left] + field[top + step, left + step]
                noise = amplitude * _signed(stream, level + 1, row, column)
                field[top + half, left + half] = corners * _QUARTER + noise
        for row in range(nodes + 1):
            y = row * half
            above = y - half if row > 0 else y + half
            below = y + half if row < nodes else y - half
            for column in range(1 - row % 2, nodes + 1, 2):
                x = column * half
                left = x - half if column > 0 else x + half
                right = x + half if column < nodes else x - half
                sides = field[above, x] + field[below, x] + field[y, left] + field[y, right]
                noise = amplitude * _signed(stream, level + 1, row, column)
                field[y, x] = sides * _QUARTER + noise
    return field


@kernel
def clouds(n_levels: int, roughness: np.float32, stream: np.uint64) -> NDArray[np.float32]:
    """Return smooth noise in octaves: a random grid, refined repeatedly by quadratic B-splines.

    It has 4 * 2**n_levels cells along a side, one extra node on either side, and a mean of 0.
    The coarsest level's amplitude is 1; `roughness` is its factor from one level to the next.
    """
    cells = CLOUD_CELLS
    # One loop: with two, LLVM stores whole columns lane by lane.
    coarsest = np.empty((cells + 2) * (cells + 2), dtype=np.float32)
    for place in range(coarsest.size):
        row, column = place // (cells + 2), place % (cells + 2)
        coarsest[place] = _signed(stream, _COARSEST, row, column)
    field: NDArray[np.float32] = coarsest.reshape((cells + 2, cells + 2))
    amplitude = _ONE
    for level in range(n_levels):
        cells *= 2
        amplitude *= roughness
        nodes = cells + 2
        fine = np.empty((nodes, nodes), dtype=np.float32)
        line = np.empty(nodes // 2 + 1, dtype=np.float32)
        for row in range(nodes):
            near = (row + 1) // 2
            far = near - 1 if row % 2 else near + 1
            for column in range(nodes // 2 + 1):
                line[column] = _THREE_QUARTERS * field[near, column] + _QUARTER * field[far, column]
            for column in range(nodes // 2):
                a = line[column]
                b = line[column + 1]
                noise = amplitude * _signed(stream, level + 1, row, 2 * column)
                fine[row, 2 * column] = _THREE_QUARTERS * a + _QUARTER * b + noise
                noise = amplitude * _signed(stream, level + 1, row, 2 * column + 1)
                fine[row, 2 * column + 1] = _QUARTER * a + _THREE_QUARTERS * b + noise
        field = fine
    return field


@kernel
def paint(
    field: NDArray[np.float32],
    cells: int,
    noise: np.float32,
    shape: int,
    turns: np.float32,
    cosine: np.float32,
    sine: np.float32,
    center_x: np.float32,
    center_y: np.float32,
    ramp: NDArray[np.uint8],
    size: int,
) -> NDArray[np.uint8]:
    """Return an image of a field plus a gradient, coloured by a cyclic ramp.

    `field` is square, from `diamond_square` or `clouds`; `cells` of its cells along a side are
    within the image, the other nodes evenly around it. `noise` is the number of turns through the
    ramp for a difference of 1 in the field.

    The gradient's `shape` is a value of `GRADIENTS`. It takes `turns` through the ramp along one
    side of the image, or around it. (`cosine`, `sine`) is the linear gradient's direction and the
    start of the conic one, (`center_x`, `center_y`) the centre, in sides of the image. `ramp` is
    sRGB, of shape (n_colors, 3) with a power of two colours.
    """
    canvas = np.empty((size, size, 3), dtype=np.uint8)
    line = np.empty(field.shape[1], dtype=np.float32)
    value = np.empty(size, dtype=np.float32)
    left = np.empty(size, dtype=np.int32)
    beyond = np.empty(size, dtype=np.float32)
    places = np.empty(size, dtype=np.int32)
    offset = np.float32(field.shape[0] - 1 - cells) * _HALF
    scale = np.float32(cells) / np.float32(size)
    pixel = _ONE / np.float32(size)
    n_colors = np.float32(ramp.shape[0])
    mask = np.int32(ramp.shape[0] - 1)
    for column in range(size):
        x = (np.float32(column) + _HALF) * scale + offset
        left[column] = np.int32(x)
        beyond[column] = x - np.float32(left[column])
    for row in range(size):
        y = (np.float32(row) + _HALF) * scale + offset
        top = np.intp(y)
        below = y - np.float32(top)
        for node in range(field.shape[1]):
            above = field[top, node]
            line[node] = above + below * (field[top + 1, node] - above)
        for column in range(size):
            node = np.intp(np.uint32(left[column]))
            here = line[node]
            value[column] = noise * (here + beyond[column] * (line[node + 1] - here))
        if shape != _NONE:
            v = (np.float32(row) + _HALF) * pixel - center_y
            for column in range(size):
                u = (np.float32(column) + _HALF) * pixel - center_x
                along = u * cosine + v * sine
                if shape == _RADIAL:
                    along = np.sqrt(u * u + v * v)
                elif shape == _CONIC:
                    along = atan2_turns(v * cosine - u * sine, along)
                value[column] += turns * along
        for column in range(size):
            # Add whole turns, so truncation rounds down.
            places[column] = np.int32((value[column] + _WHOLE_TURNS) * n_colors) & mask
        for column in range(size):
            place = np.intp(np.uint32(places[column]))
            canvas[row, column, 0] = ramp[place, 0]
            canvas[row, column, 1] = ramp[place, 1]
            canvas[row, column, 2] = ramp[place, 2]
    return canvas
