"""The colours of an image: parameters, their random choice, and turning fields into RGB."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fractalgen.color.palettes import choose
from fractalgen.color.spaces import LINEAR_TO_SRGB8, gradient
from fractalgen.errors import ArgumentError
from fractalgen.families.base import (
    check_colors,
    check_direction,
    check_within,
    log_uniform,
    rounded,
)
from fractalgen.kernels.orbit_averages import CURVATURE, MAX_STRIPES, NO_AVERAGE, TRIANGLE
from fractalgen.kernels.orbit_fields import field_ranges, histogram
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
    "sample_coloring",
    "vary_coloring",
]

FIELDS = ("smooth", "distance", "hit", "angle", "average")
# What is averaged along an orbit, and what the kernels call it.
AVERAGES = {"none": NO_AVERAGE, "stripes": 1, "triangle": TRIANGLE, "curvature": CURVATURE}

_AVERAGE_SHARE = 0.3  # of the images
_AVERAGES_DRAWN = {"stripes": 0.4, "triangle": 0.3, "curvature": 0.3}

_N_BINS = 1024
_N_GRADIENT = 1024
_MAX_TURNS = 16
_TURNS_BELOW = 8.0  # added to positions on a gradient, so usual weights keep them above 0
_TAIL = 0.01  # share of the samples that the linear normaliser clips at each end

Table = NDArray[np.float64]


def _linear(rank: Table) -> Table:
    """Rise linearly from the 1st to the 99th percentile."""
    first = int(np.searchsorted(rank, _TAIL, side="right")) - 1
    last = max(int(np.searchsorted(rank, 1.0 - _TAIL, side="left")), first + 1)
    edges = np.arange(rank.size)
    return np.minimum(np.maximum((edges - first) / (last - first), 0.0), 1.0)


def _balanced(rank: Table) -> Table:
    """Average the linear and the rank normaliser: more even, but keeps the distribution's shape."""
    return (_linear(rank) + rank) * 0.5


def _rank(rank: Table) -> Table:
    """Equalise the histogram."""
    return rank


# Each maps a cumulative histogram of a field, from 0 to 1 at the bin edges, to coordinates in
# [0, 1] at these edges.
NORMALIZERS: dict[str, Callable[[Table], Table]] = {
    "linear": _linear,
    "balanced": _balanced,
    "rank": _rank,
}


@dataclass(frozen=True)
class FieldWeights:
    """How far each normalised field moves along a cyclic gradient, in turns."""

    smooth: float
    distance: float
    hit: float
    angle: float
    phase: float
    average: float = 0.0  # since version 2

    def __post_init__(self) -> None:
        numbers = (self.smooth, self.distance, self.hit, self.angle, self.phase, self.average)
        check_within("a field's weights", -_MAX_TURNS, _MAX_TURNS, *numbers)


@dataclass(frozen=True)
class Coloring:
    """How an orbit's fields become colours, in two layers."""

    base_colors: tuple[str, ...]  # palettes, as "#rrggbb"
    trap_colors: tuple[str, ...]
    base: FieldWeights
    trap: FieldWeights
    interior: FieldWeights  # of the base layer where the orbit never escapes
    normalizer: str  # key of `NORMALIZERS`, for all fields but the angle
    blend: str  # key of `BLENDS`
    opacity: float  # of the trap layer on the trap, 0 to 1
    reach: float  # the distance coordinate where the trap layer ends, 0.01 to 1
    relief: float  # strength of the lighting, from 0 (none) to 10
    light: tuple[float, float]  # its direction: a unit vector, positive to the right and down
    average: str = "none"  # key of `AVERAGES`; since version 2
    n_stripes: int = 0  # around 0, 1 to 7

    def __post_init__(self) -> None:
        if self.normalizer not in NORMALIZERS or self.blend not in BLENDS:
            raise ArgumentError(f"no normaliser '{self.normalizer}' or no blend '{self.blend}'")
        if self.average not in AVERAGES:
            raise ArgumentError(f"an average must be one of {', '.join(AVERAGES)}")
        if self.average == "stripes":
            check_within("an average's stripes", 1, MAX_STRIPES, self.n_stripes)
        check_colors("the base layer's colours", self.base_colors)
        check_colors("the trap layer's colours", self.trap_colors)
        check_within("a colouring's opacity", 0.0, 1.0, self.opacity)
        check_within("a colouring's reach", 0.01, 1.0, self.reach)
        check_within("a colouring's relief", 0.0, 10.0, self.relief)
        check_direction("a colouring's light", *self.light)

    @property
    def average_code(self) -> int:
        """What `fractalgen.kernels.orbits.follow_orbits` calls the average."""
        return self.n_stripes if self.average == "stripes" else AVERAGES[self.average]

    @property
    def n_fields(self) -> int:
        """How many of `FIELDS` are measured."""
        return len(FIELDS) - (self.average == "none")


