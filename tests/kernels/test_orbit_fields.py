import numpy as np

from fractalgen.kernels.orbit_fields import (
    ANGLE,
    DISTANCE,
    HIT,
    SMOOTH,
    field_ranges,
    histogram,
    measure_orbits,
)
from fractalgen.kernels.orbits import BAILOUT


def records(count, magnitude, distance=1.0, hit=0.0, u=1.0, v=0.0):
    return np.array([count, magnitude, distance, hit, u, v], np.float32).reshape(6, 1, 1)


def test_the_smooth_count_is_the_formula():
    orbit = records(12, 3e6)
    measure_orbits(orbit, 3)
    smooth = 12 + 1 - np.log(np.log(np.sqrt(3e6)) / np.log(BAILOUT)) / np.log(3)
    np.testing.assert_allclose(orbit[SMOOTH, 0, 0], np.log2(1 + smooth), rtol=1e-5)


def test_the_smooth_count_is_continuous_where_the_count_jumps():
    """Just escaped after n + 1 iterations, or just not after n: the same place."""
    just = records(10, (BAILOUT * (1 + 1e-6)) ** 2)
    later = records(11, (BAILOUT * (1 - 1e-6)) ** 4)
    measure_orbits(just, 2)
    measure_orbits(later, 2)
    np.testing.assert_allclose(just[SMOOTH], later[SMOOTH], atol=1e-4)


def test_a_sample_that_did_not_escape_is_marked():
    orbit = records(-1, 0)
    measure_orbits(orbit, 2)
    assert orbit[SMOOTH, 0, 0] == -1


def test_distance_hit_and_angle():
    orbit = records(5, 1e5, distance=0.25, hit=7, u=0.0, v=2.0)
    measure_orbits(orbit, 2)
    np.testing.assert_allclose(orbit[DISTANCE, 0, 0], -1, atol=1e-5)
    np.testing.assert_allclose(orbit[HIT, 0, 0], 3, atol=1e-5)
    assert orbit[ANGLE, 0, 0] == 0.75


def test_distances_are_clamped():
    for distance, expected in ((0.0, 1e-6), (1e30, 1e4)):
        orbit = records(5, 1e5, distance=distance)
        measure_orbits(orbit, 2)
        np.testing.assert_allclose(orbit[DISTANCE, 0, 0], np.log2(expected), rtol=1e-6)


def test_ranges_leave_out_what_did_not_escape():
    fields = np.zeros((4, 8, 8), np.float32)
    fields[SMOOTH] = np.arange(64).reshape(8, 8)
    fields[SMOOTH, :2] = -1
    fields[DISTANCE, 3, 3] = -5
    ranges = np.empty((4, 2), np.float32)
    field_ranges(fields, ranges)
    np.testing.assert_array_equal(ranges[SMOOTH], (16, 63))
    np.testing.assert_array_equal(ranges[DISTANCE], (-5, 0))


def test_a_field_without_values_has_an_empty_range():
    fields = np.full((4, 8, 8), -1, np.float32)
    ranges = np.empty((4, 2), np.float32)
    field_ranges(fields, ranges)
    np.testing.assert_array_equal(ranges[SMOOTH], (0, 0))


def test_the_histogram_is_numpys():
    plane = np.random.default_rng(0).normal(size=(40, 40)).astype(np.float32)
    counts = np.empty(16, np.int64)
    histogram(plane, np.float32(-2), np.float32(6), counts)
    np.testing.assert_array_equal(counts, np.histogram(plane, 16, (-2, 6))[0])
