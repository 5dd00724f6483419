"""Orbit traps: a table of shapes, an iterate's distance from each, and the nearest hit.

A new shape needs one line in `SHAPES` and one branch in `measure_distances`. Distances are
squared, so most shapes need no square root. The astroid and the spiral, which have no short
formula, use first-order distances.
"""

from typing import NamedTuple

import numpy as np

from fractalgen.kernels.elementary import atan2_turns, nearest_integer
from fractalgen.kernels.jit import inlined, inlined_early, kernel
from fractalgen.kernels.lanes import (
    BEST,
    COUNT,
    DISTANCE,
    HIT_COUNT,
    HIT_IM,
    HIT_RE,
    HIT_TRAP,
    LANES,
    NO_HIT,
    ORBIT_IM,
    ORBIT_RE,
    STRIDE,
    TRAP_U,
    TRAP_V,
)

__all__ = [
    "SHAPES",
    "TrapShape",
    "hide_from",
    "keep_nearest",
    "locate_hits",
    "measure_distances",
]

POINT, LINE, CROSS, RING, SQUARE, RHOMBUS, ASTROID, SPIRAL, GAUSSIAN_INTEGERS = range(9)


class TrapShape(NamedTuple):
    """What the kernels and the sampler know about a shape."""

    code: int  # its branch in `measure_distances`
    radius_range: tuple[float, float] = (1.0, 1.0)  # of its radius, half side or spacing
    turns: bool = True  # if a turn changes nothing, its cosine and sine must be 1 and 0


SHAPES = {
    "point": TrapShape(POINT, turns=False),
    "line": TrapShape(LINE),
    "cross": TrapShape(CROSS),
    "ring": TrapShape(RING, (0.15, 1.2), turns=False),
    "square": TrapShape(SQUARE, (0.15, 1.0)),
    "rhombus": TrapShape(RHOMBUS, (0.2, 1.2)),
    "astroid": TrapShape(ASTROID, (0.3, 1.5)),
    "spiral": TrapShape(SPIRAL, (0.25, 1.0)),
    "gaussian-integers": TrapShape(GAUSSIAN_INTEGERS, (0.3, 1.2)),
}

_N_ITERATES = np.uint64(STRIDE) * LANES


@inlined
def _across(x, y, center_x, center_y, cosine, sine):
    return (x - center_x) * cosine + (y - center_y) * sine


@inlined
def _along(x, y, center_x, center_y, cosine, sine):
    return (y - center_y) * cosine - (x - center_x) * sine


@inlined
def _from_lattice(u, radius):
    """Return the distance of a coordinate from the nearest multiple of the radius, in radii."""
    scaled = u / radius
    return scaled - type(scaled)(nearest_integer(np.float32(scaled)))


@kernel
def measure_distances(s, shape, trap, reach):
    """Write each iterate's squared distance from a trap, or `NO_HIT` if it is out of reach.

    `shape` is the code of a `TrapShape`. `trap` holds the centre's x and y, the cosine and sine of
    the turn, the radius (or half side, or spacing), and the factor of the squared distance. Only
    iterates with a squared magnitude below `reach` count.
    """
    real = trap.dtype.type
    none = real(NO_HIT)
    # Read before the loops: LLVM does not know that they never write to the trap.
    center_x = trap[0]
    center_y = trap[1]
    cosine = trap[2]
    sine = trap[3]
    radius = trap[4]
    scale = trap[5]
    if shape == POINT:
        for i in range(_N_ITERATES):
            x = s[ORBIT_RE + i]
            y = s[ORBIT_IM + i]
            u = x - center_x
            v = y - center_y
            distance = (u * u + v * v) * scale
            s[DISTANCE + i] = distance if x * x + y * y < reach else none
    elif shape == LINE:  # through the centre
        for i in range(_N_ITERATES):
            x = s[ORBIT_RE + i]
            y = s[ORBIT_IM + i]
            v = _along(x, y, center_x, center_y, cosine, sine)
            distance = v * v * scale
            s[DISTANCE + i] = distance if x * x + y * y < reach else none
    elif shape == CROSS:  # of Pickover: two lines at a right angle
        for i in range(_N_ITERATES):
            x = s[ORBIT_RE + i]
            y = s[ORBIT_IM + i]
            u = _across(x, y, center_x, center_y, cosine, sine)
            v = _along(x, y, center_x, center_y, cosine, sine)
            distance = min(u * u, v * v) * scale
            s[DISTANCE + i] = distance if x * x + y * y < reach else none
    elif shape == RING:
        for i in range(_N_ITERATES):
            x = s[ORBIT_RE + i]
            y = s[ORBIT_IM + i]
            u = x - center_x
            v = y - center_y
            gap = np.sqrt(u * u + v * v) - radius
            distance = gap * gap * scale
            s[DISTANCE + i] = distance if x * x + y * y < reach else none
    elif shape == SQUARE:  # its outline, in the maximum norm
        for i in range(_N_ITERATES):
            x = s[ORBIT_RE + i]
            y = s[ORBIT_IM + i]
            gap = (
                max(
                    abs(_across(x, y, center_x, center_y, cosine, sine)),
                    abs(_along(x, y, center_x, center_y, cosine, sine)),
                )
                - radius
            )
            distance = gap * gap * scale
            s[DISTANCE + i] = distance if x * x + y * y < reach else none
    elif shape == RHOMBUS:  # its outline, half as wide as it is tall
        slant = real(0.4472136)  # 1 / sqrt(5): makes |2u| + |v| a distance
        for i in range(_N_ITERATES):
            x = s[ORBIT_RE + i]
            y = s[ORBIT_IM + i]
            u = abs(_across(x, y, center_x, center_y, cosine, sine))
            v = abs(_along(x, y, center_x, center_y, cosine, sine))
            gap = (u + u + v - radius) * slant
            distance = gap * gap * scale
            s[DISTANCE + i] = distance if x * x + y * y < reach else none
    elif shape == ASTROID:  # (u^2 + v^2 - r^2)^3 + 27 r^2 u^2 v^2 = 0
        r2 = radius * radius
        floor = real(1e-6) * r2 * r2 * r2 * r2 * r2
        for i in range(_N_ITERATES):
            x = s[ORBIT_RE + i]
            y = s[ORBIT_IM + i]
            u = _across(x, y, center_x, center_y, cosine, sine)
            v = _along(x, y, center_x, center_y, cosine, sine)
            u2 = u * u
            v2 = v * v
            a = u2 + v2 - r2
            value = a * a * a + real(27.0) * r2 * u2 * v2
            slope_u = real(6.0) * u * (a * a + real(9.0) * r2 * v2)
            slope_v = real(6.0) * v * (a * a + real(9.0) * r2 * u2)
            slope = slope_u * slope_u + slope_v * slope_v + floor
            distance = value * value / slope * scale
            s[DISTANCE + i] = distance if x * x + y * y < reach else none
    elif shape == SPIRAL:  # of Archimedes, `radius` apart from arm to arm
        spacing = np.float32(radius)
        for i in range(_N_ITERATES):
            x = s[ORBIT_RE + i]
            y = s[ORBIT_IM + i]
            u = np.float32(_across(x, y, center_x, center_y, cosine, sine))
            v = np.float32(_along(x, y, center_x, center_y, cosine, sine))
            arm = np.sqrt(u * u + v * v) / spacing - atan2_turns(v, u)
            gap = real((arm - nearest_integer(arm)) * spacing)
            distance = gap * gap * scale
            s[DISTANCE + i] = distance if x * x + y * y < reach else none
    elif shape == GAUSSIAN_INTEGERS:  # the nearest point of a square lattice, `radius` apart
        for i in range(_N_ITERATES):
            x = s[ORBIT_RE + i]
            y = s[ORBIT_IM + i]
            u = _from_lattice(_across(x, y, center_x, center_y, cosine, sine), radius)
            v = _from_lattice(_along(x, y, center_x, center_y, cosine, sine), radius)
            distance = (u * u + v * v) * radius * radius * scale
            s[DISTANCE + i] = distance if x * x + y * y < reach else none


