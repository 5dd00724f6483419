"""The lanes' kernel against one orbit after another in Python's complex numbers."""

import numpy as np
import pytest

from fractalgen.kernels import lanes
from fractalgen.kernels.formulas import FORMULAS
from fractalgen.kernels.lanes import N_RECORDS
from fractalgen.kernels.orbits import BAILOUT, follow_orbits
from fractalgen.kernels.trap_shapes import SHAPES

POINT = np.array([SHAPES["point"].code])
SQUARE = FORMULAS["power-2"].steps
TRAP = (0.2, -0.1, 1.0, 0.0, 1.0, 1.0)
REACH = 9.0


# Every formula of the table, and combinations that are not in it.
STEPS = {name: formula.steps for name, formula in FORMULAS.items()} | {
    "cubic ship": (3, True, False),
    "conjugate ship": (2, True, True),
    "conjugate quartic": (4, False, True),
    "conjugate quintic": (5, False, True),
}


def step(formula, z, c):
    power, absolute, conjugate = STEPS[formula]
    z = complex(abs(z.real), abs(z.imag)) if absolute else z
    z = z.conjugate() if conjugate else z
    w = z
    for _ in range(power - 1):
        w *= z
    return w + c


def orbit(formula, sample, constant, max_iter):
    """Return (escape count or -1, |z|^2 there, nearest squared distance, its iteration)."""
    z, c, n = (0j, sample, 0) if constant is None else (sample, constant, 0)
    nearest, hit = 1e30, 0
    while n < max_iter and abs(z) <= BAILOUT:
        z = step(formula, z, c)
        n += 1
        distance = abs(z - complex(TRAP[0], TRAP[1])) ** 2
        looked_at = n > 1 or constant is not None
        if looked_at and abs(z) ** 2 < REACH and distance < nearest:
            nearest, hit = distance, n
    escaped = abs(z) > BAILOUT
    return (n if escaped else -1), (abs(z) ** 2 if escaped else 0), nearest, hit


def follow(formula, constant, *, side, width=3.0, x=-0.3, y=0.1, max_iter=60, dtype=np.float64):
    spacing = width / side
    first = (x - spacing * (side - 1) / 2, y - spacing * (side - 1) / 2)
    c = constant or 0j
    view = np.array([*first, spacing, 0, 0, spacing, c.real, c.imag], dtype)
    records = np.empty((N_RECORDS, side, side), np.float32)
    traps = np.array([TRAP], dtype)
    follow_orbits(
        view, *STEPS[formula], constant is not None, max_iter, POINT, traps, REACH, 0, 0, 1, records
    )
    return view, records


@pytest.mark.parametrize("constant", [None, -0.5 + 0.6j])
@pytest.mark.parametrize("formula", STEPS)
def test_orbits_are_those_of_the_formula(formula, constant):
    side = 24
    view, records = follow(formula, constant, side=side)
    count, magnitude, distance, hit = (
        np.array(field).reshape(side, side)
        for field in zip(
            *(
                orbit(formula, complex(view[0] + j * view[2], view[1] + i * view[5]), constant, 60)
                for i in range(side)
                for j in range(side)
            ),
            strict=True,
        )
    )
    # Python's complex numbers round a little differently, and orbits near the boundary feel it.
    same = records[lanes.ESCAPE_COUNT] == count
    assert same.mean() > 0.99
    escaped = same & (count > 0)
    assert escaped.mean() > 0.1
    np.testing.assert_allclose(records[lanes.MAGNITUDE][escaped], magnitude[escaped], rtol=1e-2)
    assert np.isclose(records[lanes.TRAP_DISTANCE], distance, rtol=1e-4, atol=1e-9).mean() > 0.99
    assert (records[lanes.TRAP_COUNT] == hit).mean() > 0.99


