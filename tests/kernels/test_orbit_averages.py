"""Averages along orbits against one orbit after another in Python's complex numbers."""

import cmath
import math

import numpy as np
import pytest

from fractalgen.kernels import lanes
from fractalgen.kernels.orbit_averages import CURVATURE, TRIANGLE
from fractalgen.kernels.orbit_fields import AVERAGE, measure_orbits
from fractalgen.kernels.orbits import BAILOUT, follow_orbits
from tests.kernels.test_orbits import POINT, REACH, STEPS, TRAP, step

FIRST = 3


def term(average, formula, z, c):
    """Return what the last iterate of an orbit z adds."""
    if average == CURVATURE:
        return abs(cmath.phase((z[-1] - z[-2]) * (z[-2] - z[-3]).conjugate())) / math.pi
    if average == TRIANGLE:
        raised = abs(step(formula, z[-2], 0))
        least, most = abs(raised - abs(c)), raised + abs(c)
        return (abs(z[-1]) - least) / (most - least)
    return 0.5 + 0.5 * math.sin(average * cmath.phase(z[-1]))


def expected(average, formula, sample, constant, max_iter):
    """Return (average of all terms, of all but the last, between them), or Nones inside."""
    z, c = ([0j], sample) if constant is None else ([sample], constant)
    terms = []
    while abs(z[-1]) <= BAILOUT:
        if len(z) > max_iter:
            return None, None, None
        z.append(step(formula, z[-1], c))
        if len(z) > FIRST:
            terms.append(term(average, formula, z, c))
    last = np.mean(terms) if terms else 0.5
    before = np.mean(terms[:-1]) if len(terms) > 1 else 0.5
    power = STEPS[formula][0]
    fraction = 1 - math.log(math.log(abs(z[-1])) / math.log(BAILOUT)) / math.log(power)
    return last, before, before + fraction * (last - before)


def follow(formula, average, constant, view, side, max_iter=60):
    records = np.empty((lanes.N_RECORDS_WITH_AVERAGES, side, side), np.float32)
    steps, traps = STEPS[formula], np.array([TRAP], view.dtype)
    julia = constant is not None
    follow_orbits(view, *steps, julia, max_iter, POINT, traps, REACH, average, 0, 1, records)
    return records


@pytest.mark.parametrize("constant", [None, -0.5 + 0.6j])
@pytest.mark.parametrize("formula", ["power-2", "power-5", "burning-ship"])
@pytest.mark.parametrize("average", [TRIANGLE, CURVATURE, 1, 2, 5, 6, 7])
def test_averages_are_those_of_complex_numbers(formula, average, constant):
    side = 20
    c = constant or 0j
    view = np.array([-1.6, -1.2, 2.6 / side, 0, 0, 2.5 / side, c.real, c.imag])
    records = follow(formula, average, constant, view, side)
    found = [records[lanes.AVERAGE].copy(), records[lanes.AVERAGE_BEFORE].copy()]
    measure_orbits(records, STEPS[formula][0])
    found.append(records[AVERAGE])
    n_escaped = n_close = 0
    for row in range(side):
        for column in range(side):
            sample = complex(view[0] + column * view[2], view[1] + row * view[5])
            values = expected(average, formula, sample, constant, 60)
            if values[0] is None:
                assert records[AVERAGE, row, column] == -1
                continue
            n_escaped += 1
            seen = [field[row, column] for field in found]
            n_close += np.allclose(seen, values, atol=1e-4)
    assert n_escaped > 80
    # Python's complex numbers round a little differently, and orbits near the boundary feel it.
    assert n_close > 0.99 * n_escaped


def test_an_average_is_continuous_where_the_count_jumps():
    """Just escaped after n iterations, or just not: the last average, and the last but one."""
    just = np.zeros((8, 1, 1), np.float32)
    later = np.zeros((8, 1, 1), np.float32)
    just[:, 0, 0] = [10, (BAILOUT * (1 + 1e-6)) ** 2, 1, 0, 1, 0, 0.7, 0.2]
    later[:, 0, 0] = [11, (BAILOUT * (1 - 1e-6)) ** 4, 1, 0, 1, 0, 0.1, 0.7]
    measure_orbits(just, 2)
    measure_orbits(later, 2)
    np.testing.assert_allclose([just[AVERAGE], later[AVERAGE]], 0.7, atol=1e-4)


def test_an_average_changes_no_other_record():
    side = 24
    view = np.array([-2, -1.5, 3 / side, 0, 0, 3 / side, 0, 0], np.float32)
    without = np.empty((lanes.N_RECORDS, side, side), np.float32)
    traps = np.array([TRAP], np.float32)
    follow_orbits(view, *STEPS["power-2"], False, 60, POINT, traps, REACH, 0, 0, 1, without)
    for average in (TRIANGLE, CURVATURE, 3):
        records = follow("power-2", average, None, view, side)
        np.testing.assert_array_equal(records[: lanes.N_RECORDS], without)
