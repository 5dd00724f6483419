"""Leaves are drawn once more here, whole images at a time, and the farthest leaf first."""

import numpy as np
import pytest

from fractalgen.kernels.leaves import LEAF_SHAPES, paint_leaves
from fractalgen.kernels.random_bits import bits_at, uniform_at

SIZE = 48
COLORS = np.random.default_rng(3).random((6, 3)).astype(np.float32)
FLAT = (1.0, 0.0)
RADII = (0.03, 0.4, 3.0)


def painted(shape, fills=FLAT, max_leaves=30_000, rows=slice(0, SIZE), stream=11):
    canvas = np.zeros((4, rows.stop - rows.start, SIZE), np.float32)
    canvas[0] = 1.0
    n = paint_leaves(
        np.uint64(stream),
        np.array([LEAF_SHAPES.index(shape)]),
        np.array(RADII, np.float32),
        np.array(fills, np.float32),
        COLORS,
        max_leaves,
        SIZE,
        rows.start,
        canvas,
    )
    return n, canvas


def drawn(number, what, stream=11):
    return float(uniform_at(np.uint64(stream), np.uint64(16 * number + what)))


def chosen(number, what, n, stream=11):
    return int(bits_at(np.uint64(stream), np.uint64(16 * number + what)) >> np.uint64(33)) % n


def radius_of(number):
    low, high, power = RADII
    share = drawn(number, 2)
    return (low ** (1 - power) + share * (high ** (1 - power) - low ** (1 - power))) ** (
        1 / (1 - power)
    )


def coverage(shape, number):
    """Return the share of each pixel that a leaf covers, from its distance to the edge."""
    rows, columns = (np.mgrid[:SIZE, :SIZE] + 0.5) / SIZE
    x, y = columns - drawn(number, 0), rows - drawn(number, 1)
    if shape not in ("circle", "square"):
        turn = 2 * np.pi * drawn(number, 4)
        x, y = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    radius = radius_of(number)
    height = radius * (0.25 + 0.75 * drawn(number, 5)) if shape == "rectangle" else radius
    if shape == "circle":
        outside = np.hypot(x, y) - radius
    elif shape == "triangle":
        edges = np.radians([30, 150, 270])  # the directions from the centre to the middles
        outside = np.max([x * np.cos(a) + y * np.sin(a) for a in edges], axis=0) - radius / 2
    else:
        outside = np.maximum(abs(x) - radius, abs(y) - height)
    return np.clip(0.5 - outside * SIZE, 0, 1)


@pytest.mark.parametrize("shape", LEAF_SHAPES)
def test_leaves_are_shapes_of_one_colour_in_front_of_later_ones(shape):
    n_leaves, canvas = painted(shape)
    wanted = np.zeros((3, SIZE, SIZE))
    for number in reversed(range(n_leaves)):
        cover = coverage(shape, number)
        color = COLORS[chosen(number, 6, len(COLORS))][:, np.newaxis, np.newaxis]
        wanted += (color - wanted) * cover
    np.testing.assert_allclose(canvas[1:], wanted, atol=0.01)


@pytest.mark.parametrize("shape", LEAF_SHAPES)
def test_painting_stops_once_every_pixel_is_covered(shape):
    n_leaves, canvas = painted(shape)
    assert n_leaves < 30_000
    assert canvas[0].max() < 1 / 512
    assert painted(shape, max_leaves=n_leaves // 2)[1][0].max() >= 1 / 512


@pytest.mark.parametrize("shape", LEAF_SHAPES)
@pytest.mark.parametrize("fills", [FLAT, (0.0, 1.0), (0.2, 0.3)])
def test_rows_are_those_of_the_whole_image(shape, fills):
    _, whole = painted(shape, fills)
    for rows in (slice(0, 5), slice(5, 31), slice(31, SIZE)):
        np.testing.assert_array_equal(painted(shape, fills, rows=rows)[1], whole[:, rows])


def test_a_shaded_leaf_runs_from_one_colour_towards_another():
    _, canvas = painted("square", (0.0, 1.0), max_leaves=1)
    cover = coverage("square", 0)
    inside = canvas[1:, cover == 1]
    first, second = (COLORS[chosen(0, what, len(COLORS))] for what in (6, 7))
    share = np.linalg.lstsq((second - first)[:, np.newaxis], inside - first[:, np.newaxis])[0]
    np.testing.assert_allclose(
        inside, first[:, np.newaxis] + (second - first)[:, np.newaxis] * share, atol=1e-5
    )
    assert share.min() >= -1e-5
    assert share.max() <= 1 + 1e-5
    assert np.ptp(share) > 0.1


def test_large_leaves_are_rarer_than_small_ones():
    radii = np.array([radius_of(number) for number in range(4000)])
    assert RADII[0] * 0.999 <= radii.min()
    assert radii.max() <= RADII[1] * 1.001
    # With a density of r ** -3, the share of radii above r is close to (low / r) ** 2.
    for r in (0.06, 0.12):
        wanted = (r**-2 - RADII[1] ** -2) / (RADII[0] ** -2 - RADII[1] ** -2)
        assert abs((radii > r).mean() - wanted) < 0.03
