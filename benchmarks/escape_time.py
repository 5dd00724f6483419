"""Escape time with a trap and smooth count, against the plain scalar loop.

The floor stands in `fractalgen.kernels.orbits`: 38 vector operations an iteration.
"""

import json
import os
import subprocess
import sys

import numpy as np
from numba import njit

from benchmarks.timing import Row, paired_seconds
from benchmarks.vectors import vector_bits
from fractalgen.kernels.formulas import FORMULAS
from fractalgen.kernels.lanes import N_RECORDS
from fractalgen.kernels.orbit_fields import measure_orbits
from fractalgen.kernels.orbits import follow_orbits
from fractalgen.kernels.trap_shapes import SHAPES

# Centre and width of each view, from the whole set to a width of 1e-6.
VIEWS = (
    (-0.6, 0.0, 3.0),
    (-0.75, 0.1, 0.5),
    (-1.25, 0.02, 0.1),
    (-0.7436, 0.1318, 0.05),
    (-0.16, 1.04, 0.03),
    (0.28, 0.008, 0.02),
    (-1.768, 0.0017, 5e-3),
    (-0.743643, 0.131825, 1e-3),
    (-1.7492, 0.0, 3e-4),
    (-0.10109, 0.9563, 1e-4),
    (-0.743643887, 0.131825904, 1e-5),
    (-0.743643887037, 0.131825904205, 1e-6),
)
SIDE = 512  # 256 x 256 pixels, 2 x 2 samples each
MAX_ITER = 256
FLOAT32_WIDTH = 2e-3
AVX2 = "+sse,+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+avx,+avx2,+fma,+bmi,+bmi2,+popcnt,+f16c,+lzcnt"
# A processor's name alone would leave this machine's own features on.
MACHINES = {
    "this processor": {},
    "AVX2": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": AVX2},
    "SSE2": {"NUMBA_CPU_NAME": "generic"},
}


@njit(nogil=True)
def plain_loop(left, top, step, trap, max_iter, reach, fields):
    """One sample after another in float64, as a textbook writes it."""
    side = fields.shape[1]
    for row in range(side):
        for column in range(side):
            c_re = left + step * column
            c_im = top + step * row
            x = y = x2 = y2 = 0.0
            nearest = 1e30
            hit_u = hit_v = 0.0
            hit = 0
            n = 0
            while n < max_iter and x2 + y2 <= 65536.0:
                y = 2.0 * x * y + c_im
                x = x2 - y2 + c_re
                x2 = x * x
                y2 = y * y
                n += 1
                if n > 1 and x2 + y2 < reach:
                    u = (x - trap[0]) * trap[2] + (y - trap[1]) * trap[3]
                    v = (y - trap[1]) * trap[2] - (x - trap[0]) * trap[3]
                    distance = min(u * u, v * v)
                    if distance < nearest:
                        nearest = distance
                        hit = n
                        hit_u = u
                        hit_v = v
            escaped = x2 + y2 > 65536.0
            fields[0, row, column] = n + 1 - np.log2(np.log2(x2 + y2) / 16.0) if escaped else -1.0
            fields[1, row, column] = np.sqrt(nearest)
            fields[2, row, column] = hit
            fields[3, row, column] = np.arctan2(hit_v, hit_u)


def compare(n_runs: int = 5) -> list[tuple[float, float, float]]:
    """Return (width, seconds of the plain loop, seconds of ours) of each view."""
    formula = FORMULAS["power-2"]
    numbers = (0.1, 0.2, 0.8, 0.6, 0.5, 1.0)
    shapes = np.array([SHAPES["cross"].code])
    records = np.empty((N_RECORDS, SIDE, SIDE), np.float32)
    fields = np.empty((4, SIDE, SIDE), np.float32)
    rows = []
    for x, y, width in VIEWS:
        step = width / SIDE
        dtype = np.float32 if width > FLOAT32_WIDTH else np.float64
        view = np.array([x - width / 2, y - width / 2, step, 0, 0, step, 0, 0], dtype)
        traps = np.array([numbers], dtype)

        def ours(view=view, traps=traps):
            follow_orbits(
                view, *formula.steps, False, MAX_ITER, shapes, traps, 16.0, 0, 0, 1, records
            )
            measure_orbits(records, formula.power)

        def plain(x=x, y=y, width=width, step=step):
            trap = np.array(numbers)
            plain_loop(x - width / 2, y - width / 2, step, trap, MAX_ITER, 16.0, fields)

        rows.append((width, *paired_seconds(plain, ours, n_runs)))
    return rows


def here() -> dict[str, float]:
    """Return the means over all views in milliseconds, their ratio, the least, and our vectors."""
    views = compare()
    plain = sum(baseline for _, baseline, _ in views)
    ours = sum(seconds for _, _, seconds in views)
    return {
        "plain": plain * 1e3 / len(views),
        "ours": ours * 1e3 / len(views),
        "ratio": plain / ours,
        "least": min(baseline / seconds for _, baseline, seconds in views),
        "bits": vector_bits(follow_orbits),
    }


def rows() -> list[Row]:
    """Time this machine's own vectors, and those of older ones in processes of their own."""
    out = []
    for name, settings in MACHINES.items():
        command = [sys.executable, "-m", "benchmarks.escape_time"]
        printed = subprocess.run(
            command, env={**os.environ, **settings}, check=True, capture_output=True, text=True
        ).stdout
        figures = json.loads(printed)
        out.append(
            Row(
                f"escape time, a trap and smooth count, {len(VIEWS)} views, {name}",
                f"{figures['ours']:.1f} ms",
                f"plain scalar loop, {figures['plain']:.0f} ms",
                f"{figures['ratio']:.1f}x (least of a view {figures['least']:.1f}x)",
                figures["bits"],
            )
        )
    return out


if __name__ == "__main__":
    print(json.dumps(here()))
