"""Orbit traps: how far an iterate lies from a shape in the plane.

`update_trap` looks at the current iterate of every lane of a tile and keeps the nearest hit: its
squared distance, its iteration, and where it fell in the trap's own frame. The lanes' state is
one flat array in which each quantity has its own run of `LANES` numbers at a fixed offset; with
offsets known at compile time LLVM sees that the runs don't overlap, and turns every loop over
lanes into vector code.

Distances are squared, so that most shapes need no square root. Their sources are the definitions
of the shapes; the astroid and the spiral, which have no short formula, use first-order distances.
"""

import numpy as np

from fractalgen.kernels.elementary import atan2_turns, nearest_integer
from fractalgen.kernels.jit import inlined, pasted
from fractalgen.kernels.lanes import BEST, COUNT, HIT_COUNT, HIT_U, HIT_V, IM, LANES, RE

__all__ = ["SHAPES", "update_trap"]

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


@pasted
def _keep_nearest(s, lane, x, y, distance, u, v, reach):
    # Loads come before the choice and every store is unconditional: without masked stores (SSE2)
    # a conditional store would keep the loop from being vectorised. Counts only grow, so a product
    # and a maximum do for them, where LLVM would turn a choice of two loads into a gather.
    best = s[BEST + lane]
    count = s[COUNT + lane]
    hit_count = s[HIT_COUNT + lane]
    hit_u = s[HIT_U + lane]
    hit_v = s[HIT_V + lane]
    nearer = (distance < best) & (x * x + y * y < reach)
    s[BEST + lane] = distance if nearer else best
    s[HIT_COUNT + lane] = max(hit_count, count * s.dtype.type(nearer))
    s[HIT_U + lane] = u if nearer else hit_u
    s[HIT_V + lane] = v if nearer else hit_v


@inlined
def update_trap(s, shape, trap, reach):
    """Look at the current iterates through one trap, and keep the nearest hits.

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
    center_x = trap[0]
    center_y = trap[1]
    cosine = trap[2]
    sine = trap[3]
    radius = trap[4]
    scale = trap[5]
    if shape == 0:  # point
        for lane in range(LANES):
            x = s[RE + lane]
            y = s[IM + lane]
            u = x - center_x
            v = y - center_y
            distance = (u * u + v * v) * scale
            _keep_nearest(s, lane, x, y, distance, u, v, reach)
    elif shape == 1:  # line through the centre
        for lane in range(LANES):
            x = s[RE + lane]
            y = s[IM + lane]
            u = (x - center_x) * cosine + (y - center_y) * sine
            v = (y - center_y) * cosine - (x - center_x) * sine
            distance = v * v * scale
            _keep_nearest(s, lane, x, y, distance, u, v, reach)
    elif shape == 2:  # Pickover cross: two lines at a right angle
        for lane in range(LANES):
            x = s[RE + lane]
            y = s[IM + lane]
            u = (x - center_x) * cosine + (y - center_y) * sine
            v = (y - center_y) * cosine - (x - center_x) * sine
            distance = min(u * u, v * v) * scale
            _keep_nearest(s, lane, x, y, distance, u, v, reach)
    elif shape == 3:  # ring
        for lane in range(LANES):
            x = s[RE + lane]
            y = s[IM + lane]
            u = x - center_x
            v = y - center_y
            gap = np.sqrt(u * u + v * v) - radius
            distance = gap * gap * scale
            _keep_nearest(s, lane, x, y, distance, u, v, reach)
    elif shape == 4:  # square's outline, in the maximum norm
        for lane in range(LANES):
            x = s[RE + lane]
            y = s[IM + lane]
            u = (x - center_x) * cosine + (y - center_y) * sine
            v = (y - center_y) * cosine - (x - center_x) * sine
            gap = max(abs(u), abs(v)) - radius
            distance = gap * gap * scale
            _keep_nearest(s, lane, x, y, distance, u, v, reach)
    elif shape == 5:  # rhombus's outline, half as wide as it is tall
        slant = real(0.4472136)  # 1 / sqrt(5): makes |2u| + |v| a distance
        for lane in range(LANES):
            x = s[RE + lane]
            y = s[IM + lane]
            u = (x - center_x) * cosine + (y - center_y) * sine
            v = (y - center_y) * cosine - (x - center_x) * sine
            gap = (abs(u) + abs(u) + abs(v) - radius) * slant
            distance = gap * gap * scale
            _keep_nearest(s, lane, x, y, distance, u, v, reach)
    elif shape == 6:  # astroid: (u^2 + v^2 - r^2)^3 + 27 r^2 u^2 v^2 = 0
        r2 = radius * radius
        floor = real(1e-6) * r2 * r2 * r2 * r2 * r2
        for lane in range(LANES):
            x = s[RE + lane]
            y = s[IM + lane]
            u = (x - center_x) * cosine + (y - center_y) * sine
            v = (y - center_y) * cosine - (x - center_x) * sine
            u2 = u * u
            v2 = v * v
            a = u2 + v2 - r2
            value = a * a * a + real(27.0) * r2 * u2 * v2
            slope_u = real(6.0) * u * (a * a + real(9.0) * r2 * v2)
            slope_v = real(6.0) * v * (a * a + real(9.0) * r2 * u2)
            slope = slope_u * slope_u + slope_v * slope_v + floor
            distance = value * value / slope * scale
            _keep_nearest(s, lane, x, y, distance, u, v, reach)
    elif shape == 7:  # Archimedean spiral, `radius` apart from arm to arm
        spacing = np.float32(radius)
        for lane in range(LANES):
            x = s[RE + lane]
            y = s[IM + lane]
            u = (x - center_x) * cosine + (y - center_y) * sine
            v = (y - center_y) * cosine - (x - center_x) * sine
            u32 = np.float32(u)
            v32 = np.float32(v)
            arm = np.sqrt(u32 * u32 + v32 * v32) / spacing - atan2_turns(v32, u32)
            gap = real((arm - nearest_integer(arm)) * spacing)
            distance = gap * gap * scale
            _keep_nearest(s, lane, x, y, distance, u, v, reach)
    else:  # Gaussian integers: the nearest point of a square lattice, `radius` apart
        for lane in range(LANES):
            x = s[RE + lane]
            y = s[IM + lane]
            u = ((x - center_x) * cosine + (y - center_y) * sine) / radius
            v = ((y - center_y) * cosine - (x - center_x) * sine) / radius
            u = u - real(nearest_integer(np.float32(u)))
            v = v - real(nearest_integer(np.float32(v)))
            distance = (u * u + v * v) * radius * radius * scale
            _keep_nearest(s, lane, x, y, distance, u, v, reach)
