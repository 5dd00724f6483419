import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalgen.color.spaces import (
    SRGB8_TO_LINEAR,
    gradient,
    hex_to_linear,
    oklab_to_hex,
    srgb_gradient,
)
from tests.color.oklab import linear_to_oklab

COLORS = ("#0b0508", "#8c1c13", "#d9481c", "#fdf0c4", "#1d4e6e")

palettes = st.lists(st.integers(0, 0xFFFFFF).map("#{:06x}".format), min_size=2, max_size=9).map(
    tuple
)


def hex_of(linear):
    return oklab_to_hex(linear_to_oklab(linear.astype(np.float64)).tolist())


def test_the_gradient_passes_through_its_colours():
    table = gradient(COLORS, 1025)
    assert table.shape == (1025, 3)
    assert table.dtype == np.float32
    assert hex_of(table[::256]) == COLORS


def test_a_cyclic_gradient_closes():
    table = gradient(COLORS, 1000, cyclic=True)
    assert hex_of(table[::200]) == COLORS
    lab = linear_to_oklab(table.astype(np.float64))
    steps = np.sqrt(((lab - np.roll(lab, 1, axis=0)) ** 2).sum(axis=1))
    assert steps.max() < 0.01  # no seam: entry 0 follows entry 999


def test_turning_a_cyclic_palette_turns_its_gradient():
    turned = gradient(COLORS[1:] + COLORS[:1], 1000, cyclic=True)
    expected = np.roll(gradient(COLORS, 1000, cyclic=True), -200, axis=0)
    np.testing.assert_allclose(turned, expected, atol=1e-6)


@given(palettes, st.booleans())
def test_between_two_colours_lightness_never_leaves_their_range(colors, cyclic):
    n_segments = len(colors) - (not cyclic)
    table = gradient(colors, 32 * n_segments + (not cyclic), cyclic)
    assert table.min() >= 0
    assert table.max() <= 1
    knots = linear_to_oklab(hex_to_linear((*colors, colors[0])))[:, 0]
    lab = linear_to_oklab(table.astype(np.float64))[:, 0]
    in_gamut = ((table > 0) & (table < 1)).all(axis=1)  # clipping to sRGB shifts lightness
    for segment in range(n_segments):
        part = slice(32 * segment, 32 * segment + 32)
        values = lab[part][in_gamut[part]]
        low, high = sorted(knots[segment : segment + 2])
        assert (values >= low - 1e-4).all()
        assert (values <= high + 1e-4).all()


def test_two_colours_make_a_straight_line_in_oklab():
    table = gradient(("#203040", "#c0b090"), 65)
    ends = linear_to_oklab(hex_to_linear(("#203040", "#c0b090")))
    expected = ends[0] + np.linspace(0, 1, 65)[:, None] * (ends[1] - ends[0])
    np.testing.assert_allclose(linear_to_oklab(table.astype(np.float64)), expected, atol=1e-6)


def test_the_gradient_is_smooth_at_its_colours():
    lab = linear_to_oklab(gradient(("#102030", "#506070", "#d0d0d0"), 2001).astype(np.float64))
    slopes = np.diff(lab[:, 0])
    assert abs(np.diff(slopes)).max() < 2e-6  # a corner would jump by 1e-4


@pytest.mark.parametrize(("colors", "n"), [((), 8), (("#102030",), 8), (COLORS, 1)])
def test_too_few_colours_or_entries(colors, n):
    with pytest.raises(ValueError, match="needs 2 colours and 2 entries"):
        gradient(colors, n)


def test_the_bits_that_recorded_images_rely_on():
    tables = gradient(COLORS).tobytes() + gradient(COLORS, cyclic=True).tobytes()
    digest = hashlib.sha256(tables).hexdigest()
    assert digest == "dea5b1189615ec7918abe57e6d92da663bfedb27a82afe1138b4b0d2c63d34c7"


def test_codes_of_a_gradient_are_the_nearest_to_it():
    linear, codes = gradient(COLORS, 512, True), srgb_gradient(COLORS, 512, True)
    assert codes.dtype == np.uint8
    error = np.abs(SRGB8_TO_LINEAR[codes] - linear)
    assert (error <= np.abs(SRGB8_TO_LINEAR[np.minimum(codes, 254) + 1] - linear) + 1e-4).all()
    assert (error <= np.abs(SRGB8_TO_LINEAR[np.maximum(codes, 1) - 1] - linear) + 1e-4).all()
