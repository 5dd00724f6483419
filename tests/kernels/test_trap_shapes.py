"""Each shape against its outline, drawn point by point, and against its definition."""

import math

import numpy as np
import pytest

from fractalgen.kernels.jit import kernel
from fractalgen.kernels.lanes import (
    BEST,
    COUNT,
    DISTANCE,
    HIT_COUNT,
    HIT_TRAP,
    LANES,
    NO_HIT,
    ORBIT_IM,
    ORBIT_RE,
    STRIDE,
    TRAP_U,
    TRAP_V,
)
from fractalgen.kernels.trap_shapes import SHAPES, keep_nearest, locate_hits, measure_distances

N = int(LANES)
X, Y, ANGLE, RADIUS = 0.3, -0.2, 0.7, 0.8
T = np.linspace(0, 2 * np.pi, N, endpoint=False)
SIDES = np.linspace(-1, 1, N)

# Points of each shape's outline in its own frame (u, v).
OUTLINES = {
    "point": (np.zeros(N), np.zeros(N)),
    "line": (SIDES, np.zeros(N)),
    "cross": (np.where(T < 3, SIDES, 0), np.where(T < 3, 0, SIDES)),
    "ring": (RADIUS * np.cos(T), RADIUS * np.sin(T)),
    "square": (np.full(N, RADIUS), RADIUS * SIDES),
    "rhombus": (RADIUS / 2 * (1 - np.abs(SIDES)), RADIUS * SIDES),
    "astroid": (RADIUS * np.cos(T) ** 3, RADIUS * np.sin(T) ** 3),
    "spiral": (RADIUS * T / math.tau * np.cos(T), RADIUS * T / math.tau * np.sin(T)),
    "gaussian-integers": (RADIUS * (np.arange(N) % 5), -RADIUS * (np.arange(N) % 3)),
}


@kernel
def _update(state, shapes, traps, reach):
    for t in range(shapes.size):
        measure_distances(state, shapes[t], traps[t], reach)
        keep_nearest(state, traps.dtype.type(t))


@kernel
def _locate(state, shapes, traps):
    locate_hits(state, shapes, traps)


def runs(state, first, n=1):
    """Return the view of `n` runs of the state."""
    return state[int(first) : int(first) + n * N].reshape(n, N)


def state_at(x, y, *, dtype=np.float64, best=NO_HIT, count=5.0):
    """Return a state whose orbits stay at the same places through a stride."""
    state = np.zeros(64 * N, dtype)
    runs(state, ORBIT_RE, STRIDE)[:] = x
    runs(state, ORBIT_IM, STRIDE)[:] = y
    runs(state, BEST)[:] = best
    runs(state, COUNT)[:] = count
    return state


def look(shape, x, y, *, dtype=np.float64, scale=1.0, reach=1e6, best=NO_HIT, count=5.0):
    state = state_at(x, y, dtype=dtype, best=best, count=count)
    shapes = np.array([SHAPES[shape].code])
    trap = np.array([[X, Y, math.cos(ANGLE), math.sin(ANGLE), RADIUS, scale]], dtype)
    _update(state, shapes, trap, dtype(reach))
    hit = {"d": runs(state, BEST)[0].copy(), "n": runs(state, HIT_COUNT)[0].copy()}
    _locate(state, shapes, trap)
    located = runs(state, DISTANCE, 6)
    return {**hit, "u": located[TRAP_U], "v": located[TRAP_V]}


def to_plane(u, v):
    c, s = math.cos(ANGLE), math.sin(ANGLE)
    return X + u * c - v * s, Y + u * s + v * c


def test_every_shape_has_an_outline_here():
    assert set(OUTLINES) == set(SHAPES)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_distance_is_zero_on_the_outline(shape, dtype):
    hit = look(shape, *to_plane(*OUTLINES[shape]), dtype=dtype)
    np.testing.assert_allclose(np.sqrt(hit["d"]), 0, atol=1e-3 if shape == "astroid" else 2e-6)