@kernel
def hide_from(s, max_count):
    """Hide the iterates of this stride that come after the last iteration."""
    none = s.dtype.type(NO_HIT)
    zero = s.dtype.type(0.0)
    for step in range(np.uint64(STRIDE)):
        for lane in range(LANES):
            past = s[COUNT + lane] + s.dtype.type(step) >= max_count
            at = DISTANCE + step * LANES + lane
            # A sum: a choice of a loaded value would become a masked store.
            s[at] += none if past else zero


@kernel
def keep_nearest(s, trap_index):
    """Update each lane's nearest hit with the distances of this stride."""
    real = s.dtype.type
    one = real(1.0)
    lowest = real(-NO_HIT)
    for lane in range(LANES):
        before = s[BEST + lane]
        count = s[COUNT + lane]
        best = before
        hit_count = s[HIT_COUNT + lane]
        # These maxima change nothing, but a choice of two plain loads would become a gather.
        hit_re = max(s[HIT_RE + lane], lowest)
        hit_im = max(s[HIT_IM + lane], lowest)
        for step in range(np.uint64(STRIDE)):
            at = step * LANES + lane
            distance = s[DISTANCE + at]
            x = max(s[ORBIT_RE + at], lowest)
            y = max(s[ORBIT_IM + at], lowest)
            count += one
            nearer = distance < best
            best = distance if nearer else best
            hit_count = count if nearer else hit_count
            hit_re = x if nearer else hit_re
            hit_im = y if nearer else hit_im
        s[BEST + lane] = best
        s[HIT_COUNT + lane] = hit_count
        s[HIT_RE + lane] = hit_re
        s[HIT_IM + lane] = hit_im
        # Arithmetic: a choice of a loaded value would become a masked store.
        trap = s[HIT_TRAP + lane]
        s[HIT_TRAP + lane] = trap + (trap_index - trap) * (one if best < before else real(0.0))


@inlined_early
def locate_hits(s, shapes, traps):
    """Write where the nearest hits lie in their traps' frames into the runs of the records."""
    real = s.dtype.type
    zero = real(0.0)
    u_run = DISTANCE + np.uint64(TRAP_U) * LANES
    v_run = DISTANCE + np.uint64(TRAP_V) * LANES
    for lane in range(LANES):
        s[u_run + lane] = zero
        s[v_run + lane] = zero
    for t in range(shapes.size):
        center_x = traps[t, 0]
        center_y = traps[t, 1]
        cosine = traps[t, 2]
        sine = traps[t, 3]
        radius = traps[t, 4]
        index = real(t)
        lattice = shapes[t] == GAUSSIAN_INTEGERS
        for lane in range(LANES):
            x = s[HIT_RE + lane]
            y = s[HIT_IM + lane]
            u = _across(x, y, center_x, center_y, cosine, sine)
            v = _along(x, y, center_x, center_y, cosine, sine)
            if lattice:
                u = _from_lattice(u, radius)
                v = _from_lattice(v, radius)
            # A sum: a choice of a loaded value would become a masked store.
            is_its = (s[HIT_COUNT + lane] > zero) & (s[HIT_TRAP + lane] == index)
            share = real(1.0) if is_its else zero
            s[u_run + lane] += share * u
            s[v_run + lane] += share * v
