"""Orbit traps: how far an orbit's iterates are from a shape, and which of them was nearest.

Distances are squared, so that most shapes need no square root. Their sources are the definitions
of the shapes; the astroid and the spiral, which have no short formula, use first-order distances.
"""

import numpy as np

from fractalgen.kernels.elementary import atan2_turns, nearest_integer
from fractalgen.kernels.jit import inlined, kernel, pasted
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

__all__ = ["SHAPES", "hide_from", "keep_nearest", "locate_hits", "measure_distances"]

SHAPES = (
    "point",
    "line",
    "cross",
    "ring",
    "square",
    "rhombus",
    "astroid",
    "spiral",
    "gaussian-integers",
)
_GAUSSIAN_INTEGERS = SHAPES.index("gaussian-integers")

_N_ITERATES = np.uint64(STRIDE) * LANES


@inlined
def _across(x, y, center_x, center_y, cosine, sine):
    return (x - center_x) * cosine + (y - center_y) * sine


@inlined
def _along(x, y, center_x, center_y, cosine, sine):
    return (y - center_y) * cosine - (x - center_x) * sine


@inlined
def _from_lattice(u, radius):
    """Return how far a coordinate is from the nearest multiple of the radius, in radii."""
    scaled = u / radius
    return scaled - type(scaled)(nearest_integer(np.float32(scaled)))


@kernel
def measure_distances(s, shape, trap, reach):
    """Write each iterate's squared distance from a trap, or `NO_HIT` where it is out of reach.

    Parameters
    ----------
    s : float array, shape (n,)
        The lanes' state; see `fractalgen.kernels.lanes`.
    shape : int
        Index into `SHAPES`.
    trap : float array, shape (6,)
        Centre x and y, cosine and sine of the turn, radius (or half side, or spacing), and the
        factor that scales the squared distance.
    reach : float
        Only iterates with a squared magnitude below this are looked at.
    """
    real = trap.dtype.type
    none = real(NO_HIT)
    # Read before the loops, for LLVM does not know that what they write is not the trap.
    center_x = trap[0]
    center_y = trap[1]
    cosine = trap[2]
    sine = trap[3]
    radius = trap[4]
    scale = trap[5]
    if shape == 0:  # point
        for i in range(_N_ITERATES):
            x = s[ORBIT_RE + i]
            y = s[ORBIT_IM + i]
            u = x - center_x
            v = y - center_y
            distance = (u * u + v * v) * scale
            s[DISTANCE + i] = distance if x * x + y * y < reach else none
    elif shape == 1:  # line through the centre
        for i in range(_N_ITERATES):
            x = s[ORBIT_RE + i]
            y = s[ORBIT_IM + i]
            v = _along(x, y, center_x, center_y, cosine, sine)
            distance = v * v * scale
            s[DISTANCE + i] = distance if x * x + y * y < reach else none
    elif shape == 2:  # Pickover cross: two lines at a right angle
        for i in range(_N_ITERATES):
            x = s[ORBIT_RE + i]
            y = s[ORBIT_IM + i]
            u = _across(x, y, center_x, center_y, cosine, sine)
            v = _along(x, y, center_x, center_y, cosine, sine)
            distance = min(u * u, v * v) * scale
            s[DISTANCE + i] = distance if x * x + y * y < reach else none
    elif shape == 3:  # ring
        for i in range(_N_ITERATES):
            x = s[ORBIT_RE + i]
            y = s[ORBIT_IM + i]
            u = x - center_x
            v = y - center_y
            gap = np.sqrt(u * u + v * v) - radius
            distance = gap * gap * scale
            s[DISTANCE + i] = distance if x * x + y * y < reach else none
    elif shape == 4:  # square's outline, in the maximum norm
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
    elif shape == 5:  # rhombus's outline, half as wide as it is tall
        slant = real(0.4472136)  # 1 / sqrt(5): makes |2u| + |v| a distance
        for i in range(_N_ITERATES):
            x = s[ORBIT_RE + i]
            y = s[ORBIT_IM + i]
            u = abs(_across(x, y, center_x, center_y, cosine, sine))
            v = abs(_along(x, y, center_x, center_y, cosine, sine))
            gap = (u + u + v - radius) * slant
            distance = gap * gap * scale
            s[DISTANCE + i] = distance if x * x + y * y < reach else none
    elif shape == 6:  # astroid: (u^2 + v^2 - r^2)^3 + 27 r^2 u^2 v^2 = 0
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
    elif shape == 7:  # Archimedean spiral, `radius` apart from arm to arm
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
    else:  # Gaussian integers: the nearest point of a square lattice, `radius` apart
        for i in range(_N_ITERATES):
            x = s[ORBIT_RE + i]
            y = s[ORBIT_IM + i]
            u = _from_lattice(_across(x, y, center_x, center_y, cosine, sine), radius)
            v = _from_lattice(_along(x, y, center_x, center_y, cosine, sine), radius)
            distance = (u * u + v * v) * radius * radius * scale
            s[DISTANCE + i] = distance if x * x + y * y < reach else none


@kernel
def hide_from(s, max_count):
    """Hide the iterates of this stride that lie past the last iteration."""
    none = s.dtype.type(NO_HIT)
    zero = s.dtype.type(0.0)
    for step in range(np.uint64(STRIDE)):
        for lane in range(LANES):
            past = s[COUNT + lane] + s.dtype.type(step) >= max_count
            at = DISTANCE + step * LANES + lane
            # A maximum, because a choice of a loaded value would become a masked store.
            s[at] = max(s[at], none if past else zero)


@kernel
def keep_nearest(s, trap_index):
    """Keep each lane's nearest hit, of those before and of the distances of this stride."""
    real = s.dtype.type
    one = real(1.0)
    lowest = real(-NO_HIT)
    for lane in range(LANES):
        before = s[BEST + lane]
        count = s[COUNT + lane]
        best = before
        hit_count = s[HIT_COUNT + lane]
        # Maxima that change nothing: a choice of two plain loads would become a gather.
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
        # Arithmetic, because a choice of a loaded value would become a masked store.
        trap = s[HIT_TRAP + lane]
        s[HIT_TRAP + lane] = trap + (trap_index - trap) * (one if best < before else real(0.0))


@pasted
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
        if shapes[t] == 0 or shapes[t] == 3:  # a turn would change nothing but the rounding
            cosine = real(1.0)
            sine = zero
        lattice = shapes[t] == _GAUSSIAN_INTEGERS
        for lane in range(LANES):
            x = s[HIT_RE + lane]
            y = s[HIT_IM + lane]
            u = _across(x, y, center_x, center_y, cosine, sine)
            v = _along(x, y, center_x, center_y, cosine, sine)
            if lattice:
                u = _from_lattice(u, radius)
                v = _from_lattice(v, radius)
            # A sum, because a choice of a loaded value would become a masked store.
            is_its = (s[HIT_COUNT + lane] > zero) & (s[HIT_TRAP + lane] == index)
            share = real(1.0) if is_its else zero
            s[u_run + lane] += share * u
            s[v_run + lane] += share * v