@pytest.mark.parametrize("shape", [s for s in SHAPES if s not in ("spiral", "astroid", "square")])
def test_the_distance_is_the_euclidean_one_beside_the_outline(shape):
    """Against the nearest of many points of the shape, for places within 0.05 of it."""
    t = np.linspace(-4, 4, 200_001)
    turns = t * math.pi / 4
    lattice = np.array([(i, j) for i in range(-4, 9) for j in range(-9, 5)]) * RADIUS
    dense = {
        "point": (np.zeros(1), np.zeros(1)),
        "line": (t, 0 * t),
        "cross": (np.concatenate((t, 0 * t)), np.concatenate((0 * t, t))),
        "ring": (RADIUS * np.cos(turns), RADIUS * np.sin(turns)),
        "rhombus": (RADIUS / 2 * (1 - np.abs(t / 4)), RADIUS * t / 4),
        "gaussian-integers": (lattice[:, 0], lattice[:, 1]),
    }[shape]
    rng = np.random.default_rng(1)
    u, v = OUTLINES[shape]
    if shape == "rhombus":  # away from the corners, where the norm and the distance part
        v = v * 0.8 + 0.08 * np.sign(v)
        u = RADIUS / 2 * (1 - np.abs(v) / RADIUS)
    u = u + rng.uniform(-0.03, 0.03, N)
    v = v + rng.uniform(-0.03, 0.03, N)
    nearest = [np.hypot(dense[0] - a, dense[1] - b).min() for a, b in zip(u, v, strict=True)]
    hit = look(shape, *to_plane(u, v))
    np.testing.assert_allclose(np.sqrt(hit["d"]), nearest, atol=2e-4)


def test_the_squares_distance_is_in_the_maximum_norm():
    hit = look("square", *to_plane(np.full(N, 1.0), np.full(N, 0.9)))
    np.testing.assert_allclose(np.sqrt(hit["d"]), 0.2, atol=1e-9)


def test_the_spirals_arms_are_a_radius_apart():
    u = RADIUS * (np.arange(N) % 4 + 0.25)
    hit = look("spiral", *to_plane(u, np.zeros(N)))
    np.testing.assert_allclose(np.sqrt(hit["d"]), RADIUS / 4, atol=1e-6)


def test_the_astroids_distance_is_first_order_beside_its_sides():
    """At 45 degrees the curve lies at r/2 from the centre and its tangent is at a right angle."""
    gap = np.linspace(-0.02, 0.02, N)
    along = (RADIUS / 2 + gap) / math.sqrt(2)
    hit = look("astroid", *to_plane(along, along))
    np.testing.assert_allclose(np.sqrt(hit["d"]), np.abs(gap), rtol=0.2, atol=1e-4)


def test_a_hit_records_iteration_and_place_in_the_traps_frame():
    u, v = np.linspace(0.1, 0.6, N), np.linspace(-0.4, 0.3, N)
    hit = look("line", *to_plane(u, v), count=7.0)
    np.testing.assert_array_equal(hit["n"], 8)  # the first step after seven
    np.testing.assert_allclose(hit["u"], u, atol=1e-12)
    np.testing.assert_allclose(hit["v"], v, atol=1e-12)


def test_a_farther_iterate_changes_nothing():
    hit = look("point", np.full(N, 2.0), np.zeros(N), best=0.01)
    np.testing.assert_array_equal(hit["d"], 0.01)
    np.testing.assert_array_equal(hit["n"], 0)


def test_an_iterate_beyond_reach_is_not_looked_at():
    x = np.where(np.arange(N) % 2 == 0, 1.9, 2.1)
    hit = look("point", x, np.zeros(N), reach=4.0)
    np.testing.assert_array_equal(hit["n"], np.where(x < 2, 6, 0))


def test_the_nearest_step_of_a_stride_counts():
    state = state_at(2.0, 0.0, count=16.0)
    runs(state, ORBIT_RE, STRIDE)[3] = X + 0.25
    runs(state, ORBIT_IM, STRIDE)[3] = Y
    shapes = np.array([SHAPES["point"].code])
    _update(state, shapes, np.array([[X, Y, 1.0, 0.0, 1.0, 1.0]]), 1e6)
    np.testing.assert_allclose(runs(state, BEST)[0], 0.0625)
    np.testing.assert_array_equal(runs(state, HIT_COUNT)[0], 20)


def test_each_of_a_pair_locates_its_own_hits():
    """Half of the orbits stay near a point, the others near another trap, a lattice."""
    near_point = np.arange(N) % 2 == 0
    state = state_at(np.where(near_point, 0.01, 5.1), np.where(near_point, 0.02, 4.8))
    shapes = np.array([SHAPES["point"].code, SHAPES["gaussian-integers"].code])
    traps = np.array([[0, 0, 1, 0, 1, 1.0], [0.5, 0.5, 1, 0, 1, 1.0]])
    _update(state, shapes, traps, 1e6)
    np.testing.assert_array_equal(runs(state, HIT_TRAP)[0], np.where(near_point, 0, 1))
    _locate(state, shapes, traps)
    located = runs(state, DISTANCE, 6)
    np.testing.assert_allclose(located[TRAP_U], np.where(near_point, 0.01, -0.4))
    np.testing.assert_allclose(located[TRAP_V], np.where(near_point, 0.02, 0.3))


def test_the_scale_multiplies_the_squared_distance():
    x = np.linspace(-1, 1, N)
    plain = look("ring", x, np.zeros(N))["d"]
    np.testing.assert_allclose(look("ring", x, np.zeros(N), scale=4.0)["d"], 4 * plain)
