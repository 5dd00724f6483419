"""The filters under the common corruptions, against SciPy, OpenCV and hand-worked numbers."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from fractalgen.kernels.corruption_blurs import disk_taps, motion_taps, zoom_axis
from fractalgen.kernels.corruption_digital import elastic_transform
from fractalgen.kernels.corruption_noise import fill_normal, poisson_table
from fractalgen.kernels.corruption_spatter import chamfer_distances, find_edges
from fractalgen.kernels.corruption_weather import plasma
from fractalgen.kernels.frost_textures import TONES, draw_textures
from fractalgen.kernels.image_filters import (
    MIRROR,
    NEAREST,
    REFLECT,
    blur,
    filter_taps,
    gaussian_weights,
)
from fractalgen.seeding import bits_at

SCIPYS = {NEAREST: "nearest", MIRROR: "mirror", REFLECT: "reflect"}
OPENCVS = {NEAREST: cv2.BORDER_REPLICATE, MIRROR: cv2.BORDER_REFLECT_101}


@pytest.fixture
def image():
    return np.random.default_rng(0).uniform(0, 255, (9, 9 * 3)).astype(np.float32)


@pytest.mark.parametrize("border", [NEAREST, MIRROR, REFLECT])
@pytest.mark.parametrize("sigma", [0.3, 2.0, 5.0])
def test_blurs_of_all_borders_are_scipys(image, border, sigma):
    """A radius of 20 is more than twice the image."""
    out = np.empty_like(image)
    radius = int(4 * sigma + 0.5)
    weights = gaussian_weights(np.float32(sigma), radius)
    assert weights.sum() == pytest.approx(1, abs=1e-6)
    assert weights[radius] / weights[radius + 1] == pytest.approx(np.exp(0.5 / sigma**2), rel=1e-5)
    blur(image, 3, weights, border, out)
    expected = ndimage.gaussian_filter(
        image.reshape(9, 9, 3), (sigma, sigma, 0), mode=SCIPYS[border], truncate=4
    )
    np.testing.assert_allclose(out.reshape(9, 9, 3), expected, rtol=1e-4)


def test_a_filter_of_width_0_changes_nothing(image):
    out = np.empty_like(image)
    blur(image, 3, gaussian_weights(np.float32(0), 0), NEAREST, out)
    np.testing.assert_array_equal(out, image)


@pytest.mark.parametrize("border", [NEAREST, MIRROR])
@pytest.mark.parametrize(("radius", "alias"), [(1.5, 0.1), (3, 0.5), (10, 0.5)])
def test_disks_filter_like_opencv(border, radius, alias):
    image = np.random.default_rng(1).uniform(0, 255, (30, 30 * 3)).astype(np.float32)
    rows, columns, weights = disk_taps(np.float32(radius), np.float32(alias))
    n = int(max(8, np.ceil(radius)))
    y, x = np.mgrid[-n : n + 1, -n : n + 1]
    disk = (x**2 + y**2 <= radius**2).astype(np.float32)
    side = 3 if radius <= 8 else 5
    kernel = cv2.GaussianBlur(disk / disk.sum(), (side, side), sigmaX=alias)
    padded = np.empty((30, 3 * (30 + 2 * np.abs(columns).max())), np.float32)
    out = np.empty_like(image)
    filter_taps(image, 3, rows, columns, weights, border, padded, out)
    expected = cv2.filter2D(
        image.reshape(30, 30, 3).astype(float), -1, kernel, borderType=OPENCVS[border]
    )
    np.testing.assert_allclose(out.reshape(30, 30, 3), expected, atol=0.01)


@pytest.mark.parametrize(
    ("degrees", "rows", "columns"),
    [
        (0, [0, 0, 0, 0, 0], [0, 1, 2, 3, 4]),
        (-90, [0, -1, -2, -3, -4], [0, 0, 0, 0, 0]),
        # 0.5, 1.0, 1.5 and 2.0 down; halves are rounded down. 0.87, 1.73, 2.6 and 3.46 across.
        (30, [0, 0, 1, 1, 2], [0, 1, 2, 3, 3]),
    ],
)
def test_motion_goes_along_the_angle(degrees, rows, columns):
    found = np.empty(5, np.int64), np.empty(5, np.int64)
    weights = np.empty(5, np.float32)
    motion_taps(2, np.float32(2), degrees / 360 - 1e-9, *found, weights)
    np.testing.assert_array_equal(found[0], rows)
    np.testing.assert_array_equal(found[1], columns)
    expected = np.exp(-0.5 * (np.arange(5) / 2) ** 2)
    np.testing.assert_allclose(weights, expected / expected.sum(), rtol=1e-5)


def test_zooms_span_the_row_like_scipy():
    values = np.array([3.0, 7.0, 4.0, 9.0])
    index, share = np.empty(6, np.int64), np.empty(6, np.float32)
    zoom_axis(4, 6, index, share)
    ours = values[index] + share * (values[index + 1] - values[index])
    np.testing.assert_allclose(ours, ndimage.zoom(values, 1.5, order=1), rtol=1e-6)


def test_normal_numbers_have_the_moments_of_a_normal_distribution():
    values = np.empty(200_001, np.float32)
    fill_normal(np.uint64(7), values)
    assert values.mean() == pytest.approx(0, abs=0.01)
    assert values.std() == pytest.approx(1, abs=0.01)
    assert np.mean(values**4) == pytest.approx(3, abs=0.1)
    assert np.mean(np.abs(values) > 1.96) == pytest.approx(0.05, abs=0.003)
    half = 100_001
    assert np.corrcoef(values[: half - 1], values[half:])[0, 1] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("photons", [3.0, 500.0])
def test_the_poisson_table_is_the_distribution(photons):
    from scipy.stats import poisson

    least, at_most, guide = poisson_table(photons)
    for level in (0, 1, 100, 255):
        counts = least[level] + np.arange(at_most.shape[1])
        expected = poisson.cdf(counts, photons * level / 255)
        np.testing.assert_allclose(at_most[level] / 2.0**32, expected, atol=1e-9)
        for top in (0, 77, 255):
            first = np.argmax(at_most[level] >= np.uint32(top << 24))
            assert guide[level, top] == first


def test_edges_are_cannys_and_distances_borgefors():
    rng = np.random.default_rng(3)
    for sigma in (1.0, 2.5):
        noise = ndimage.gaussian_filter(rng.normal(size=(64, 64)), sigma)
        grey = np.where(noise > 0.1 / sigma, noise / noise.max() * 255, 0).astype(np.uint8)
        edges = np.empty((64, 64), np.int64)
        find_edges(grey.astype(np.int64), edges)
        expected = cv2.Canny(grey, 50, 150)
        assert 50 < edges.sum() < 2000
        np.testing.assert_array_equal(edges * 255, expected)
        distances = np.empty((64, 64), np.float32)
        chamfer_distances(edges, distances)
        far = np.minimum(cv2.distanceTransform(255 - expected, cv2.DIST_L2, 5), 20)
        np.testing.assert_allclose(distances, far, atol=1e-3)


def test_three_points_move_the_image_like_opencvs_affine_map():
    size, reach = 32, 2.5
    image = np.random.default_rng(4).integers(0, 256, (1, size, size, 3), np.uint8)
    image = cv2.GaussianBlur(image[0], (0, 0), 2)[np.newaxis]
    seed = 99
    u = [(bits_at(seed, n) >> 40) * 2.0**-24 for n in range(6)]
    moves = reach * (2 * np.array(u).reshape(3, 2) - 1)
    middle, q = size // 2, size // 3
    points = np.array([[middle + q] * 2, [middle + q, middle - q], [middle - q] * 2], np.float32)
    matrix = cv2.getAffineTransform(points, (points + moves).astype(np.float32))
    expected = cv2.warpAffine(
        image[0], matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    out = np.empty_like(image)
    numbers = (np.float32(0), np.float32(0), np.float32(reach))
    elastic_transform(image, np.array([seed], np.uint64), *numbers, out)
    assert np.abs(out[0].astype(int) - expected).max() <= 3
    assert np.abs(out[0].astype(int) - expected).mean() < 0.8


def test_plasma_is_a_torus_from_0_to_1_that_decay_smooths():
    rough, smooth = np.empty((64, 64), np.float32), np.empty((64, 64), np.float32)
    plasma(np.uint64(5), np.float32(1.4), rough)
    plasma(np.uint64(5), np.float32(3), smooth)
    steps = []
    for field in (rough, smooth):
        assert (field.min(), field.max()) == (0, 1)
        inside = np.abs(np.diff(field, axis=0)).mean()
        assert np.abs(field[0] - field[-1]).mean() < 1.5 * inside
        steps.append(inside)
    assert steps[0] > 2 * steps[1]


def test_frost_has_its_tones():
    textures = draw_textures()
    assert textures.shape == (6, 512, 512, 3)
    for texture, tones in zip(textures, TONES.reshape(6, 11, 3), strict=True):
        lightness = texture.astype(float).sum(axis=2)
        for rank, place in ((5, 2), (50, 5), (95, 8)):
            expected = tones[place].sum()
            assert np.percentile(lightness, rank) == pytest.approx(expected, abs=6)
        # It repeats without a seam.
        seam = np.abs(lightness[0] - lightness[-1]).mean()
        assert seam < 1.5 * np.abs(np.diff(lightness, axis=0)).mean()
