"""Textures of ice on glass: fern-like crystals over smooth noise, in six kinds.

They take the place of the photographs that the public code of the common corruptions adds. Their
tones, and how these vary over short and long distances, are like the photographs'; nothing else is.
"""

import numpy as np

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
        [500.0, 40.0, 120.0, 0.05, 0.04, 0.10, 1.0, 1.7, 0.2],
        [900.0, 30.0, 110.0, 0.10, 0.03, 0.45, 0.35, 2.0, 0.0],
        [900.0, 30.0, 110.0, 0.10, 0.03, 0.45, 0.35, 2.0, 0.0],
        [1500.0, 8.0, 40.0, 0.30, 0.12, 0.55, 0.45, 1.8, 0.0],
        [900.0, 12.0, 50.0, 0.45, 0.13, 0.60, 0.55, 2.2, 0.0],
        [260.0, 60.0, 170.0, 0.40, 0.10, 0.60, 0.50, 2.2, 0.3],
    ],
    np.float32,
)

_RANKS = np.array([0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0], np.float32)
TONES = np.array(
    [
        [
            34,
            112,
            132,
            38,
            117,
            136,
            45,
            124,
            144,
            49,
            129,
            149,
            58,
            138,
            157,
            73,
            148,
            166,
            93,
            160,
            174,
            112,
            171,
            183,
            126,
            177,
            187,
            148,
            189,
            196,
            163,
            201,
            208,
        ],
        [
            110,
            111,
            116,
            137,
            139,
            146,
            162,
            165,
            172,
            173,
            176,
            184,
            189,
            193,
            202,
            204,
            208,
            219,
            215,
            221,
            231,
            225,
            230,
            240,
            230,
            235,
            244,
            241,
            245,
            249,
            247,
            251,
            252,
        ],
        [
            110,
            111,
            116,
            137,
            139,
            146,
            162,
            165,
            172,
            173,
            176,
            184,
            189,
            193,
            202,
            204,
            208,
            219,
            215,
            221,
            231,
            225,
            230,
            240,
            230,
            235,
            244,
            241,
            245,
            249,
            247,
            251,
            252,
        ],
        [
            46,
            59,
            66,
            69,
            83,
            92,
            91,
            105,
            115,
            102,
            118,
            129,
            120,
            135,
            146,
            138,
            153,
            165,
            154,
            170,
            183,
            171,
            186,
            200,
            183,
            199,
            214,
            219,
            234,
            249,
            241,
            253,
            255,
        ],
        [
            26,
            36,
            48,
            34,
            45,
            57,
            48,
            60,
            72,
            59,
            70,
            83,
            79,
            91,
            104,
            107,
            119,
            131,
            140,
            151,
            161,
            174,
            183,
            192,
            195,
            203,
            211,
            233,
            238,
            243,
            250,
            252,
            254,
        ],
        [
            8,
            12,
            10,
            13,
            19,
            17,
            22,
            32,
            33,
            29,
            41,
            41,
            43,
            61,
            67,
            69,
            93,
            104,
            96,
            127,
            140,
            119,
            154,
            166,
            133,
            168,
            180,
            160,
            194,
            205,
            184,
            216,
            223,
        ],
    ],
    np.float32,
)
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
def draw_texture(seed, kind, tones, out):
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


def draw_textures():
    """Return one texture of each kind, uint8 of shape (6, 512, 512, 3)."""
    textures = np.empty((len(KINDS), SIDE, SIDE, 3), np.uint8)
    for i, (kind, tones) in enumerate(zip(KINDS, TONES, strict=True)):
        draw_texture(np.uint64(i << 8), kind, tones, textures[i])
    return textures
