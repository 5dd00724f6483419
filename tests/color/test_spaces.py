import colorsys
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalgen.color.spaces import (
    LINEAR_TO_SRGB8,
    SRGB8_TO_LINEAR,
    hex_to_linear,
    hex_to_oklab,
    oklab_to_hex,
    oklch_to_hex,
)
from tests.color.oklab import linear_to_oklab


def decode(code):
    encoded = code / 255
    return encoded / 12.92 if encoded <= 0.04045 else ((encoded + 0.055) / 1.055) ** 2.4


def test_the_srgb_table_is_the_standard_s_function():
    expected = np.array([decode(code) for code in range(256)])
    np.testing.assert_array_equal(SRGB8_TO_LINEAR, expected.astype(np.float32))
    assert SRGB8_TO_LINEAR.dtype == np.float32


def test_no_srgb_entry_is_so_near_a_rounding_border_that_a_last_place_could_move_it():
    exact = np.array([decode(code) for code in range(1, 255)])
    single = exact.astype(np.float32)
    below = (single.astype(np.float64) + np.nextafter(single, np.float32(0))) / 2
    above = (single.astype(np.float64) + np.nextafter(single, np.float32(2))) / 2
    distance = np.minimum(abs(exact - below), abs(exact - above)) / exact
    assert distance.min() > 1e-12


def test_linear_to_srgb8_gives_the_nearest_code():
    for entry in range(0, 8192, 7):
        linear = entry / 8191
        near = linear * 12.92 if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
        assert abs(LINEAR_TO_SRGB8[entry] - 255 * near) < 0.501
    codes = LINEAR_TO_SRGB8[(SRGB8_TO_LINEAR * 8191 + 0.5).astype(int)]
    np.testing.assert_array_equal(codes, np.arange(256))


def test_the_tables_cannot_be_written():
    for table in (SRGB8_TO_LINEAR, LINEAR_TO_SRGB8):
        with pytest.raises(ValueError, match="read-only"):
            table[0] = 1


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        # The values that Ottosson's matrices give, published for sRGB's corners in many places.
        ((1, 1, 1), (1, 0, 0)),
        ((1, 0, 0), (0.62796, 0.22486, 0.12585)),
        ((0, 1, 0), (0.86644, -0.23389, 0.17950)),
        ((0, 0, 1), (0.45201, -0.03246, -0.31153)),
        ((0, 0, 0), (0, 0, 0)),
    ],
)
def test_oklab_of_srgb_s_corners(rgb, lab):
    np.testing.assert_allclose(linear_to_oklab(np.array(rgb, float)), lab, atol=1e-5)


def test_oklab_s_cube_root_over_the_whole_range():
    gray = np.concatenate(([0.0], 2.0 ** np.linspace(-40, 4, 400)))
    lightness = linear_to_oklab(np.stack([gray] * 3, axis=-1))[:, 0]
    np.testing.assert_allclose(lightness, np.cbrt(gray), rtol=1e-7)


def test_oklab_of_colours_in_any_shape():
    rgb = np.random.default_rng(0).random((4, 5, 3))
    np.testing.assert_array_equal(linear_to_oklab(rgb)[2, 3], linear_to_oklab(rgb[2, 3]))


@given(st.integers(0, 0xFFFFFF))
def test_a_hex_colour_comes_back(code):
    color = f"#{code:06x}"
    ((lightness, a, b),) = hex_to_oklab((color,))
    assert (lightness, a, b) == tuple(linear_to_oklab(hex_to_linear((color,)))[0])
    assert oklab_to_hex([(lightness, a, b)]) == (color,)
    assert oklch_to_hex([(lightness, math.hypot(a, b), math.atan2(b, a) / math.tau)]) == (color,)


@pytest.mark.parametrize("turns", [-3.7, -0.125, 0.0, 0.1, 0.25, 0.4999, 0.624, 0.875, 1.0, 12.3])
def test_the_hue_survives_where_chroma_does_not(turns):
    lab = linear_to_oklab(hex_to_linear(oklch_to_hex([(0.6, 0.4, turns)])))[0]
    assert lab[0] == pytest.approx(0.6, abs=0.01)
    distance = (math.atan2(lab[2], lab[1]) / math.tau - turns + 0.5) % 1 - 0.5
    assert abs(distance) < 0.005
    assert math.hypot(lab[1], lab[2]) > 0.09


@given(st.floats(-0.5, 1.5), st.floats(0, 0.6), st.floats(-2, 2))
def test_oklch_gives_a_colour_whatever_it_is_asked(lightness, chroma, hue):
    (color,) = oklch_to_hex([(lightness, chroma, hue)])
    assert len(bytes.fromhex(color[1:])) == 3
    if lightness <= 0:
        assert color == "#000000"
    if lightness >= 1:
        assert min(colorsys.rgb_to_hls(*hex_to_linear((color,))[0])[1:2]) > 0.99


def test_colours_outside_the_gamut_keep_lightness_and_hue_in_both_forms():
    a, b = 0.4 * math.cos(math.tau * 0.7), 0.4 * math.sin(math.tau * 0.7)
    cartesian, polar = oklab_to_hex([(0.5, a, b)]), oklch_to_hex([(0.5, 0.4, 0.7)])
    found = np.array([*hex_to_oklab(cartesian), *hex_to_oklab(polar)])
    np.testing.assert_allclose(found[0], found[1], atol=0.01)
    assert found[0, 0] == pytest.approx(0.5, abs=0.02)
    assert math.atan2(found[0, 2], found[0, 1]) % math.tau == pytest.approx(
        0.7 * math.tau, abs=0.05
    )
