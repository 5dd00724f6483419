"""Fractal flames: nonlinear chaos games, their density on a logarithmic scale.

Source: Draves and Reckase, "The fractal flame algorithm", 2008. Systems are drawn at random, and
the window is the part of the plane that holds most of the points.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.color.palettes import choose, resolve
from fractalgen.color.spaces import gradient, hex_to_linear, linear_to_srgb
from fractalgen.errors import ArgumentError
from fractalgen.families.base import check_colors, check_within, rounded
from fractalgen.kernels.flames import MAX_VARIATIONS, N_CHOICES, VARIATIONS, play_flame
from fractalgen.kernels.tone_maps import COLOR_UNIT, develop

__all__ = ["Flame", "FlameMap", "FlameParams"]

_MAX_MAPS = 8
_POINTS_PER_IMAGE = 1_000_000  # at 256 pixels a side; as many per pixel at other sizes
_MAX_POINTS = 200_000_000
_OVERSAMPLE = 2  # cells per pixel along each side
_MAX_SIDE = 4096  # cells along each side; larger images are enlarged
_SEARCH_SIDE = 256  # cells, where the window is looked for
_SEARCH_WIDTH = 16.0
_SEARCH_POINTS = 40_000
_PROBE_SIDE = 64
_PROBE_POINTS = 60_000
_TAIL = 0.04  # share of the points beyond each side of the window
# What a probe must show.
_MIN_FILLED = 0.28  # of its cells
_MAX_SINGLE = 0.12  # of the points in one cell
_VISIT = 0.25  # below 1, single visits to a pixel are fainter
_BRIGHTEST = 0.995  # this quantile of the filled cells is white


@dataclass(frozen=True)
class FlameMap:
    """One function of a system: an affine map, then a mixture of variations."""

    affine: tuple[float, float, float, float, float, float]  # x' = a x + b y + c, y' = d x + ...
    weight: int  # of 256 random bytes, how many choose this map
    blend: tuple[float, ...]  # the weight of each of the flame's variations
    tone: float  # where on the gradient the map pulls an orbit's colour, from 0 to 1


@dataclass(frozen=True)
class FlameParams:
    """One flame."""

    variations: tuple[str, ...]
    maps: tuple[FlameMap, ...]
    window: tuple[float, float, float]  # x and y of the centre, and the side
    gamma: float  # above 1: faint parts get lighter
    vibrancy: float  # 1 applies the gamma to the brightness alone, 0 to each channel
    background: str
    colors: tuple[str, ...]
    stream: int

    def __post_init__(self) -> None:
        unknown = set(self.variations) - set(VARIATIONS)
        if unknown or not self.variations:
            raise ArgumentError(f"variations must be some of {', '.join(VARIATIONS)}")
        check_within("the number of variations", 1, MAX_VARIATIONS, len(self.variations))
        check_within("the number of maps", 1, _MAX_MAPS, len(self.maps))
        if sum(one.weight for one in self.maps) != N_CHOICES:
            raise ArgumentError(f"the weights of the maps must add up to {N_CHOICES}")
        for one in self.maps:
            check_within("the weight of a map", 0, N_CHOICES, one.weight)
            check_within("an affine map", -8.0, 8.0, *one.affine)
            check_within("the blend of a map", -4.0, 4.0, *one.blend)
            check_within("the tone of a map", 0.0, 1.0, one.tone)
            if len(one.blend) != len(self.variations):
                raise ArgumentError("a map needs a weight for each variation")
        check_within("the centre of the window", -100.0, 100.0, *self.window[:2])
        check_within("the side of the window", 0.001, 100.0, self.window[2])
        check_within("gamma", 0.5, 8.0, self.gamma)
        check_within("vibrancy", 0.0, 1.0, self.vibrancy)
        check_within("the stream", 0, 2**63 - 1, self.stream)
        check_colors("colors", self.colors)
        check_colors("the background", (self.background, self.background))


@dataclass(frozen=True)
class Flame:
    """The family of fractal flames.

    Parameters
    ----------
    palette : str
        What `fractalgen.color.palettes.resolve` understands.
    """

    name: ClassVar[str] = "flame"
    version: ClassVar[int] = 1
    params_type: ClassVar[type[FlameParams]] = FlameParams

    palette: str = "any"

    def __post_init__(self) -> None:
        object.__setattr__(self, "palette", resolve(self.palette))

    def sample_params(self, rng: np.random.Generator) -> FlameParams:
        """Draw a system, look for its window, and draw the colours."""
        n_maps = int(rng.integers(2, 6))
        n_variations = int(rng.integers(1, 4))
        variations = tuple(map(str, rng.choice(list(VARIATIONS), n_variations, replace=False)))
        shares = rng.random(n_maps) + 0.2
        weights = np.floor(shares / shares.max() * 40).astype(int).tolist()
        weights = [1 + weight * (N_CHOICES - n_maps) // sum(weights) for weight in weights]
        weights[0] += N_CHOICES - sum(weights)
        tones = rng.permutation(n_maps).tolist()
        maps = tuple(
            FlameMap(
                affine=_sample_affine(rng),
                weight=weight,
                blend=_sample_blend(rng, n_variations),
                tone=rounded(tone / max(n_maps - 1, 1)),
            )
            for weight, tone in zip(weights, tones, strict=True)
        )
        colors = choose(self.palette, rng).colors
        dark = min(colors, key=lambda color: float(hex_to_linear((color,)).sum()))
        params = FlameParams(
            variations=variations,
            maps=maps,
            window=(0.0, 0.0, _SEARCH_WIDTH),
            gamma=rounded(rng.uniform(0.9, 1.8)),
            vibrancy=rounded(rng.uniform(0.5, 1.0)),
            background=dark if rng.random() < 0.5 else "#000000",
            colors=colors,
            stream=int(rng.integers(2**63)),
        )
        return _framed(params)

    def accepts(self, params: FlameParams) -> bool:
        """Refuse flames that fill little of their window, or gather in a few points."""
        counts = _histogram(params, _PROBE_SIDE, _PROBE_POINTS)[:, :, 0]
        total = max(int(counts.sum()), 1)
        fills = int(np.count_nonzero(counts)) >= _MIN_FILLED * counts.size
        return fills and int(counts.max()) <= _MAX_SINGLE * total

    def render(self, params: FlameParams, size: int) -> NDArray[np.uint8]:
        """Draw the image as a (size, size, 3) uint8 RGB array."""
        side = min(size * _OVERSAMPLE, _MAX_SIDE)
        pixels = side // _OVERSAMPLE
        histogram = _histogram(params, side, _n_points(pixels))
        planes = np.empty((3, pixels, pixels), np.float32)
        ground = hex_to_linear((params.background,))[0].astype(np.float32)
        develop(
            histogram,
            _OVERSAMPLE,
            np.float32(_VISIT),
            np.float32(_brightest(params)),
            np.float32(params.gamma),
            np.float32(params.vibrancy),
            ground,
            planes,
        )
        image = linear_to_srgb(planes)
        if pixels == size:
            return image
        return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


def _n_points(pixels: int) -> int:
    return min(_MAX_POINTS, _POINTS_PER_IMAGE * pixels * pixels // 65536)


def _sample_affine(rng: np.random.Generator) -> tuple[float, float, float, float, float, float]:
    """Draw a map with singular values between 0.3 and 1, and a shift of at most 1."""
    first, second = (2 * math.pi * rng.random(2)).tolist()
    wide, narrow, x, y = rng.uniform((0.3, 0.3, -1.0, -1.0), (1.0, 1.0, 1.0, 1.0)).tolist()
    return (
        rounded(wide * math.cos(first)),
        rounded(-narrow * math.sin(second)),
        rounded(x),
        rounded(wide * math.sin(first)),
        rounded(narrow * math.cos(second)),
        rounded(y),
    )


def _sample_blend(rng: np.random.Generator, n_variations: int) -> tuple[float, ...]:
    shares = rng.random(n_variations) ** 2 * (rng.random(n_variations) < 0.7)
    if not shares.any():
        shares[int(rng.integers(n_variations))] = 1.0
    return tuple(rounded(share) for share in (shares / shares.sum()).tolist())


def _framed(params: FlameParams) -> FlameParams:
    """Move the window to where most of the points are."""
    counts = _histogram(params, _SEARCH_SIDE, _SEARCH_POINTS)[:, :, 0].astype(np.int64)
    total = max(int(counts.sum()), 1)
    cell = _SEARCH_WIDTH / _SEARCH_SIDE
    middle, width = [], 0.0
    for axis in (0, 1):
        below = np.cumsum(counts.sum(axis=axis))
        low, high = np.searchsorted(below, [_TAIL * total, (1.0 - _TAIL) * total]).tolist()
        middle.append(((low + high + 1) / 2) * cell - _SEARCH_WIDTH / 2)
        width = max(width, (high - low + 1) * cell)
    return replace(params, window=(rounded(middle[0]), rounded(middle[1]), rounded(1.1 * width)))


def _histogram(params: FlameParams, side: int, n_points: int) -> NDArray[np.uint32]:
    """Play the flame; uint32 of shape (side, side, 4): visits, red, green and blue."""
    maps = np.array([one.affine for one in params.maps], np.float32)
    weights = [one.weight for one in params.maps]
    x, y, width = params.window
    corner = np.array([x - width / 2, y - width / 2, side / width], np.float32)
    inks = np.empty((256, 4), np.uint32)
    inks[:, 0] = 1
    inks[:, 1:] = np.clip(gradient(params.colors, 256) * COLOR_UNIT + 0.5, 0, COLOR_UNIT)
    blends = np.zeros((len(maps), MAX_VARIATIONS), np.float32)
    blends[:, : len(params.variations)] = [one.blend for one in params.maps]
    histogram = np.zeros((side * side + 1, 4), np.uint32)
    play_flame(
        maps,
        np.repeat(np.arange(len(weights)), weights),
        np.array([VARIATIONS[name] for name in params.variations], np.int64),
        blends,
        np.array([one.tone for one in params.maps], np.float32),
        n_points,
        np.uint64(params.stream),
        corner,
        side,
        inks,
        histogram,
    )
    return histogram[:-1].reshape(side, side, 4)


@lru_cache(maxsize=32)
def _brightest(params: FlameParams) -> float:
    """Return the visits to a pixel that are white, for as many points a pixel as `render` plays."""
    counts = _histogram(params, _PROBE_SIDE, _n_points(_PROBE_SIDE))[:, :, 0]
    filled = np.sort(counts[counts > 0])
    if not filled.size:
        return 1.0
    return float(max(filled[int(_BRIGHTEST * (filled.size - 1))], 1))
