"""One affine fractal of an image: its parameters, how they are drawn, how it is drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fractalgen.color.gradients import gradient
from fractalgen.color.spaces import LINEAR_TO_SRGB8, SRGB8_TO_LINEAR
from fractalgen.families.affine_systems import AffineMap, is_contractive, sample_system
from fractalgen.families.base import log_uniform, rounded
from fractalgen.families.ranges import check_colors, check_within
from fractalgen.kernels.chaos_game import N_CHAINS, N_CHOICES, TONE_BITS, scatter
from fractalgen.kernels.density import FINE_SHIFT, blend, blur, expose, find_visited
from fractalgen.kernels.density_probe import TILE, DensityProbe, examine

__all__ = ["PROBE_PIXELS", "PROBE_TILES", "Fractal", "lay_over", "probe", "sample_fractal"]

_BASE_SIZE = 256
_LARGE_SIZE = 1024
_N_POINTS = 100_000
_MAX_POINTS = 1_000_000
_MAX_MAPS = 16
# A system that is thin, and drawn wide, has a large number or two.
_LARGEST_ENTRY = 1e7
_MAX_TONE = (1 << TONE_BITS) - 1
_N_MAPS_RANGE = (2, 7)
_N_COLORS = 256

_PROBE_SIZE = 64
PROBE_PIXELS = _PROBE_SIZE**2
PROBE_TILES = (_PROBE_SIZE // TILE) ** 2
_PROBE_POINTS = 4096
_NO_TONES = np.zeros(_N_MAPS_RANGE[1], dtype=np.int32)

_SMOOTHED_SHARE = 0.4
# The share of a probe's visited pixels with a single visit from which a fractal is smoothed anyway.
_DUSTY = 0.43


@dataclass(frozen=True)
class Fractal:
    """One system of affine maps, and how its attractor is coloured.

    Attributes
    ----------
    maps : tuple of tuple of float
        Rows (a, b, c, d, e, f): x' = a x + b y + c, y' = d x + e y + f. The image is the unit
        square, x to the right and y down.
    weights : tuple of int
        How many of 256 random bytes choose each map.
    tones : tuple of int
        Where on the palette each map's part of the attractor is drawn to, 0 to 65535.
    points : int
        Points of the chaos game in an image of 256 x 256; others have as many to the area.
    gain : float
        How strongly sparse parts are brightened; see `fractalgen.kernels.density.expose`.
    structure : float
        0 colours by density alone, 1 by the maps' tones alone.
    smoothed : bool
        Whether the density is smoothed a little, in images of 256 x 256 and more.
    stream : int
        The chaos game's random stream.
    colors : tuple of str
        The palette from sparse to dense, as ``"#rrggbb"``.
    """

    maps: tuple[AffineMap, ...]
    weights: tuple[int, ...]
    tones: tuple[int, ...]
    points: int
    gain: float
    structure: float
    smoothed: bool
    stream: int
    colors: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.maps) == len(self.weights) == len(self.tones) > 0:
            raise ValueError("a fractal needs a weight and a tone for each of its maps")
        if sum(self.weights) != N_CHOICES or min(self.weights) < 0:
            raise ValueError(f"a fractal's weights must be 0 or more and add up to {N_CHOICES}")
        check_within("the number of a fractal's maps", 1, _MAX_MAPS, len(self.maps))
        for row in self.maps:
            check_within("a fractal's maps", -_LARGEST_ENTRY, _LARGEST_ENTRY, *row)
        if not all(is_contractive(row) for row in self.maps):
            raise ValueError("a fractal's maps must be contractions")
        if not all(0 <= tone <= _MAX_TONE for tone in self.tones):
            raise ValueError(f"a fractal's tones must be from 0 to {_MAX_TONE}")
        if not (0 < self.points <= _MAX_POINTS and 0 <= self.stream < 2**63):
            raise ValueError("a fractal's points or stream are out of range")
        check_within("a fractal's gain", 1.0, 2000.0, self.gain)
        check_within("a fractal's structure", 0.0, 1.0, self.structure)
        check_colors("a fractal's colours", self.colors)


def sample_fractal(
    rng: np.random.Generator,
    center: tuple[float, float],
    extent: tuple[float, float],
    n_objects: int,
    colors: tuple[str, ...],
) -> Fractal:
    """Draw a fractal that fills a box, by and large.

    Parameters
    ----------
    rng : numpy.random.Generator
    center, extent : tuple of float
        The box's centre and sides, in sides of the image.
    n_objects : int
        How many fractals share the image's points.
    colors : tuple of str
        From sparse to dense, as ``"#rrggbb"``.
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
    seen = examine(histogram, _PROBE_SIZE)
    is_dusty = seen.single > _DUSTY * seen.visited
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
    return examine(histogram, _PROBE_SIZE)


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


def lay_over(fractal: Fractal, canvas: NDArray[np.uint8]) -> None:
    """Draw a fractal over an image, uint8 of shape (size, size, 3), in place.

    A large image is smoothed once more: as pixels shrink, the finest threads would fade.
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
