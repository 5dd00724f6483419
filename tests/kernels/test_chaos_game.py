import numpy as np
import pytest

from fractalgen.kernels.affine_systems import COUNT_SHIFT, N_CHAINS, scatter, trace

N_SILENT = 24
HALVES = np.array(
    [
        (0.5, 0.0, 0.0, 0.0, 0.5, 0.0),
        (0.5, 0.0, 0.5, 0.0, 0.5, 0.0),
        (0.5, 0.0, 0.0, 0.0, 0.5, 0.5),
    ]
)


def draw(maps, weights, tones, n_points, size, stream=1):
    histogram = np.zeros(size * size + N_CHAINS, dtype=np.uint64)
    tones = np.array(tones, dtype=np.int32)
    weights = np.array(weights)
    scatter(maps.astype(float), weights, tones, n_points, np.uint64(stream), size, histogram)
    counts = (histogram >> np.uint64(COUNT_SHIFT)).astype(np.int64)
    sums = (histogram & np.uint64((1 << COUNT_SHIFT) - 1)).astype(np.int64)
    return counts, sums


def splitmix(seed, n):
    mask = (1 << 64) - 1
    x = (seed + (n + 1) * 0x9E3779B97F4A7C15) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return x ^ (x >> 31)


def numpy_chaos_game(maps, weights, tones, n_points, size, stream):
    """Play the same game with NumPy, eight chains a step, float64."""
    table = np.repeat(maps * np.array((1, 1, size, 1, 1, size)), weights, axis=0)
    tones = np.repeat(tones, weights)
    (a, b, c), (d, e, f) = maps[0].reshape(2, 3)
    start = np.linalg.solve(np.array([(1 - a, -b), (-d, 1 - e)]), (c * size, f * size))
    x, y, tone = np.full(8, start[0]), np.full(8, start[1]), np.zeros(8, dtype=np.int64)
    counts, sums = np.zeros((2, size, size), dtype=np.int64)
    for step in range(N_SILENT + n_points // 8):
        choice = list(splitmix(stream, step).to_bytes(8, "little"))
        m = table[choice]
        x, y = m[:, 0] * x + m[:, 1] * y + m[:, 2], m[:, 3] * x + m[:, 4] * y + m[:, 5]
        tone = (tone + tones[choice]) // 2
        column, row = np.floor(x).astype(int), np.floor(y).astype(int)
        inside = (column >= 0) & (row >= 0) & (column < size) & (row < size)
        if step >= N_SILENT:
            np.add.at(counts, (row[inside], column[inside]), 1)
            np.add.at(sums, (row[inside], column[inside]), tone[inside] // 256)
    return counts.ravel(), sums.ravel()


@pytest.mark.parametrize("stream", [1, 2**63 - 1])
def test_histogram_is_that_of_a_plain_numpy_chaos_game(stream):
    # A fern that reaches beyond three edges of the image.
    maps = np.array(
        [
            (0.85, 0.14, -0.1, -0.14, 0.85, 0.12),
            (0.2, -0.36, 0.3, 0.33, 0.22, 0.4),
            (-0.15, 0.38, 0.4, 0.36, 0.24, 0.3),
            (0.0, 0.0, 0.4, 0.0, 0.16, 0.7),
        ]
    )
    weights, tones, size, n_points = (180, 40, 30, 6), (0, 20000, 65535, 40000), 48, 8000
    counts, sums = draw(maps, weights, tones, n_points, size, stream)
    expected = numpy_chaos_game(maps, weights, tones, n_points, size, stream)
    assert 0.2 * n_points < expected[0].sum() < 0.99 * n_points
    np.testing.assert_array_equal(counts[:-N_CHAINS], expected[0])
    np.testing.assert_array_equal(sums[:-N_CHAINS], expected[1])


def test_every_point_is_counted_inside_or_outside():
    counts, _ = draw(HALVES * 1.2, (86, 85, 85), (0, 0, 0), 10_000, 32)
    assert counts.sum() == 10_000
    assert 0 < counts[-N_CHAINS:].sum() < 10_000


def test_sierpinski_triangle_has_its_hole_and_its_thirds():
    size = 64
    counts = draw(HALVES, (86, 85, 85), (0, 0, 0), 90_000, size)[0][:-N_CHAINS]
    counts = counts.reshape(size, size)
    half = size // 2
    assert counts[half:, half:].sum() == 0
    # The middle hole: both coordinates' binary digits are never 1 at the same place.
    rows, columns = np.nonzero(counts)
    assert not np.any(rows & columns)
    assert len(rows) == 3**6
    for part in (counts[:half, :half], counts[:half, half:], counts[half:, :half]):
        assert part.sum() == pytest.approx(30_000, rel=0.03)


def test_mass_follows_the_weights_and_is_uniform_where_the_images_tile_the_square():
    maps = np.array([(0.75, 0, 0, 0, 1, 0), (0.25, 0, 0.75, 0, 1, 0)]) * (1, 1, 1, 1, 0.5, 1)
    maps = np.concatenate([maps, maps + np.array((0, 0, 0, 0, 0, 0.5))])
    weights = (96, 32, 96, 32)
    counts, _ = draw(maps, weights, (0, 0, 0, 0), 400_000, 32)
    image = counts[:-N_CHAINS].reshape(32, 32)
    assert image[:, :24].sum() / image.sum() == pytest.approx(0.75, abs=0.005)
    mean = 400_000 / 32**2
    assert np.abs(image - mean).max() < 6 * mean**0.5


def test_tone_leans_to_the_last_map():
    counts, sums = draw(HALVES, (86, 85, 85), (0, 32768, 65535), 60_000, 2)
    means = sums[:3] / counts[:3]
    # Half of the last map's tone, and a quarter, an eighth ... of the earlier ones' mean.
    np.testing.assert_allclose(means, [64, 128, 192], atol=3)


def test_an_orbit_beyond_all_integers_stays_outside():
    maps = np.array([(3.0, 0, 1, 0, 3.0, 1), (-3.0, 0, 1, 0, -3.0, 1)])
    counts, _ = draw(maps, (128, 128), (0, 0), 8000, 16)
    assert counts[:-N_CHAINS].sum() == 0


def test_a_trace_visits_what_is_scattered():
    points = np.empty((2, 60_000))
    trace(HALVES, np.array((86, 85, 85)), np.uint64(5), points)
    column, row = (points * 16).astype(int)
    traced = np.bincount(row * 16 + column, minlength=256)
    counts, _ = draw(HALVES, (86, 85, 85), (0, 0, 0), 60_000, 16, stream=6)
    np.testing.assert_array_equal(traced > 0, counts[:-N_CHAINS] > 0)
    assert np.abs(traced - counts[:-N_CHAINS]).max() < 250  # of about 740 in each


def test_a_trace_follows_the_maps():
    maps = np.array([(0.5, 0.1, 0.2, -0.1, 0.4, 0.1), (0.3, -0.2, 0.4, 0.2, 0.6, 0.3)])
    points = np.empty((2, 500))
    trace(maps, np.array((100, 156)), np.uint64(9), points)
    before, after = points[:, :-1], points[:, 1:]
    images = [m.reshape(2, 3)[:, :2] @ before + m.reshape(2, 3)[:, 2:] for m in maps]
    chosen = np.array([splitmix(9, N_SILENT + 1 + n) % 256 >= 100 for n in range(499)])
    np.testing.assert_allclose(np.where(chosen, images[1], images[0]), after, atol=1e-12)
