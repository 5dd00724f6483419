"""Textures of ice on glass: fern-like crystals over smooth noise, in six kinds.

They take the place of the photographs that the public code of the common corruptions adds. Their
tones, and how these vary over short and long distances, are like the photographs'; nothing else is.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.corruption_weather import plasma
from fractalgen.kernels.elementary import direction
from fractalgen.kernels.jit import inlined, kernel
from fractalgen.kernels.random_bits import uniform_at

__all__ = ["KINDS", "SIDE", "TONES", "draw_texture", "draw_textures"]

SIDE = 512
"""Pixels a side of a texture. It repeats."""

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)
_HALF = np.float32(0.5)

# Number of crystals; shortest and longest spine; length of a barb at the spine's foot, in spines;
# angle of the barbs in turns; opacity; the smooth noise's weight and decay, and the crystals' tilt:
# 0 points them everywhere, 1 along one direction.
KINDS = np.array(
    [
        [3000.0, 20.0, 90.0, 0.05, 0.04, 0.35, 0.65, 1.35, 0.3],
        [6000.0, 10.0, 80.0, 0.1, 0.03, 0.4, 0.37, 1.6, 0.0],
        [6000.0, 10.0, 80.0, 0.1, 0.03, 0.4, 0.34, 1.5, 0.0],
        [6000.0, 4.0, 30.0, 0.25, 0.12, 0.5, 0.26, 1.4, 0.0],
        [4000.0, 8.0, 45.0, 0.25, 0.1, 0.55, 0.36, 1.45, 0.0],
        [900.0, 20.0, 150.0, 0.25, 0.08, 0.55, 0.35, 1.5, 0.3],
    ],
    np.float32,
)

_RANKS = np.array([0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0], np.float32)
# fmt: off
_PALE = (
    112, 113, 119, 137, 139, 146, 160, 163, 171, 171, 174, 182, 187, 191, 200, 201, 205, 215,
    211, 217, 227, 221, 225, 236, 225, 230, 240, 232, 237, 246, 238, 242, 249,
)
TONES = np.array(
    [
        (33, 113, 133, 37, 117, 138, 43, 124, 144, 48, 128, 148, 57, 136, 156, 71, 147, 164,
         92, 158, 172, 115, 170, 181, 129, 177, 185, 152, 189, 195, 166, 201, 206),
        _PALE,
        _PALE,
        (49, 63, 71, 71, 86, 95, 98, 113, 124, 111, 126, 137, 129, 143, 156, 145, 160, 173,
         161, 176, 189, 175, 190, 205, 186, 201, 217, 215, 230, 245, 237, 251, 255),
        (26, 37, 48, 34, 45, 57, 46, 57, 69, 55, 67, 80, 73, 85, 97, 97, 109, 121,
         125, 137, 148, 153, 164, 174, 172, 182, 191, 208, 215, 223, 235, 240, 245),
        (9, 13, 11, 14, 20, 18, 24, 33, 32, 31, 40, 38, 42, 56, 60, 65, 86, 95,
         91, 118, 130, 113, 143, 156, 126, 156, 169, 152, 182, 195, 174, 202, 214),
    ],
    np.float32,
)
# fmt: on
"""Red, green and blue at these ranks of lightness, for each kind."""

_LEVELS = 1 << 14


@inlined
def _stroke(field, y, x, down, right, length, value, opacity):
    """Mix `value` into the pixels of a line, which goes on at the other side of the field."""
    mask = field.shape[0] - 1
    for i in range(np.int64(length)):
        row = np.int64(np.floor(y + down * np.float32(i))) & mask
        column = np.int64(np.floor(x + right * np.float32(i))) & mask
        field[row, column] += opacity * (value - field[row, column])


@kernel
def _grow(field, seed, kind):
    """Draw crystals: spines with barbs on both sides, lit from one side."""
    n, shortest, longest, barb, angle, opacity = kind[:6]
    tilt = kind[8]
    side = np.float32(field.shape[0])
    for i in range(np.int64(n)):
        first = np.uint64(16 * i)
        y, x = side * uniform_at(seed, first), side * uniform_at(seed, first + np.uint64(1))
        share = uniform_at(seed, first + np.uint64(2))
        length = shortest + (longest - shortest) * share * share
        spread = _ONE - tilt
        turns = spread * (uniform_at(seed, first + np.uint64(3)) - _HALF)
        value = uniform_at(seed, first + np.uint64(4))
        for step in range(np.int64(length)):
            along = np.float32(step)
            foot = length * barb * (_ONE - along / length)
            wave = _ONE if step % 4 < 2 else np.float32(0.6)
            for hand in range(2):
                sign = _ONE if hand else -_ONE
                cosine, sine = direction(np.float64(turns + sign * angle))
                across, down = direction(np.float64(turns))
                light = value * (wave if hand else wave * np.float32(0.7))
                _stroke(
                    field,
                    y + np.float32(down) * along,
                    x + np.float32(across) * along,
                    np.float32(sine),
                    np.float32(cosine),
                    max(foot, _ONE),
                    light,
                    opacity,
                )


@kernel
def draw_texture(
    seed: np.uint64, kind: NDArray[np.float32], tones: NDArray[np.float32], out: NDArray[np.uint8]
) -> None:
    """Draw a texture of one of `KINDS`, with its tones (11, 3), as uint8 of shape (side, side, 3).

    The side must be a power of two.
    """
    side = out.shape[0]
    smooth = np.empty((side, side), np.float32)
    field = np.full((side, side), _HALF, np.float32)
    plasma(seed ^ np.uint64(1), kind[7], smooth)
    _grow(field, seed, kind)
    weight = kind[6]
    lowest, highest = np.float32(1e9), np.float32(-1e9)
    for y in range(side):
        for x in range(side):
            field[y, x] += weight * (smooth[y, x] - field[y, x])
            lowest = min(lowest, field[y, x])
            highest = max(highest, field[y, x])
    scale = np.float32(_LEVELS - 1) / (highest - lowest)
    counts = np.zeros(_LEVELS, np.int64)
    for y in range(side):
        for x in range(side):
            counts[np.int64((field[y, x] - lowest) * scale)] += 1
    colors = np.empty((_LEVELS, 3), np.float32)
    below = 0
    place = 0
    for level in range(_LEVELS):
        rank = np.float32(below + counts[level] // 2) / np.float32(side * side)
        below += counts[level]
        while place < _RANKS.size - 2 and rank > _RANKS[place + 1]:
            place += 1
        share = (rank - _RANKS[place]) / (_RANKS[place + 1] - _RANKS[place])
        for c in range(3):
            low, high = tones[3 * place + c], tones[3 * place + 3 + c]
            colors[level, c] = low + share * (high - low)
    for y in range(side):
        for x in range(side):
            level = np.int64((field[y, x] - lowest) * scale)
            for c in range(3):
                out[y, x, c] = np.uint8(np.int32(colors[level, c] + _HALF))


def draw_textures() -> NDArray[np.uint8]:
    """Return one texture of each kind, uint8 of shape (6, 512, 512, 3)."""
    textures = np.empty((len(KINDS), SIDE, SIDE, 3), np.uint8)
    for i, (kind, tones) in enumerate(zip(KINDS, TONES, strict=True)):
        draw_texture(np.uint64(i << 8), kind, tones, textures[i])
    return textures
