"""Flames against a chaos game in plain NumPy, and each variation against its formula."""

import numpy as np
import pytest

from fractalgen.kernels import flames
from fractalgen.kernels.flames import MAX_VARIATIONS, VARIATIONS, play_flame
from fractalgen.kernels.random_bits import bits_at

STREAM = np.uint64(99)
SIDE = 32
VIEW = np.array([-2.0, -2.0, SIDE / 4.0], np.float32)
MAPS = np.array([(0.5, -0.2, 0.4, 0.1, 0.6, -0.3), (0.4, 0.3, -0.6, -0.3, 0.4, 0.5)], np.float32)
CHOSEN = np.repeat([0, 1], [100, 156])
TONES = np.array([0.0, 1.0], np.float32)
WARM_UP = 20


def inks():
    table = np.zeros((256, 4), np.uint32)
    table[:, 0] = 1
    table[:, 1] = np.arange(256)
    return table


def played(n_points, variation="linear", weight=1.0):
    blends = np.zeros((2, MAX_VARIATIONS), np.float32)
    blends[:, 0] = weight
    histogram = np.zeros((SIDE * SIDE + 1, 4), np.uint32)
    play_flame(
        MAPS,
        CHOSEN,
        np.array([VARIATIONS[variation]]),
        blends,
        TONES,
        n_points,
        STREAM,
        VIEW,
        SIDE,
        inks(),
        histogram,
    )
    return histogram


def plain_chaos_game(n_points):
    """Return the histogram of 64 orbits that choose their maps by the same random bytes."""
    starts = [int(bits_at(STREAM, np.uint64((1 << 40) + lane))) for lane in range(64)]
    x = np.array([(bits & 0xFFFF) / 32768 - 1 for bits in starts])
    y = np.array([(bits >> 16 & 0xFFFF) / 32768 - 1 for bits in starts])
    tone = np.full(64, 0.5)
    maps = MAPS.astype(np.float64)
    histogram = np.zeros((SIDE * SIDE + 1, 4), np.int64)
    for step in range(WARM_UP + n_points // 64):
        words = [int(bits_at(STREAM, np.uint64(9 * step + eight))) for eight in range(8)]
        picked = CHOSEN[[words[lane // 8] >> 8 * (lane % 8) & 0xFF for lane in range(64)]]
        a, b, c, d, e, f = maps[picked].T
        x, y = a * x + b * y + c, d * x + e * y + f
        tone = (tone + TONES[picked]) / 2
        if step < WARM_UP:
            continue
        column, row = np.floor((x + 2) * SIDE / 4), np.floor((y + 2) * SIDE / 4)
        inside = (column >= 0) & (row >= 0) & (column < SIDE) & (row < SIDE)
        cell = np.where(inside, row * SIDE + column, SIDE * SIDE).astype(int)
        np.add.at(histogram, cell, inks()[(tone * 255).astype(int)])
    return histogram


def test_a_linear_flame_is_a_plain_chaos_game():
    ours, plain = played(64_000).astype(np.int64), plain_chaos_game(64_000)
    assert ours[:, 0].sum() == plain[:, 0].sum() == 64_000
    # A point on the border between two cells may be rounded to either.
    assert np.abs(ours[:, 0] - plain[:, 0]).sum() <= 64
    assert np.abs(ours[:, 1] - plain[:, 1]).sum() <= 64 * 256


def test_points_are_rounded_down_to_a_multiple_of_64():
    assert played(1000)[:, 0].sum() == 960


@pytest.mark.parametrize("variation", VARIATIONS)
def test_every_variation_keeps_its_points(variation):
    histogram = played(64_000, variation)
    assert histogram[:, 0].sum() == 64_000
    assert np.count_nonzero(histogram[:-1, 0]) > 10


def varied(variation, x, y, weights, coins):
    """Apply one variation to 64 orbits."""
    state = np.zeros(int(flames._END), np.float32)
    for start, values in (
        (flames.TX, x),
        (flames.TY, y),
        (flames.WEIGHTS, weights),
    ):
        state[int(start) : int(start) + 64] = values
    flames._vary(state, VARIATIONS[variation], flames.WEIGHTS, np.uint64(coins))
    return state[int(flames.OX) :][:64], state[int(flames.OY) :][:64]


def formula(name, x, y, coin):
    """Return a variation as the paper writes it; theta is measured from the y axis."""
    r, theta = np.hypot(x, y), np.arctan2(x, y)
    return {
        "linear": lambda: (x, y),
        "sinusoidal": lambda: (np.sin(x), np.sin(y)),
        "spherical": lambda: (x / r**2, y / r**2),
        "swirl": lambda: (
            x * np.sin(r**2) - y * np.cos(r**2),
            x * np.cos(r**2) + y * np.sin(r**2),
        ),
        "horseshoe": lambda: ((x - y) * (x + y) / r, 2 * x * y / r),
        "polar": lambda: (theta / np.pi, r - 1),
        "handkerchief": lambda: (r * np.sin(theta + r), r * np.cos(theta - r)),
        "heart": lambda: (r * np.sin(theta * r), -r * np.cos(theta * r)),
        "disc": lambda: (theta / np.pi * np.sin(np.pi * r), theta / np.pi * np.cos(np.pi * r)),
        "spiral": lambda: (
            (np.cos(theta) + np.sin(r)) / r,
            (np.sin(theta) - np.cos(r)) / r,
        ),
        "hyperbolic": lambda: (np.sin(theta) / r, r * np.cos(theta)),
        "diamond": lambda: (np.sin(theta) * np.cos(r), np.cos(theta) * np.sin(r)),
        "julia": lambda: (
            np.sqrt(r) * np.cos(theta / 2 + coin * np.pi),
            np.sqrt(r) * np.sin(theta / 2 + coin * np.pi),
        ),
        "fisheye": lambda: (2 / (r + 1) * y, 2 / (r + 1) * x),
        "bubble": lambda: (4 / (r**2 + 4) * x, 4 / (r**2 + 4) * y),
        "cylinder": lambda: (np.sin(x), y),
    }[name]()


@pytest.mark.parametrize("variation", VARIATIONS)
def test_a_variation_is_its_formula(variation):
    rng = np.random.default_rng(8)
    x, y, weights = rng.normal(size=(3, 64)).astype(np.float32)
    coins = int(rng.integers(2**63))
    ours = varied(variation, x, y, weights, coins)
    coin = np.array([coins >> lane & 1 for lane in range(64)])
    for sums, wanted in zip(ours, formula(variation, *map(np.float64, (x, y)), coin), strict=True):
        np.testing.assert_allclose(sums, weights * wanted, rtol=2e-5, atol=2e-5)


def test_every_variation_has_a_number_of_its_own():
    assert sorted(VARIATIONS.values()) == list(range(len(VARIATIONS)))
    assert len(CHOSEN) == flames.N_CHOICES
