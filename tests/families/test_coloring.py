from dataclasses import replace

import numpy as np
import pytest

from fractalgen.families.escape_time.coloring import (
    BLENDS,
    NORMALIZERS,
    Coloring,
    FieldWeights,
    color_fields,
)


def rank_of(counts):
    return np.concatenate(([0], np.cumsum(counts))) / np.sum(counts)


STILL = FieldWeights(0.0, 0.0, 0.0, 0.0, 0.0)
PLAIN = Coloring(
    base_colors=("#204080", "#204080"),
    trap_colors=("#c08040", "#c08040"),
    base=STILL,
    trap=STILL,
    interior=STILL,
    normalizer="rank",
    blend="normal",
    opacity=1.0,
    reach=1.0,
    relief=0.0,
    light=(1.0, 0.0),
)


def fields(side=32, seed=0):
    rng = np.random.default_rng(seed)
    out = rng.random((4, side, side)).astype(np.float32)
    out[0] *= 6
    return out


@pytest.mark.parametrize("name", NORMALIZERS)
def test_normalizers_rise_from_0_to_1(name):
    counts = np.random.default_rng(1).integers(0, 50, 256)
    table = NORMALIZERS[name](rank_of(counts))
    assert table.shape == (257,)
    assert table[0] == 0
    assert table[-1] == 1
    assert (np.diff(table) >= 0).all()


def test_rank_gives_every_part_of_the_palette_the_same_area():
    counts = np.array([900, 60, 30, 10])
    np.testing.assert_allclose(NORMALIZERS["rank"](rank_of(counts)), [0, 0.9, 0.96, 0.99, 1])


def test_linear_ignores_a_percent_at_each_end():
    counts = np.zeros(100, np.int64)
    counts[40:60] = 1000
    counts[0] = counts[99] = 10
    table = NORMALIZERS["linear"](rank_of(counts))
    np.testing.assert_allclose(table[[40, 50, 60]], [0, 0.5, 1], atol=0.03)


@pytest.mark.parametrize("name", NORMALIZERS)
def test_one_single_value_is_no_trouble(name):
    counts = np.zeros(64, np.int64)
    counts[5] = 10
    assert np.isfinite(NORMALIZERS[name](rank_of(counts))).all()


def test_the_trap_layer_covers_the_trap_and_fades_to_the_base():
    """Rank 0 shows the trap's colour, rank 1 the base's, exactly."""
    planes = fields()
    planes[1] = np.linspace(-4, 3, 32 * 32).reshape(32, 32)
    rgb = color_fields(planes, PLAIN, 32)
    np.testing.assert_allclose(rgb[0, 0], (0xC0, 0x80, 0x40), atol=1)
    np.testing.assert_allclose(rgb[-1, -1], (0x20, 0x40, 0x80), atol=1)


def test_samples_are_averaged_in_linear_light():
    """Black and white samples give 188, not 128."""
    planes = fields(side=64)
    planes[0] = 0
    planes[0, :, 1::2] = -1  # every other column does not escape
    coloring = replace(
        PLAIN,
        base_colors=("#000000", "#ffffff"),
        interior=replace(STILL, phase=0.5),
        opacity=0.0,
    )
    rgb = color_fields(planes, coloring, 32)
    np.testing.assert_allclose(rgb, 188, atol=1)


def test_the_gradient_is_endless_in_both_directions():
    planes = fields()
    turns = replace(PLAIN, base_colors=("#102030", "#e0d0c0", "#a04020"), opacity=0.0)
    forward = replace(turns, base=replace(STILL, phase=0.25))
    around = replace(turns, base=replace(STILL, phase=3.25))
    np.testing.assert_array_equal(
        color_fields(planes, forward, 32), color_fields(planes, around, 32)
    )
    backward = replace(turns, base=FieldWeights(0.0, 0.0, 0.0, -2.0, 0.0))
    assert color_fields(planes, backward, 32).std() > 20


@pytest.mark.parametrize(
    ("blend", "expected"),
    [
        ("normal", lambda a, b: b),
        ("screen", lambda a, b: 1 - (1 - a) * (1 - b)),
        ("multiply", lambda a, b: 2 * a * b),
        ("soft-light", lambda a, b: a * (a + 2 * b * (1 - a))),
    ],
)
def test_blends_in_linear_light(blend, expected):
    def linear(value):
        value = value / 255
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    planes = fields()
    planes[1] = 0  # no range: the coordinate is 0 everywhere, on the trap
    rgb = color_fields(planes, replace(PLAIN, blend=blend), 32)
    for channel, (a, b) in enumerate(zip((0x20, 0x40, 0x80), (0xC0, 0x80, 0x40), strict=True)):
        want = min(expected(linear(a), linear(b)), 1)
        assert linear(int(rgb[0, 0, channel])) == pytest.approx(want, abs=0.01)


def test_every_blend_is_tested_here():
    assert set(BLENDS) == {"normal", "screen", "multiply", "soft-light"}


def test_relief_lights_slopes_that_face_the_light():
    planes = fields()
    x = np.arange(32)
    planes[1] = np.where(x < 16, x, 32 - x)[None, :]
    grey = replace(PLAIN, base_colors=("#808080",) * 2, opacity=0.0, relief=0.5)
    rgb = color_fields(planes, grey, 32).astype(int)
    assert rgb[10, 8, 0] > 128 + 10  # height rises towards the light
    assert rgb[10, 24, 0] < 128 - 10


def test_fields_are_left_alone():
    planes = fields()
    before = planes.copy()
    color_fields(planes, replace(PLAIN, relief=0.3), 16)
    np.testing.assert_array_equal(planes, before)
