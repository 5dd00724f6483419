import numpy as np
import pytest

from fractalgen.kernels.curves import draw_curves, orbit_points, polygon_points

SIZE = 40
WHITE = np.ones((1, 3), np.float32)


def drawn(points, width, inks=WHITE, rows=slice(0, SIZE)):
    canvas = np.zeros((3, rows.stop - rows.start, SIZE), np.float32)
    draw_curves(np.array(points, np.float32), np.float32(width), inks, SIZE, rows.start, canvas)
    return canvas


def coverage(start, end, width):
    """Return what a line covers of each pixel, from the distance to thousands of its points."""
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    t = np.linspace(0, 1, 4001)[:, np.newaxis, np.newaxis]
    x = (start[0] + t * (end[0] - start[0])) * SIZE
    y = (start[1] + t * (end[1] - start[1])) * SIZE
    distance = np.hypot(columns - x, rows - y).min(axis=0)
    return np.clip(max(width * SIZE, 1) / 2 + 0.5 - distance, 0, 1)


@pytest.mark.parametrize("width", [0.005, 0.04, 0.15])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ((0.2, 0.3), (0.8, 0.6)),
        ((0.7, 0.9), (0.6, 0.1)),
        ((0.1, 0.5), (0.9, 0.5)),
        ((0.5, 0.1), (0.5, 0.9)),
        ((-0.3, -0.2), (1.4, 1.1)),
        ((0.4, 0.4), (0.4, 0.4)),
        ((1.3, 0.2), (1.6, 0.8)),
    ],
)
def test_a_line_covers_what_is_within_half_its_width(start, end, width):
    wanted = coverage(start, end, width) * min(width * SIZE, 1)
    np.testing.assert_allclose(drawn([[start, end]], width)[0], wanted, atol=2e-3)


def test_later_curves_lie_on_earlier_ones():
    points = [[(0.1, 0.5), (0.9, 0.5)], [(0.5, 0.1), (0.5, 0.9)]]
    inks = np.array([(1.0, 0.0, 0.0), (0.0, 0.0, 1.0)], np.float32)
    canvas = drawn(points, 0.2, inks)
    assert canvas[:, 20, 20].tolist() == [0, 0, 1]
    assert canvas[:, 20, 8].tolist() == [1, 0, 0]


def test_rows_are_those_of_the_whole_image():
    points = np.random.default_rng(1).uniform(-0.2, 1.2, (3, 9, 2))
    inks = np.random.default_rng(2).random((3, 3)).astype(np.float32)
    whole = drawn(points, 0.04, inks)
    for rows in (slice(0, 1), slice(1, 17), slice(17, SIZE)):
        np.testing.assert_array_equal(drawn(points, 0.04, inks, rows), whole[:, rows])


def polygons(shared, own, turns=(0.0, 0.0, 0.1), n=2000):
    points = np.empty((3, n, 2), np.float32)
    radii = np.array([0.3, 0.2, 0.1], np.float32)
    polygon_points(
        np.uint64(7),
        radii,
        np.array(turns, np.float32),
        np.float32(shared),
        np.float32(own),
        points,
    )
    return points[..., 0] + 1j * points[..., 1]


def test_polygons_without_noise_are_regular():
    wanted = np.exp(2j * np.pi * np.arange(5) / 5)
    corners = polygons(0.0, 0.0, n=5)
    np.testing.assert_allclose(corners[0], 0.3 * wanted, atol=1e-6)
    np.testing.assert_allclose(corners[2], 0.1 * wanted * np.exp(0.2j * np.pi), atol=1e-6)


def test_corners_move_by_noise_that_polygons_share_and_by_their_own():
    radii = np.array([[0.3], [0.2], [0.1]])
    shared = np.abs(polygons(0.1, 0.0)) / radii
    own = np.abs(polygons(0.0, 0.1)) / radii
    for moved in (shared, own):
        np.testing.assert_allclose(moved.mean(axis=1), 1, atol=0.01)
        np.testing.assert_allclose(moved.std(axis=1), 0.1, atol=0.01)
    assert np.corrcoef(shared).min() > 0.999
    assert np.abs(np.corrcoef(own)[0, 1:]).max() < 0.1


def test_orbits_are_circles_with_waves():
    radii = np.array([0.4, 0.2], np.float32)
    waves = np.array([(3.0, 0.05), (8.0, 0.02)], np.float32)
    phases = np.array([(0.0, 0.25), (0.5, 0.1)], np.float32)
    points = np.empty((2, 240, 2), np.float32)
    orbit_points(radii, np.float32(0.2), waves, phases, points)
    turn = np.arange(240) / 240
    for line in range(2):
        radius = radii[line] + sum(
            amplitude * np.sin(2 * np.pi * (n * turn + phases[line, k]))
            for k, (n, amplitude) in enumerate(waves)
        )
        wanted = radius * np.exp(2j * np.pi * (turn + 0.2))
        np.testing.assert_allclose(points[line, :, 0] + 1j * points[line, :, 1], wanted, atol=2e-6)
