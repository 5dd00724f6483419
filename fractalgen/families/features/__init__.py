"""Feature images: patterns that units in a network's early layers respond to most.

They replace feature visualisations without a network: a random bank of oriented filters on a bent
plane responds to noise, is normalised by its local energy, mixed by a second layer, rectified, and
coloured along opponent axes.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.color.palettes import choose, resolve
from fractalgen.color.spaces import exposure_of, srgb_gradient
from fractalgen.errors import ArgumentError
from fractalgen.families.base import check_colors, check_within
from fractalgen.families.features.banks import sample_bank
from fractalgen.families.features.filters import NUMBERS, Chart, Filter, five_digits
from fractalgen.kernels.color_spaces import opponents_to_gradient, opponents_to_rgb
from fractalgen.kernels.filter_banks import respond
from fractalgen.kernels.probes import probe_light
from fractalgen.seeding import uniform, whole

__all__ = ["Features", "FeaturesParams", "Unit"]

Triple = tuple[float, float, float]

_PROBE_SIZE = 64
# Rows are drawn in strips of at most this many pixels, which bounds the memory for any size.
_STRIP_PIXELS = 1 << 20
_GRADIENT_COLORS = 1024
_MAX_FILTERS = 32
_MAX_UNITS = 16
_MIN_CONSTANT = 1e-6
# Thresholds for a probe's eight-bit light: the minimum deviation, the minimum mean step between
# neighbours, and the maximum share of pixels in one of eight equal ranges.
_MIN_DEVIATION = 14.0
_MIN_STEP = 11.0
_MAX_SHARE = 0.72
# A unit of the second layer sees each filter with this probability.
_SEEN_SHARE = 0.75
# How colourful an image is; one of these is drawn.
_STRENGTHS = (0.15, 0.6, 0.6, 0.8, 1.1, 1.2)


@dataclass(frozen=True)
class Unit:
    """One rectified unit of the second layer."""

    weights: tuple[float, ...]  # of each filter's even and odd responses, alternating
    threshold: float  # subtracted from the sum before it is rectified
    ink: tuple[float, float, float]  # the unit's contribution to the three colour axes

    def __post_init__(self) -> None:
        check_within("a unit's numbers", *NUMBERS, *self.weights, self.threshold, *self.ink)


@dataclass(frozen=True)
class FeaturesParams:
    """One feature image."""

    noise_seed: int  # of all noise, below 2**63
    chart: Chart
    filters: tuple[Filter, ...]  # the first layer
    constant: float  # added to the local energy by whose root responses are divided; above 0
    units: tuple[Unit, ...]  # the second layer
    spread: Triple  # half the range that each colour axis's 4th to 96th percentile is stretched to
    mean: Triple  # the middle of that range
    colors: tuple[str, ...]  # of a gradient that replaces the opponent colours, if not empty

    def __hash__(self) -> int:
        return self.noise_seed

    def __post_init__(self) -> None:
        check_within("the constant", _MIN_CONSTANT, NUMBERS[1], self.constant)
        check_within("the spread and the mean", *NUMBERS, *self.spread, *self.mean)
        check_within("noise_seed", 0, 2**63 - 1, self.noise_seed)
        check_within("the number of filters", 1, _MAX_FILTERS, len(self.filters))
        check_within("the number of units", 1, _MAX_UNITS, len(self.units))
        if any(len(unit.weights) != 2 * len(self.filters) for unit in self.units):
            raise ArgumentError("a unit must have two weights for each filter")
        if self.colors:
            check_colors("colors", self.colors)


@dataclass(frozen=True)
class Features:
    """Textures that early convolutional units prefer, as a feature visualisation shows them.

    Attributes
    ----------
    palette : str
        "any" for random natural opponent colours. Otherwise any value that
        `fractalgen.color.palettes.resolve` accepts, for the colours of all images; files are
        replaced by their colours.
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
        units = _sample_units(rng, len(filters))
        spread, mean = _sample_tone(rng)
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
        """Refuse images whose small probe lacks contrast, structure or a second tone."""
        rgb = np.empty((_PROBE_SIZE, _PROBE_SIZE, 3), np.uint8)
        probe, exposure = _probe(params)
        _color(probe, exposure, _gradient_colors(params.colors), rgb)
        seen = probe_light(rgb)
        n = _PROBE_SIZE**2
        return (
            n * seen.squares - seen.total**2 >= (_MIN_DEVIATION * n) ** 2
            and seen.steps >= 2 * _MIN_STEP * n
            and seen.largest <= _MAX_SHARE * n
        )

    def render(self, params: FeaturesParams, size: int) -> NDArray[np.uint8]:
        """Draw the image as a (size, size, 3) uint8 RGB array."""
        _, exposure = _probe(params)
        colors = _gradient_colors(params.colors)
        image = np.empty((size, size, 3), np.uint8)
        height = max(1, _STRIP_PIXELS // size)
        for first in range(0, size, height):
            strip = image[first : first + height]
            _color(_draw_axes(params, size, first, strip.shape[0]), exposure, colors, strip)
        return image


def _sample_units(rng: np.random.Generator, n_filters: int) -> tuple[Unit, ...]:
    """Draw the second layer: units for light, and units for colour."""
    n_light = whole(rng, 2, 4)
    n = n_light + whole(rng, 2, 4)
    numbers = rng.random((n, n_filters + 2))
    seen = numbers[:, 2:] < _SEEN_SHARE
    seen[~seen.any(axis=1)] = True
    weights = rng.standard_normal((n, n_filters, 2)) * seen[..., None]
    strength = 1.0 + 1.5 * numbers[:, 0]
    weights *= (strength / np.sqrt((weights * weights).sum(axis=(1, 2))))[:, None, None]
    ink = rng.standard_normal((n, 3))
    ink[:n_light, 1:] *= 0.3
    ink[n_light:, 0] *= 0.3
    rows = np.concatenate((weights.reshape(n, -1), 1.1 * numbers[:, 1:2] - 0.5, ink), axis=1)
    return tuple(
        Unit(tuple(mixed), threshold, (light, blue_red, green))
        for *mixed, threshold, light, blue_red, green in _four_decimals(rows)
    )


def _four_decimals(numbers: NDArray[np.float64]) -> list[Any]:
    """Round numbers of magnitude around 1, as `five_digits` does one."""
    rounded: list[Any] = (np.floor(numbers * 1e4 + 0.5) / 1e4).tolist()
    return rounded


def _sample_tone(rng: np.random.Generator) -> tuple[Triple, Triple]:
    """Draw the spread and the mean of the three colour axes.

    Over many images the deviations decrease from intensity to blue-red to green-magenta, as in
    natural images; a single image may be nearly grey or strongly coloured.
    """
    strength = _STRENGTHS[whole(rng, 0, len(_STRENGTHS))] * uniform(rng, 0.7, 1.3)
    light = uniform(rng, 0.8, 1.6) / (1.0 + 0.25 * strength)
    blue_red, green = strength * uniform(rng, 0.4, 1.0), strength * uniform(rng, 0.15, 0.6)
    tint = min(strength, 0.8)
    first, second, third = rng.standard_normal(3).tolist()
    means = (0.22 * first, 0.25 * tint * second, 0.12 * tint * third)
    return (
        (five_digits(light), five_digits(blue_red), five_digits(green)),
        (five_digits(means[0]), five_digits(means[1]), five_digits(means[2])),
    )


def _draw_axes(params: FeaturesParams, size: int, first: int, n_rows: int) -> NDArray[np.float32]:
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
    respond(
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
    """Return the three axes of a small image, and the exposure that applies at every size.

    The result is cached, because an accepted image is rendered right after its probe.
    """
    axes = _draw_axes(params, _PROBE_SIZE, 0, _PROBE_SIZE)
    return axes, exposure_of(axes, params.spread, params.mean)


def _gradient_colors(colors: tuple[str, ...]) -> NDArray[np.uint8] | None:
    """Return the gradient through `colors` as sRGB, shape (1024, 3); None without colours."""
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