@dataclass(frozen=True, eq=False)
class Exposure:
    """The mapping of an image's field values to coordinates in [0, 1]."""

    ranges: NDArray[np.float32]  # (5, 2): the minimum and maximum of each field
    tables: NDArray[np.float32]  # (5, n): coordinates at n values evenly spaced over each range


def sample_coloring(rng: np.random.Generator, palette: str) -> Coloring:
    """Draw two palettes, and how far each field moves along them."""
    angle = rng.random() * math.tau
    plain = Coloring(
        base_colors=choose(palette, rng).colors,
        trap_colors=choose(palette, rng).colors,
        base=FieldWeights(
            smooth=log_uniform(rng, 0.6, 2.5),
            distance=_sometimes(rng, 0.4, rng.uniform(0.2, 1.0)),
            hit=_sometimes(rng, 0.25, rng.uniform(0.1, 0.6)),
            angle=_sometimes(rng, 0.15, _sign(rng)),
            phase=rounded(rng.random()),
        ),
        trap=FieldWeights(
            smooth=_sometimes(rng, 0.3, rng.uniform(0.2, 0.8)),
            distance=log_uniform(rng, 0.5, 2.0),
            hit=_sometimes(rng, 0.5, rng.uniform(0.2, 1.0)),
            angle=_sometimes(rng, 0.35, _sign(rng)),
            phase=rounded(rng.random()),
        ),
        interior=FieldWeights(
            smooth=0.0,
            distance=log_uniform(rng, 0.5, 2.0),
            hit=_sometimes(rng, 0.5, rng.uniform(0.2, 1.0)),
            angle=_sometimes(rng, 0.3, _sign(rng)),
            phase=rounded(rng.random()),
        ),
        normalizer=str(rng.choice(["linear", "balanced", "rank"], p=[0.2, 0.5, 0.3])),
        blend=str(rng.choice(list(BLENDS), p=[0.6, 0.15, 0.15, 0.1])),
        opacity=rounded(rng.uniform(0.7, 1.0)),
        reach=rounded(rng.uniform(0.3, 1.0)),
        relief=_sometimes(rng, 0.5, log_uniform(rng, 0.02, 0.2)),
        light=(rounded(math.cos(angle)), rounded(math.sin(angle))),
    )
    return _with_average(plain, rng) if rng.random() < _AVERAGE_SHARE else plain


def _with_average(plain: Coloring, rng: np.random.Generator) -> Coloring:
    """Let an average along the orbit take the count's part, alone or behind a fainter trap."""
    average = str(rng.choice(list(_AVERAGES_DRAWN), p=list(_AVERAGES_DRAWN.values())))
    base = replace(
        plain.base,
        smooth=_sometimes(rng, 0.6, plain.base.smooth * 0.4),
        hit=0.0,
        angle=0.0,
        average=log_uniform(rng, 0.6, 1.6),
    )
    alone = rng.random() < 0.4
    return replace(
        plain,
        base=replace(base, distance=0.0) if alone else base,
        opacity=0.0 if alone else rounded(plain.opacity * rng.uniform(0.4, 0.9)),
        average=average,
        n_stripes=int(rng.integers(2, MAX_STRIPES + 1)) if average == "stripes" else 0,
    )


