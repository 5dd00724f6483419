"""Feature images: what the units of a network's early layers would like to see.

A stand-in for feature visualisations, without a network: a random bank of oriented filters on a
bent plane answers noise, is normalised by its local energy, rectified, mixed by a second layer
and coloured along opponent axes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.color.gradients import srgb_gradient
from fractalgen.color.palettes import choose, resolve
from fractalgen.families.feature_parts import (
    Chart,
    Filter,
    Unit,
    check_count,
    check_numbers,
    five_digits,
)
from fractalgen.families.feature_sampling import sample_bank, sample_tone, sample_units
from fractalgen.families.ranges import check_colors
from fractalgen.families.spec import sample_spec
from fractalgen.kernels.filter_banks import answer_rows
from fractalgen.kernels.light_probe import examine
from fractalgen.kernels.opponent_colors import opponents_to_gradient, opponents_to_rgb
from fractalgen.seeding import uniform

__all__ = ["Features", "FeaturesParams"]

_PROBE_SIZE = 64
# Rows are drawn in strips of at most this many pixels, which bounds the memory for any size.
_STRIP_PIXELS = 1 << 20
_GRADIENT_COLORS = 1024
_MOST_FILTERS = 32
_MOST_UNITS = 16
_LEAST_CONSTANT = 1e-6
# The gate, on eight-bit luminance of the probe: least deviation, least mean step between
# neighbours, largest share of the pixels in one of eight equal ranges.
_LEAST_DEVIATION = 14.0
_LEAST_STEP = 11.0
_LARGEST_SHARE = 0.72


@dataclass(frozen=True)
class FeaturesParams:
    """All that draws one feature image.

    Attributes
    ----------
    noise_seed : int
        Seed of all noise, below 2**63.
    chart : Chart
        The coordinates of the filters.
    filters : tuple of Filter
        The first layer.
    constant : float
        Added to the local energy before the answers are divided by its root; above 0.
    units : tuple of Unit
        The second layer.
    spread : tuple of float
        Half the 4th to 96th percentile range that each colour axis is stretched to.
    mean : tuple of float
        The middle of that range.
    colors : tuple of str
        Colours "#rrggbb" of a gradient that replaces the opponent colours; empty for those.
    """

    noise_seed: int
    chart: Chart
    filters: tuple[Filter, ...]
    constant: float
    units: tuple[Unit, ...]
    spread: tuple[float, float, float]
    mean: tuple[float, float, float]
    colors: tuple[str, ...]

    def __hash__(self) -> int:
        return self.noise_seed

    def __post_init__(self) -> None:
        check_numbers("params", (self.constant, *self.spread, *self.mean))
        check_count("noise_seed", self.noise_seed, 0, 2**63 - 1)
        check_count("filters", len(self.filters), 1, _MOST_FILTERS)
        check_count("units", len(self.units), 1, _MOST_UNITS)
        if self.constant < _LEAST_CONSTANT:
            raise ValueError(f"constant must be {_LEAST_CONSTANT} or more, not {self.constant}")
        if any(len(unit.weights) != 2 * len(self.filters) for unit in self.units):
            raise ValueError("a unit must have two weights for each filter")
        if self.colors:
            check_colors("colors", self.colors)


@dataclass(frozen=True)
class Features:
    """Textures that early convolutional units prefer, as a feature visualisation shows them.

    Attributes
    ----------
    palette : str
        "any" for natural opponent colours, drawn at random; else what
        `fractalgen.color.palettes.resolve` understands, and every image's colours come from it. A
        file becomes its colours.
    """

    name: ClassVar[str] = "features"
    version: ClassVar[int] = 2
    params_type: ClassVar[type[FeaturesParams]] = FeaturesParams
    palette: str = "any"

    def __post_init__(self) -> None:
        object.__setattr__(self, "palette", resolve(self.palette))

    def sample_params(self, rng: np.random.Generator) -> FeaturesParams:
        """Draw the parameters of one image."""
        chart, filters = sample_bank(rng)
        units = sample_units(rng, len(filters))
        spread, mean = sample_tone(rng)
        return FeaturesParams(
            noise_seed=int(rng.integers(2**63)),
            chart=chart,
            filters=filters,
            constant=five_digits(uniform(rng, 0.02, 0.3)),
            units=units,
            spread=spread,
            mean=mean,
            colors=() if self.palette == "any" else choose(self.palette, rng).colors,
        )

    def accepts(self, params: FeaturesParams) -> bool:
        """Say whether a small probe has contrast, structure and more than one tone."""
        rgb = np.empty((_PROBE_SIZE, _PROBE_SIZE, 3), np.uint8)
        probe, exposure = _probe(params)
        _color(probe, exposure, _gradient_colors(params.colors), rgb)
        seen = examine(rgb)
        n = _PROBE_SIZE**2
        return (
            n * seen.squares - seen.total**2 >= (_LEAST_DEVIATION * n) ** 2
            and seen.steps >= 2 * _LEAST_STEP * n
            and seen.largest <= _LARGEST_SHARE * n
        )

    def render(self, params: FeaturesParams, size: int) -> NDArray[np.uint8]:
        """Draw the image as a (size, size, 3) uint8 RGB array."""
        _, exposure = _probe(params)
        colors = _gradient_colors(params.colors)
        image = np.empty((size, size, 3), np.uint8)
        height = max(1, _STRIP_PIXELS // size)
        for first in range(0, size, height):
            strip = image[first : first + height]
            _color(_answers(params, size, first, strip.shape[0]), exposure, colors, strip)
        return image

    @classmethod
    def compilations(cls) -> Mapping[str, Callable[[], object]]:
        """Return a call that compiles all kernels of the family, by name."""
        return {"images": _compile}


def _answers(params: FeaturesParams, size: int, first: int, n_rows: int) -> NDArray[np.float32]:
    """Draw `n_rows` rows of the three colour axes, from row `first` of `size`."""
    chart = params.chart
    numbers = (
        *chart.center,
        chart.bend,
        chart.ripple,
        chart.ripple_cycles,
        chart.polar,
        chart.jitter,
        chart.stagger,
        chart.turn,
        params.constant,
    )
    waves = np.array([(f.u, f.v, f.phase, f.coherence, f.gain) for f in params.filters], np.float32)
    weights = np.array([unit.weights for unit in params.units], np.float32)
    units = np.array([(unit.threshold, *unit.ink) for unit in params.units], np.float32)
    axes = np.empty((3, n_rows, size), np.float32)
    answer_rows(
        np.uint64(params.noise_seed),
        np.array(numbers, np.float32),
        chart.bend_cells,
        chart.seed_cells,
        waves,
        np.array([f.cells for f in params.filters], np.int64),
        weights.reshape(len(units), len(waves), 2),
        units,
        size,
        first,
        axes,
    )
    return axes


@lru_cache(maxsize=32)
def _probe(params: FeaturesParams) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the three axes of a small image, and the exposure of them that all sizes get.

    The gate looks at what is rendered next, so that it is not drawn twice.
    """
    axes = _answers(params, _PROBE_SIZE, 0, _PROBE_SIZE)
    ranked = np.sort(axes.reshape(3, -1), axis=1)
    n = ranked.shape[1]
    low, high = ranked[:, n // 25], ranked[:, n - n // 25]
    exposure = np.empty((3, 3), np.float32)
    exposure[:, 0] = (low + high) * np.float32(0.5)
    half = np.maximum((high - low) * np.float32(0.5), np.float32(1e-6))
    exposure[:, 1] = np.array(params.spread, np.float32) / half
    exposure[:, 2] = params.mean
    return axes, exposure


def _gradient_colors(colors: tuple[str, ...]) -> NDArray[np.uint8] | None:
    """Return the gradient through `colors` as sRGB, shape (1024, 3); None for no colours."""
    return srgb_gradient(colors, _GRADIENT_COLORS) if colors else None


def _color(
    axes: NDArray[np.float32],
    exposure: NDArray[np.float32],
    colors: NDArray[np.uint8] | None,
    rgb: NDArray[np.uint8],
) -> None:
    """Fill `rgb` with the colours of the three axes."""
    if colors is None:
        opponents_to_rgb(axes, exposure, rgb)
    else:
        opponents_to_gradient(axes, exposure, colors, rgb)


def _compile() -> None:
    """Draw images until every kernel has been called: not every image needs all of them."""
    family = Features()
    for index in range(8):
        family.render(sample_spec(family, 0, index).params, 16)
