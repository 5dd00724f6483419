"""One affine fractal of an image: its parameters, sampling them, and drawing it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fractalgen.color.spaces import LINEAR_TO_SRGB8, SRGB8_TO_LINEAR, gradient
from fractalgen.errors import ArgumentError
from fractalgen.families.base import (
    AffineMap,
    check_colors,
    check_within,
    is_contractive,
    log_uniform,
    rounded,
)
from fractalgen.kernels.affine_systems import (
    N_CHAINS,
    N_CHOICES,
    N_UNIFORMS,
    TONE_BITS,
    choose_by_area,
    draw_system,
    frame,
    scatter,
)
from fractalgen.kernels.density import FINE_SHIFT, blend, blur, expose, find_visited
from fractalgen.kernels.probes import TILE, DensityProbe, probe_density

__all__ = [
    "PROBE_PIXELS",
    "PROBE_TILES",
    "AffineMap",
    "Fractal",
    "draw_over",
    "probe",
    "sample_fractal",
    "sample_system",
]

_BASE_SIZE = 256
_LARGE_SIZE = 1024
_N_POINTS = 100_000
_MAX_POINTS = 1_000_000
_MAX_MAPS = 16
# A thin system that is drawn wide has a few large numbers.
_MAX_ENTRY = 1e7
_MAX_TONE = (1 << TONE_BITS) - 1
_N_MAPS_RANGE = (2, 7)
_N_COLORS = 256

_PROBE_SIZE = 64
PROBE_PIXELS = _PROBE_SIZE**2
PROBE_TILES = (_PROBE_SIZE // TILE) ** 2
_PROBE_POINTS = 4096
_NO_TONES = np.zeros(_N_MAPS_RANGE[1], dtype=np.int32)

_SMOOTHED_SHARE = 0.4
# A fractal is always smoothed if more than this share of a probe's visited pixels have one visit.
_DUSTY = 0.43


@dataclass(frozen=True)
class Fractal:
    """One system of affine maps, and how its attractor is coloured."""

    maps: tuple[AffineMap, ...]  # of the unit square, x to the right and y down
    weights: tuple[int, ...]  # how many of 256 random bytes choose each map
    tones: tuple[int, ...]  # the place on the palette that each map pulls towards, 0 to 65535
    points: int  # of the chaos game in an image of 256 x 256; in others in proportion to the area
    gain: float  # how strongly sparse parts are brightened; see `fractalgen.kernels.density.expose`
    structure: float  # 0 colours by density only, 1 by the maps' tones only
    smoothed: bool  # whether the density is smoothed a little, from 256 x 256 pixels up
    stream: int  # the chaos game's random stream
    colors: tuple[str, ...]  # from sparse to dense, as "#rrggbb"

    def __post_init__(self) -> None:
        if not len(self.maps) == len(self.weights) == len(self.tones) > 0:
            raise ArgumentError("a fractal needs a weight and a tone for each of its maps")
        if sum(self.weights) != N_CHOICES or min(self.weights) < 0:
            raise ArgumentError(f"a fractal's weights must be 0 or more and add up to {N_CHOICES}")
        check_within("the number of a fractal's maps", 1, _MAX_MAPS, len(self.maps))
        for row in self.maps:
            check_within("a fractal's maps", -_MAX_ENTRY, _MAX_ENTRY, *row)
        if not all(is_contractive(row) for row in self.maps):
            raise ArgumentError("a fractal's maps must be contractions")
        if not all(0 <= tone <= _MAX_TONE for tone in self.tones):
            raise ArgumentError(f"a fractal's tones must be from 0 to {_MAX_TONE}")
        if not (0 < self.points <= _MAX_POINTS and 0 <= self.stream < 2**63):
            raise ArgumentError("a fractal's points or stream are out of range")
        check_within("a fractal's gain", 1.0, 2000.0, self.gain)
        check_within("a fractal's structure", 0.0, 1.0, self.structure)
        check_colors("a fractal's colours", self.colors)


def sample_system(
    rng: np.random.Generator,
    n_maps: int,
    center: tuple[float, float],
    extent: tuple[float, float],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Draw a system of two or more maps whose attractor roughly fills a box.

    Return the maps, of shape (n_maps, 6), to nine digits, and how many of 256 random bytes choose
    each of them.
    """
    maps, weights = np.empty((n_maps, 6)), np.empty(n_maps, np.int64)
    draw_system(rng.random(1 + N_UNIFORMS * n_maps), maps)
    choose_by_area(maps, weights)
    frame(maps, weights, np.array(center), np.array(extent))
    return maps, weights