def vary_coloring(coloring: Coloring, rng: np.random.Generator, palette: str) -> Coloring:
    """Draw other palettes and other places on them; the fields' weights stay."""

    def moved(weights: FieldWeights) -> FieldWeights:
        return replace(weights, phase=rounded(rng.random()))

    return replace(
        coloring,
        base_colors=choose(palette, rng).colors,
        trap_colors=choose(palette, rng).colors,
        base=moved(coloring.base),
        trap=moved(coloring.trap),
        interior=moved(coloring.interior),
    )


def _sometimes(rng: np.random.Generator, share: float, value: float) -> float:
    return rounded(value) if rng.random() < share else 0.0


def _sign(rng: np.random.Generator) -> float:
    return 1.0 if rng.random() < 0.5 else -1.0


def exposure_stride(side: int) -> int:
    """Return the spacing of the samples on which the exposure is measured."""
    return max(1, side // 128)


def expose(samples: NDArray[np.float32], normalizer: str) -> Exposure:
    """Measure the exposure on some samples of an image, of shape (4 or 5, rows, columns).

    The normaliser applies to all fields but the angle.
    """
    ranges = np.zeros((len(FIELDS), 2), np.float32)
    field_ranges(samples, ranges[: len(samples)])
    tables = np.zeros((len(FIELDS), _N_BINS + 1), np.float32)
    counts = np.empty(_N_BINS, np.int64)
    for index, name in enumerate(FIELDS[: len(samples)]):
        low, high = ranges[index]
        if name == "angle" or not high > low:
            tables[index] = np.linspace(low, high, _N_BINS + 1) if name == "angle" else 0.0
            continue
        histogram(samples[index], low, high, counts)
        below = np.concatenate(([0], np.cumsum(counts)))
        tables[index] = NORMALIZERS[normalizer](below / max(int(below[-1]), 1))
    return Exposure(ranges, tables)


def color_fields(fields: NDArray[np.float32], coloring: Coloring, size: int) -> NDArray[np.uint8]:
    """Colour the fields of a whole grid of orbits, of shape (4 or 5, side, side).

    `side` is a multiple of `size`; the samples of a pixel are averaged in linear light.
    """
    stride = exposure_stride(fields.shape[1])
    samples = np.ascontiguousarray(fields[:, ::stride, ::stride])
    out = np.empty((size, size, 3), np.uint8)
    color_rows(fields, expose(samples, coloring.normalizer), coloring, out)
    return out


def color_rows(
    fields: NDArray[np.float32], exposure: Exposure, coloring: Coloring, out: NDArray[np.uint8]
) -> None:
    """Fill `out`, some rows of an image, of shape (height, size, 3).

    `fields` holds the samples of these rows, and one more row below unless the image ends there;
    `exposure` is the whole image's.
    """
    layers = (coloring.base, coloring.trap, coloring.interior)
    gradients = [
        np.ascontiguousarray(gradient(colors, _N_GRADIENT, cyclic=True).T)
        for colors in (coloring.base_colors, coloring.trap_colors)
    ]
    shade(
        fields,
        exposure.ranges,
        exposure.tables,
        np.array([[w.smooth, w.distance, w.hit, w.angle, w.average] for w in layers], np.float32),
        np.array([w.phase + _TURNS_BELOW for w in layers], np.float32),
        np.stack(gradients),
        BLENDS[coloring.blend],
        np.array([coloring.opacity, coloring.reach], np.float32),
        np.float32(coloring.relief),
        np.array(coloring.light, np.float32),
        LINEAR_TO_SRGB8,
        out,
    )