def test_a_sample_does_not_depend_on_the_others():
    """The same samples alone and among others, where lanes are filled in another order."""
    view, all_records = follow("power-2", None, side=48, max_iter=300)
    part = np.empty((N_RECORDS, 16, 16), np.float32)
    corner = view.copy()
    corner[0] += 20 * view[2]
    corner[1] += 9 * view[5]
    # Sample 20 as first + 20 steps rounds as it does within the whole only in exact arithmetic:
    # take steps that are powers of two.
    view[:6] = [-2.0, -1.5, 0.0625, 0, 0, 0.0625]
    corner[:6] = [-2.0 + 20 * 0.0625, -1.5 + 9 * 0.0625, 0.0625, 0, 0, 0.0625]
    traps = np.array([TRAP])
    follow_orbits(view, *SQUARE, False, 300, POINT, traps, REACH, 0, 0, 1, all_records)
    follow_orbits(corner, *SQUARE, False, 300, POINT, traps, REACH, 0, 0, 1, part)
    np.testing.assert_array_equal(part, all_records[:, 9:25, 20:36])


@pytest.mark.parametrize("first_row", [0, 5])
@pytest.mark.parametrize("stride", [1, 3])
def test_a_part_of_the_grid_holds_the_whole_grids_samples(first_row, stride):
    view, whole = follow("power-2", None, side=41, max_iter=100)
    part = np.empty((N_RECORDS, 11, -(-41 // stride)), np.float32)
    traps = np.array([TRAP])
    follow_orbits(view, *SQUARE, False, 100, POINT, traps, REACH, 0, first_row, stride, part)
    expected = whole[:, first_row::stride, ::stride]
    np.testing.assert_array_equal(part[:, : expected.shape[1]], expected[:, :11])


def test_the_cycle_test_changes_no_result():
    """Interiors end early; what is recorded is what all the iterations would give."""
    rows = {}
    for max_iter in (5_000, 80_000):
        _, records = follow("power-2", None, side=24, width=0.6, x=-0.2, y=0, max_iter=max_iter)
        rows[max_iter] = records
    inside = rows[80_000][lanes.ESCAPE_COUNT] < 0
    assert inside.mean() > 0.9
    for field in (lanes.TRAP_DISTANCE, lanes.TRAP_COUNT, lanes.TRAP_U, lanes.TRAP_V):
        np.testing.assert_array_equal(rows[5_000][field][inside], rows[80_000][field][inside])


@pytest.mark.parametrize("max_iter", [1, 7, 8, 9, 20])
def test_iterations_end_where_they_are_told_to(max_iter):
    """z^2 + c at c = 0.26 escapes slowly: its count is known from Python."""
    expected = orbit("power-2", 0.26 + 0j, None, 1000)[0]
    view = np.array([0.26, 0, 0, 0, 0, 0, 0, 0.0])
    records = np.empty((N_RECORDS, 1, 1), np.float32)
    for limit, count in ((max_iter, -1), (expected, expected), (expected - 1, -1)):
        follow_orbits(view, *SQUARE, False, limit, POINT, np.array([TRAP]), REACH, 0, 0, 1, records)
        assert records[lanes.ESCAPE_COUNT, 0, 0] == count


def test_of_a_pair_the_nearer_trap_counts():
    side = 16
    shapes = np.array([SHAPES["point"].code, SHAPES["ring"].code])
    traps = np.array([TRAP, (0.0, 0.0, 1.0, 0.0, 0.7, 9.0)])
    view = np.array([-2, -1.5, 3 / side, 0, 0, 3 / side, 0, 0])
    both, one, other = (np.empty((N_RECORDS, side, side), np.float32) for _ in range(3))
    follow_orbits(view, *SQUARE, False, 60, shapes, traps, REACH, 0, 0, 1, both)
    follow_orbits(view, *SQUARE, False, 60, shapes[:1], traps[:1], REACH, 0, 0, 1, one)
    follow_orbits(view, *SQUARE, False, 60, shapes[1:], traps[1:], REACH, 0, 0, 1, other)
    d = lanes.TRAP_DISTANCE
    np.testing.assert_array_equal(both[d], np.minimum(one[d], other[d]))
    assert 0.05 < (one[d] < other[d]).mean() < 0.95


def test_float32_agrees_with_float64_where_samples_are_far_apart():
    _, single = follow("power-2", None, side=64, dtype=np.float32)
    _, double = follow("power-2", None, side=64)
    same = single[lanes.ESCAPE_COUNT] == double[lanes.ESCAPE_COUNT]
    assert same.mean() > 0.99
