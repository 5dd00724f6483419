from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalgen.arguments import channel_numbers, one_of, real_number, some_of, whole_number
from fractalgen.registry import shown

NAN, INF = float("nan"), float("inf")


class Unspeakable:
    def __repr__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), np.array(3)])
def test_whole_numbers_of_any_kind_are_ints(value):
    assert type(whole_number("k", value, 1, 8)) is int
    assert whole_number("k", value, 1, 8) == 3


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (9, "9"),
        (np.int64(9), "9"),
        (2.0, "2.0"),
        (NAN, "nan"),
        ("3", "'3'"),
        (True, "True"),
        (None, "None"),
        ([3], "[3]"),
        (np.zeros((2, 3)), "float64 of shape (2, 3)"),
        pytest.param(10**5000, "a number", id="of 5001 digits"),
        (Unspeakable(), "<Unspeakable instance"),
    ],
)
def test_what_is_no_whole_number_in_the_range(value, words):
    with pytest.raises(ValueError, match=r"^k must be a whole number from 1 to 8, not ") as caught:
        whole_number("k", value, 1, 8)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [1, 2.5, np.float32(2.5), np.int64(2), Fraction(5, 2)])
def test_numbers_of_any_kind_are_floats(value):
    assert type(real_number("beta", value, 1, 8)) is float
    assert real_number("beta", value, 1, 8) == value


@pytest.mark.parametrize(
    "value", [NAN, INF, -INF, 0.99, 10**400, "2", True, None, 2j, Decimal(2), np.float32(NAN), [2]]
)
def test_what_is_no_number_in_the_range(value):
    with pytest.raises(ValueError, match=r"^beta must be a number from 1 to 8, not "):
        real_number("beta", value, 1, 8)


@pytest.mark.parametrize("value", [None, 3, b"add", ["add"], "", "ad", "add\n", "x" * 10_000])
def test_words_that_are_unknown(value):
    with pytest.raises(ValueError, match=r"^op(: .* is unknown; | must be one of add, mul, not )"):
        one_of("op", value, ("add", "mul"))
    with pytest.raises(ValueError, match=r"^op") as caught:
        some_of("op", [value], ("add", "mul"))
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


def test_some_of_takes_sequences_alone():
    """A set has another order in every process, and an iterator is used up by being checked."""
    assert some_of("ops", ["add", "add"], ("add", "mul")) == ("add", "add")
    for values in ("add", b"add", [], (), {"add"}, {"add": 1}, iter(["add"]), None, 3):
        with pytest.raises(ValueError, match=r"^ops must be a list of one or more of add"):
            some_of("ops", values, ("add", "mul"))


@pytest.mark.parametrize("kind", [list, tuple, np.array, lambda v: np.array(v, np.float32)])
def test_numbers_of_channels_from_any_sequence(kind):
    assert channel_numbers("mean", kind([0, 0.5, 1])) == (0.0, 0.5, 1.0)


@pytest.mark.parametrize(
    "values",
    [
        *(None, 0.5, "0.5", (), (0.5,), (0.5,) * 4, [[0.5]] * 3, [0.5, [1], 1], {0.1, 0.2, 0.3}),
        *((NAN, 0, 0), (0, INF, 0), (0, 0, 256), (-1, 0, 0), ("0.5",) * 3, (None,) * 3),
        *((1j,) * 3, (True,) * 3),
    ],
)
def test_what_is_not_three_numbers_of_channels(values):
    with pytest.raises(ValueError, match=r"^mean must be three numbers from 0 to 1, not [^;]+$"):
        channel_numbers("mean", values)


@pytest.mark.parametrize("values", [(1, 0, 1), (1, -1, 1), (1, NAN, 1), (1, INF, 1), (1e-50,) * 3])
def test_a_scale_is_above_0(values):
    with pytest.raises(ValueError, match=r"^std must be three numbers from 1e-06 to 1, not"):
        channel_numbers("std", values, scale=True)


def test_statistics_of_pixels_up_to_255_are_not_those_of_values_up_to_1():
    with pytest.raises(ValueError, match="from 0 to 255 by 255"):
        channel_numbers("mean", (123.7, 116.3, 103.5))
    with pytest.raises(ValueError, match="from 0 to 255 by 255"):
        channel_numbers("std", (58, 57, 57), scale=True)


@given(st.recursive(st.integers() | st.text() | st.floats() | st.none(), st.lists))
def test_anything_is_shown_on_one_short_line(value):
    assert "\n" not in shown(value)
    assert len(shown(value)) < 3_000
