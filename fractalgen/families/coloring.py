"""Fields to RGB images: normalisers, and two blended layers of colour."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fractalgen.color.gradients import gradient
from fractalgen.color.spaces import LINEAR_TO_SRGB8
from fractalgen.families.ranges import check_colors, check_direction, check_within
from fractalgen.kernels.normalization import field_ranges, histogram
from fractalgen.kernels.shading import BLENDS, shade

__all__ = [
    "BLENDS",
    "FIELDS",
    "NORMALIZERS",
    "Coloring",
    "Exposure",
    "FieldWeights",
    "color_fields",
    "color_rows",
    "expose",
    "exposure_stride",
]

FIELDS = ("smooth", "distance", "hit", "angle")

_N_BINS = 1024
_N_GRADIENT = 1024
_MOST_TURNS = 16
_TURNS_BELOW = 8.0  # added to positions on a gradient, so that usual weights leave them above 0
_TAIL = 0.01  # share of the samples beyond each end of the linear normaliser

Table = NDArray[np.float64]


def _linear(rank: Table) -> Table:
    """Straight from the 1st to the 99th percentile."""
    first = int(np.searchsorted(rank, _TAIL, side="right")) - 1
    last = max(int(np.searchsorted(rank, 1.0 - _TAIL, side="left")), first + 1)
    edges = np.arange(rank.size)
    return np.minimum(np.maximum((edges - first) / (last - first), 0.0), 1.0)


def _balanced(rank: Table) -> Table:
    """Halfway between the linear and the rank normaliser: even, but with its shape kept."""
    return (_linear(rank) + rank) * 0.5


def _unchanged(rank: Table) -> Table:
    """Histogram equalisation."""
    return rank


# From the share of a field's values below each edge of a histogram's bins, float64 rising from
# 0 to 1, to coordinates in [0, 1] at these edges.
NORMALIZERS: dict[str, Callable[[Table], Table]] = {
    "linear": _linear,
    "balanced": _balanced,
    "rank": _unchanged,
}


@dataclass(frozen=True)
class FieldWeights:
    """How far each normalised field moves along a cyclic gradient, in turns of it."""

    smooth: float
    distance: float
    hit: float
    angle: float
    phase: float

    def __post_init__(self) -> None:
        numbers = (self.smooth, self.distance, self.hit, self.angle, self.phase)
        check_within("a field's weights", -_MOST_TURNS, _MOST_TURNS, *numbers)


@dataclass(frozen=True)
class Coloring:
    """How an orbit's fields become colours.

    Attributes
    ----------
    base_colors, trap_colors : tuple of str
        The two palettes, as ``"#rrggbb"``.
    base, trap, interior : FieldWeights
        The base layer's, the trap layer's, and the base layer's where the orbit never escapes.
    normalizer : str
        Key of `NORMALIZERS`, for the count, the distance and the hit's iteration.
    blend : str
        One of `BLENDS`.
    opacity, reach : float
        The trap layer's opacity on the trap, 0 to 1, and the distance coordinate where it ends,
        0.01 to 1.
    relief : float
        Strength of the lighting, 0 for none, to 10.
    light : tuple of float
        Its direction, a unit vector towards greater columns and rows.
    """

    base_colors: tuple[str, ...]
    trap_colors: tuple[str, ...]
    base: FieldWeights
    trap: FieldWeights
    interior: FieldWeights
    normalizer: str
    blend: str
    opacity: float
    reach: float
    relief: float
    light: tuple[float, float]

    def __post_init__(self) -> None:
        if self.normalizer not in NORMALIZERS or self.blend not in BLENDS:
            raise ValueError(f"no normaliser '{self.normalizer}' or no blend '{self.blend}'")
        check_colors("the base layer's colours", self.base_colors)
        check_colors("the trap layer's colours", self.trap_colors)
        check_within("a colouring's opacity", 0.0, 1.0, self.opacity)
        check_within("a colouring's reach", 0.01, 1.0, self.reach)
        check_within("a colouring's relief", 0.0, 10.0, self.relief)
        check_direction("a colouring's light", *self.light)


@dataclass(frozen=True, eq=False)
class Exposure:
    """How the values of one image's fields become coordinates in [0, 1].

    Attributes
    ----------
    ranges : ndarray of float32, shape (4, 2)
        Each field's least and greatest value.
    tables : ndarray of float32, shape (4, n)
        Coordinates at n values evenly spaced over each field's range.
    """

    ranges: NDArray[np.float32]
    tables: NDArray[np.float32]


def exposure_stride(side: int) -> int:
    """Return how far apart the samples are that an exposure is taken from, in both directions."""
    return max(1, side // 128)


def expose(samples: NDArray[np.float32], normalizer: str) -> Exposure:
    """Measure an image's fields on some of its samples.

    Parameters
    ----------
    samples : ndarray of float32, shape (4 or more, rows, columns)
        As `fractalgen.kernels.normalization.measure_orbits` leaves them.
    normalizer : str
        Key of `NORMALIZERS`, for all fields but the angle.
    """
    ranges = np.empty((4, 2), np.float32)
    field_ranges(samples, ranges)
    tables = np.empty((4, _N_BINS + 1), np.float32)
    counts = np.empty(_N_BINS, np.int64)
    for field, name in enumerate(FIELDS):
        low, high = ranges[field]
        if name == "angle" or not high > low:
            tables[field] = np.linspace(low, high, _N_BINS + 1) if name == "angle" else 0.0
            continue
        histogram(samples[field], low, high, counts)
        below = np.concatenate(([0], np.cumsum(counts)))
        tables[field] = NORMALIZERS[normalizer](below / max(int(below[-1]), 1))
    return Exposure(ranges, tables)


def color_fields(fields: NDArray[np.float32], coloring: Coloring, size: int) -> NDArray[np.uint8]:
    """Colour the fields of a whole grid of orbits.

    Parameters
    ----------
    fields : ndarray of float32, shape (4 or more, side, side)
        As `fractalgen.kernels.normalization.measure_orbits` leaves them. `side` is a multiple of
        `size`; the samples of a pixel are averaged in linear light.
    coloring : Coloring
        What to do.
    size : int
        Pixels a side.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
        RGB.
    """
    side = fields.shape[1]
    stride = exposure_stride(side)
    samples = np.ascontiguousarray(fields[:4, ::stride, ::stride])
    out = np.empty((size, size, 3), np.uint8)
    color_rows(fields, expose(samples, coloring.normalizer), coloring, out)
    return out


def color_rows(
    fields: NDArray[np.float32], exposure: Exposure, coloring: Coloring, out: NDArray[np.uint8]
) -> None:
    """Colour some rows of an image.

    Parameters
    ----------
    fields : ndarray of float32, shape (4 or more, rows, side)
        The samples of `out`, and one more row below them unless the image ends there.
    exposure : Exposure
        Of the whole image.
    coloring : Coloring
        What to do.
    out : ndarray of uint8, shape (height, size, 3)
        Written; `side` is a multiple of `size`.
    """
    layers = (coloring.base, coloring.trap, coloring.interior)
    weights = np.array([[w.smooth, w.distance, w.hit, w.angle] for w in layers], np.float32)
    phases = np.array([w.phase + _TURNS_BELOW for w in layers], np.float32)
    gradients = np.stack(
        [
            np.ascontiguousarray(gradient(colors, _N_GRADIENT, cyclic=True).T)
            for colors in (coloring.base_colors, coloring.trap_colors)
        ]
    )
    shade(
        fields,
        exposure.ranges,
        exposure.tables,
        weights,
        phases,
        gradients,
        BLENDS.index(coloring.blend),
        np.array([coloring.opacity, coloring.reach], np.float32),
        np.float32(coloring.relief),
        np.array(coloring.light, np.float32),
        LINEAR_TO_SRGB8,
        out,
    )
