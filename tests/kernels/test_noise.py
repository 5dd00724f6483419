import numpy as np
import pytest

from fractalgen.kernels.noise import noise_row, normal_lattice, pixel_centers

WORD = 2**64 - 1


def reference_node(seed, field, i, j):
    """SplitMix64 in Python's own integers; the four quarters of a word make one value."""
    x = (seed + ((field * 1024 + i) * 1024 + j + 1) * 0x9E3779B97F4A7C15) & WORD
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & WORD
    x ^= x >> 31
    quarters = [(x >> shift) & 0xFFFF for shift in (0, 16, 32, 48)]
    return (sum(quarters) - 131070) * np.sqrt(3) / 65536 * 315 / 151


def reference_spline(values, t):
    """Evaluate a uniform cubic B-spline from the definition of its basis function."""
    total = 0.0
    for i, value in enumerate(values):
        d = abs(t - (i - 1))
        if d < 1:
            total += value * (2 / 3 - d * d + d**3 / 2)
        elif d < 2:
            total += value * (2 - d) ** 3 / 6
    return total


def lattice_of(seed, field, cells):
    lattice = np.zeros((cells + 3, cells + 3), np.float32)
    normal_lattice(np.uint64(seed), field, cells, lattice)
    return lattice


def field_of(lattice, cells, size):
    centers, held = pixel_centers(size), -4
    spread, field = np.empty((4, size), np.float32), np.empty((size, size), np.float32)
    for y in range(size):
        held = noise_row(lattice, cells, centers[y], centers, spread, held, field[y])
    return field


def test_lattice_nodes_follow_the_published_generator():
    lattice = lattice_of(2**62 + 17, 5, 4)
    expected = [[reference_node(2**62 + 17, 5, i, j) for j in range(7)] for i in range(7)]
    np.testing.assert_allclose(lattice, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("cells", "size"), [(1, 16), (3, 20), (5, 64), (24, 16)])
def test_noise_is_the_cubic_spline_of_its_lattice(cells, size):
    lattice = lattice_of(3, 0, cells)
    field = field_of(lattice, cells, size)
    places = (np.arange(size) + 0.5) / size * cells
    rows = np.array([[reference_spline(row, t) for t in places] for row in lattice.astype(float)])
    expected = np.array([[reference_spline(column, t) for column in rows.T] for t in places])
    np.testing.assert_allclose(field, expected, atol=1e-5)


def test_noise_has_mean_zero_and_unit_variance():
    fields = [field_of(lattice_of(7919 * seed, 1, 16), 16, 48) for seed in range(300)]
    values = np.stack(fields).astype(float)
    # The mean of 300 fields of 16 x 16 nodes has a deviation of 0.0075.
    assert abs(values.mean()) < 0.02
    assert values.var() == pytest.approx(1.0, abs=0.02)


def test_fields_and_seeds_differ():
    first = lattice_of(7, 0, 12).ravel()
    for other in (lattice_of(7, 1, 12), lattice_of(8, 0, 12)):
        assert abs(np.corrcoef(first, other.ravel())[0, 1]) < 0.25


def test_a_finer_image_shows_the_same_noise():
    lattice = lattice_of(11, 2, 6)
    coarse, fine = field_of(lattice, 6, 32), field_of(lattice, 6, 96)
    # With three times the pixels, every third centre is one of the coarse centres.
    np.testing.assert_allclose(fine[1::3, 1::3], coarse, atol=2e-5)
