import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalgen.color.spaces import hex_to_linear
from fractalgen.families.ifs.backdrops import (
    LightnessBand,
    figure_colors,
    ground_colors,
    sample_band,
)
from tests.color.oklab import linear_to_oklab

COLORS = st.lists(
    st.integers(0, 0xFFFFFF).map(lambda code: f"#{code:06x}"), min_size=2, max_size=12
).map(tuple)


def lightness(colors):
    return linear_to_oklab(hex_to_linear(colors))[:, 0]


@given(COLORS, COLORS, st.integers(0, 2**32))
def test_ground_keeps_within_its_band(figure, palette, seed):
    rng = np.random.default_rng(seed)
    band = sample_band(rng, figure)
    ground = lightness(ground_colors(rng, palette, band))
    assert 2 <= len(ground) <= 5
    assert ground.min() > band.low - 0.02
    assert ground.max() < band.high + 0.02


@given(COLORS, st.integers(0, 2**32))
def test_figure_is_made_of_its_palette_and_ends_farthest_from_its_ground(palette, seed):
    band = sample_band(np.random.default_rng(seed), palette)
    figure = figure_colors(palette, band)
    assert 2 <= len(figure) <= 8
    assert set(figure) <= set(palette)
    distance = np.abs(lightness(figure) - (band.low + band.high) / 2)
    assert distance[-1] == pytest.approx(distance.max())


@pytest.mark.parametrize("seed", range(20))
def test_a_wide_palette_gives_a_figure_on_one_side_of_every_ground(seed):
    palette = tuple(f"#{code:02x}{code:02x}{code:02x}" for code in range(0, 256, 15))
    band = sample_band(np.random.default_rng(seed), palette)
    figure = lightness(figure_colors(palette, band))
    assert np.all(figure >= band.high) or np.all(figure <= band.low)
    steps = np.diff(figure)
    assert np.all(steps > 0) or np.all(steps < 0)
    assert max(figure[-1] - band.high, band.low - figure[-1]) > 0.3


@pytest.mark.parametrize(("code", "is_dark"), [("f0", True), ("a8", True), ("18", False)])
def test_a_narrow_palette_gets_the_ground_that_suits_it(code, is_dark):
    palette = (f"#{code}{code}{code}", f"#{code}{code}ff" if is_dark else f"#{code}{code}20")
    for seed in range(20):
        band = sample_band(np.random.default_rng(seed), palette)
        middle = (band.low + band.high) / 2
        assert (middle < lightness(palette).min()) == is_dark


def test_figure_of_alike_colours_keeps_them_all():
    palette = ("#777777", "#787878", "#797979")
    assert set(figure_colors(palette, LightnessBand(0.4, 0.6))) == set(palette)
