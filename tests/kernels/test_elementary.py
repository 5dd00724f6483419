import numpy as np
import pytest

from fractalgen.kernels import elementary
from fractalgen.kernels.jit import kernel


@kernel
def _apply(x, y, out):
    for i in range(x.size):
        out[0, i] = elementary.log2(x[i])
        out[1, i] = elementary.exp2(y[i])
        out[2, i] = elementary.sin_turns(y[i])
        out[3, i] = elementary.cos_turns(y[i])
        out[4, i] = elementary.atan2_turns(y[i], x[i] - np.float32(2.0))
        out[5, i] = elementary.nearest_integer(y[i])


@pytest.fixture(scope="module")
def values():
    rng = np.random.default_rng(0)
    x = np.float32(2.0) ** rng.uniform(-20, 20, 50_000).astype(np.float32)
    y = rng.uniform(-6, 6, 50_000).astype(np.float32)
    x[:4] = [1.0, 2.0, 2.0, 1.0]
    y[:4] = [0.0, 0.0, 1.0, 0.0]
    out = np.empty((6, x.size), np.float32)
    _apply(x, y, out)
    return x, y, out


def reference(x, y):
    x64, y64 = x.astype(np.float64), y.astype(np.float64)
    return {
        "log2": np.log2(x64),
        "exp2": np.exp2(y64),
        "sin_turns": np.sin(2 * np.pi * y64),
        "cos_turns": np.cos(2 * np.pi * y64),
        "atan2_turns": np.arctan2(y64, (x - np.float32(2.0)).astype(np.float64)) / (2 * np.pi),
        "nearest_integer": np.rint(y64),
    }


@pytest.mark.parametrize(
    ("row", "name", "absolute", "relative"),
    [
        (0, "log2", 2e-6, 0),
        (1, "exp2", 0, 3e-7),
        (2, "sin_turns", 2e-6, 0),
        (3, "cos_turns", 3e-6, 0),
        (4, "atan2_turns", 2e-7, 0),
        (5, "nearest_integer", 0, 0),
    ],
)
def test_it_is_as_accurate_as_its_docstring_says(values, row, name, absolute, relative):
    x, y, out = values
    np.testing.assert_allclose(out[row], reference(x, y)[name], atol=absolute, rtol=relative)


def test_exact_cases(values):
    _, _, out = values
    assert out[0, 0] == 0.0
    assert out[0, 1] == 1.0
    assert out[1, 0] == 1.0
    assert out[4, 1] == 0.0  # the angle of (0, 0)
    assert out[4, 2] == 0.25  # straight up
    assert out[4, 3] == 0.5  # straight left


def test_the_bits_are_pinned(values):
    """These hold on every processor; a change here changes every recorded image."""
    x = np.array([0.3, 1.7, 1000.5, 2.0**-15], np.float32)
    y = np.array([0.1, -0.37, 3.3, -5.9], np.float32)
    out = np.empty((6, 4), np.float32)
    _apply(x, y, out)
    assert [int(v) for v in out[:5].view(np.uint32).ravel()] == [
        3219018979,
        1061419542,
        1092581070,
        3245342720,
        1065955295,
        1061557916,
        1092458020,
        1015623647,
        1058437400,
        3208289713,
        1064532084,
        1058437392,
        1062149054,
        3207544443,
        3198039921,
        1062149060,
        1056650831,
        3199698022,
        973726503,
        3197804993,
    ]


@kernel
def _directions(turns, out):
    for i in range(turns.size):
        out[0, i], out[1, i] = elementary.direction(turns[i])


def test_a_direction_is_cosine_and_sine_in_double_precision():
    turns = np.array([-3.7, -0.125, 0.0, 0.1, 0.25, 0.4999, 0.5, 0.624, 0.75, 1.0, 12.3])
    out = np.empty((2, turns.size))
    _directions(turns, out)
    expected = np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)
    np.testing.assert_allclose(out, expected, atol=2e-14)


@kernel
def _bytes(values, out):
    for i in range(values.size):
        out[i] = elementary.to_byte(values[i])


def test_a_byte_is_clipped_and_truncated():
    values = np.array([-300.0, -0.9, 0.9, 127.999, 254.999, 255.0, 1e9, np.inf], np.float32)
    out = np.empty(values.size, np.uint8)
    _bytes(values, out)
    assert out.tolist() == [0, 0, 0, 127, 254, 255, 255, 255]