def sample_fractal(
    rng: np.random.Generator,
    center: tuple[float, float],
    extent: tuple[float, float],
    n_objects: int,
    colors: tuple[str, ...],
) -> Fractal:
    """Draw a fractal that roughly fills a box, given in sides of the image.

    The colours go from sparse to dense. `n_objects` fractals share the image's points.
    """
    fewest, most = _N_MAPS_RANGE
    n_maps = fewest + int((most + 1 - fewest) * rng.random())
    maps, weights = sample_system(rng, n_maps, center, extent)
    stream = int(rng.integers(2**63))
    places = rng.random(n_maps).tolist()
    # The maps' tones are evenly spaced, in random order.
    tones = [sum(other < place for other in places) * _MAX_TONE // (n_maps - 1) for place in places]
    histogram = _probe_histogram()
    scatter(maps, weights, _NO_TONES, _PROBE_POINTS, np.uint64(stream), _PROBE_SIZE, histogram)
    seen = probe_density(histogram, _PROBE_SIZE)
    is_dusty = bool(seen.single > _DUSTY * seen.visited)
    a, b, c, d, e, f = maps.T.tolist()
    return Fractal(
        maps=tuple(zip(a, b, c, d, e, f, strict=True)),
        weights=tuple(weights.tolist()),
        tones=tuple(tones),
        points=_N_POINTS // n_objects,
        gain=log_uniform(rng, 8.0, 200.0),
        structure=rounded(0.9 * rng.random()),
        smoothed=rng.random() < _SMOOTHED_SHARE or is_dusty,
        stream=stream,
        colors=colors,
    )


def probe(fractals: tuple[Fractal, ...]) -> DensityProbe:
    """Examine a small image: 4,096 points, 64 x 64 pixels."""
    histogram = _probe_histogram()
    for fractal in fractals:
        _play(fractal, _PROBE_POINTS // len(fractals), _PROBE_SIZE, histogram)
    return probe_density(histogram, _PROBE_SIZE)


def _probe_histogram() -> NDArray[np.uint64]:
    return np.zeros(_PROBE_SIZE * _PROBE_SIZE + N_CHAINS, dtype=np.uint64)


def _play(fractal: Fractal, n_points: int, size: int, histogram: NDArray[np.uint64]) -> None:
    scatter(
        np.array(fractal.maps),
        np.array(fractal.weights),
        np.array(fractal.tones, dtype=np.int32),
        n_points,
        np.uint64(fractal.stream),
        size,
        histogram,
    )


def draw_over(fractal: Fractal, canvas: NDArray[np.uint8]) -> None:
    """Draw a fractal over an image, uint8 of shape (size, size, 3), in place.

    A large image is smoothed once more, because its finest threads would fade as pixels shrink.
    """
    size = canvas.shape[0]
    n_points = fractal.points * size * size // _BASE_SIZE**2
    histogram = np.zeros(size * size + N_CHAINS, dtype=np.uint64)
    _play(fractal, n_points, size, histogram)
    histogram, shift = histogram[:-N_CHAINS], 0
    n_passes = (fractal.smoothed and size >= _BASE_SIZE) + (size >= _LARGE_SIZE)
    for doubling in range(n_passes):
        blur(histogram, size, 1 << doubling, shift)
        shift = FINE_SHIFT
    visited = np.empty(histogram.size, dtype=np.uint32)
    visited = visited[: find_visited(histogram, visited)]
    blend(
        histogram,
        visited,
        expose(histogram, visited, shift, np.float32(fractal.gain)),
        gradient(fractal.colors, _N_COLORS),
        np.float32(fractal.structure),
        SRGB8_TO_LINEAR,
        LINEAR_TO_SRGB8,
        canvas.reshape(-1, 3),
    )
