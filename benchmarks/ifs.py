"""How long an IFS image takes, against a plain chaos game timed in the same run."""

import functools
from collections.abc import Callable

import numba
import numpy as np

from benchmarks.timing import Row, paired_seconds
from benchmarks.vectors import vector_bits
from fractalgen.families.base import sample_spec
from fractalgen.families.ifs import IFS, IFSParams
from fractalgen.families.ifs.fractals import Fractal
from fractalgen.kernels.affine_systems import N_CHAINS, scatter
from fractalgen.kernels.backgrounds import paint

SIZE = 256
N_POINTS = 100_000
N_IMAGES = 40


@numba.njit
def plain_chaos_game(maps, cumulative, points):
    """One chain, one float64 orbit, a search for the map: how most chaos games are written."""
    x, y = 0.0, 0.0
    for n in range(len(points)):
        drawn = np.random.rand()  # noqa: NPY002
        choice = 0
        while drawn > cumulative[choice]:
            choice += 1
        row = maps[choice]
        x, y = row[0] * x + row[1] * y + row[2], row[3] * x + row[4] * y + row[5]
        points[n, 0] = x
        points[n, 1] = y


def accepted_params() -> list[IFSParams]:
    return [sample_spec(IFS(), 0, index).params for index in range(N_IMAGES)]


def plain_points(fractal: Fractal) -> Callable[[], None]:
    """Return the baseline: 100,000 points of one chain, nothing drawn."""
    maps = np.array(fractal.maps)
    cumulative = np.cumsum(fractal.weights) / 256
    points = np.empty((N_POINTS, 2))
    return lambda: plain_chaos_game(maps, cumulative, points)


def scattered_points(fractal: Fractal) -> Callable[[], None]:
    """Return our points alone, drawn into the histogram."""
    maps, weights = np.array(fractal.maps), np.array(fractal.weights)
    tones = np.array(fractal.tones, dtype=np.int32)
    histogram = np.zeros(SIZE * SIZE + N_CHAINS, dtype=np.uint64)
    stream = np.uint64(fractal.stream)
    return lambda: scatter(maps, weights, tones, N_POINTS, stream, SIZE, histogram)


def compare(n_runs: int = 25) -> list[tuple[float, float, float]]:
    """Return each image's seconds: plain points, our points, our whole image."""
    family = IFS()
    rows = []
    for params in accepted_params():
        plain = plain_points(params.fractals[0])
        _, points = paired_seconds(plain, scattered_points(params.fractals[0]), n_runs)
        rest = functools.partial(family.render, params, SIZE)
        baseline, image = paired_seconds(plain, rest, n_runs)
        rows.append((baseline, points, image))
    return rows


def rows() -> list[Row]:
    plain, points, image = (1e3 * sum(column) / N_IMAGES for column in zip(*compare(), strict=True))
    baseline = f"plain chaos game, points alone, {plain:.2f} ms"
    return [
        Row(
            "IFS, 100,000 points into a histogram",
            f"{points:.2f} ms",
            baseline,
            f"{plain / points:.1f}x",
            vector_bits(scatter),
        ),
        Row(
            "IFS, a whole image with background",
            f"{image:.2f} ms",
            baseline,
            f"{plain / image:.1f}x",
            vector_bits(paint),
        ),
    ]
