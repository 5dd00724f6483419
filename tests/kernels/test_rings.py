import numpy as np
import pytest

from fractalgen.kernels.rings import ring_rows

RINGS = np.array([(0.3, 0.6, 12.5, 0.25), (0.9, 0.1, 3.0, 0.8), (-0.5, 2.0, 40.0, 0.0)], np.float32)


def expected(rings, size):
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    turns = [
        frequency * np.hypot(x - at_x, y - at_y) + phase
        for at_x, at_y, frequency, phase in rings.astype(np.float64)
    ]
    return np.mean(np.sin(2 * np.pi * np.array(turns)), axis=0)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("size", [7, 64])
def test_rings_are_the_mean_of_sines_of_the_distance(n, size):
    values = np.empty((size, size), np.float32)
    ring_rows(RINGS[:n], size, 0, values)
    np.testing.assert_allclose(values, expected(RINGS[:n], size), atol=1e-4)


def test_rows_are_those_of_the_whole_image():
    whole = np.empty((40, 40), np.float32)
    ring_rows(RINGS, 40, 0, whole)
    rows = np.empty((9, 40), np.float32)
    ring_rows(RINGS, 40, 13, rows)
    np.testing.assert_array_equal(rows, whole[13:22])
