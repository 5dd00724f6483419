"""Backgrounds, and colours that make a figure stand out from them."""

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fractalgen.color.spaces import hex_to_oklab, oklab_to_hex, srgb_gradient
from fractalgen.errors import ArgumentError
from fractalgen.families.base import check_colors, check_direction, check_within, rounded
from fractalgen.kernels.backgrounds import CLOUD_CELLS, GRADIENTS, clouds, diamond_square, paint

__all__ = [
    "Backdrop",
    "LightnessBand",
    "draw_backdrop",
    "figure_colors",
    "ground_colors",
    "sample_backdrop",
    "sample_band",
]

_N_COLORS = 256
_MIN_LEVELS = 4
_TEXTURES = ("terrain", "clouds")
_SHAPE_BORDERS = (0.45, 0.7, 0.85)
_CLOUD_LEVELS_FEWER = (CLOUD_CELLS - 1).bit_length()

_MAX_FIGURE_COLORS = 8
_GROUND_COLORS_RANGE = (3, 5)

# The lightness between a ground and its figure's second nearest and farthest colour.
_GAP = 0.14
_REACH = 0.32
# The range of lightness within a figure.
_RANGE = 0.2

# The ranges from which the lightness of a ground's darkest and lightest colour are drawn.
_BANDS = (
    ((0.14, 0.26), (0.36, 0.52)),
    ((0.36, 0.46), (0.48, 0.60)),
    ((0.62, 0.76), (0.86, 0.97)),
)
_BAND_BORDERS = (0.4, 0.65)


@dataclass(frozen=True)
class Backdrop:
    """A random field plus a gradient, coloured by a cyclic palette."""

    texture: str  # the field: "terrain" (diamond-square) or "clouds"
    roughness: float  # weight of each finer level of the field, 0 to 1
    noise: float  # turns through the palette per unit of the field, whose corners lie in [-1, 1]
    shape: str  # the gradient: key of `fractalgen.kernels.backgrounds.GRADIENTS`
    turns: float  # through the palette along a side of the image, or around it
    direction: tuple[float, float]  # cosine and sine of the gradient's direction
    center: tuple[float, float]  # of the gradient, in sides of the image
    stream: int  # the field's random stream
    colors: tuple[str, ...]  # as "#rrggbb"

    def __post_init__(self) -> None:
        if self.texture not in _TEXTURES or self.shape not in GRADIENTS:
            raise ArgumentError(
                f"no background has the texture {self.texture} and shape {self.shape}"
            )
        if not 0 <= self.stream < 2**63:
            raise ArgumentError("the stream of a background is out of range")
        check_within("a background's roughness", 0.0, 1.0, self.roughness)
        check_within("a background's noise", 0.0, 8.0, self.noise)
        check_within("a background's turns", 0.0, 16.0, self.turns)
        check_direction("a background's direction", *self.direction)
        check_within("a background's centre", -2.0, 3.0, *self.center)
        check_colors("a background's colours", self.colors)


def sample_backdrop(rng: np.random.Generator, colors: tuple[str, ...]) -> Backdrop:
    """Draw a background in the given colours."""
    u = rng.random(8).tolist()
    texture = _TEXTURES[u[0] >= 0.5]
    shape = list(GRADIENTS)[bisect_right(_SHAPE_BORDERS, u[1])]
    low, high = (0.4, 0.8) if texture == "terrain" else (0.3, 0.75)
    roughness = low + (high - low) * u[2]
    noise = 0.2 * 4.0 ** u[3] if shape == "none" else 0.02 * 15.0 ** u[3]
    turns = 1.0 + (u[4] >= 0.5) if shape == "conic" else 0.4 * 4.0 ** u[4]
    angle = 2 * math.pi * u[5]
    return Backdrop(
        texture=texture,
        roughness=rounded(roughness),
        noise=rounded(noise),
        shape=shape,
        turns=rounded(turns),
        direction=(rounded(math.cos(angle)), rounded(math.sin(angle))),
        center=(rounded(0.1 + 0.8 * u[6]), rounded(0.1 + 0.8 * u[7])),
        stream=int(rng.integers(2**63)),
        colors=colors,
    )


def draw_backdrop(backdrop: Backdrop, size: int) -> NDArray[np.uint8]:
    """Draw a background, uint8 of shape (size, size, 3).

    The field's grid has about one node per two pixels along a side; its size is a power of two.
    """
    n_levels = max(_MIN_LEVELS, (size - 1).bit_length() - 1)
    roughness, stream = np.float32(backdrop.roughness), np.uint64(backdrop.stream)
    if backdrop.texture == "terrain":
        field = diamond_square(n_levels, roughness, stream)
    else:
        field = clouds(n_levels - _CLOUD_LEVELS_FEWER, roughness, stream)
    ramp = srgb_gradient(backdrop.colors, _N_COLORS, cyclic=True)
    return paint(
        field,
        1 << n_levels,
        np.float32(backdrop.noise),
        GRADIENTS[backdrop.shape],
        np.float32(backdrop.turns),
        np.float32(backdrop.direction[0]),
        np.float32(backdrop.direction[1]),
        np.float32(backdrop.center[0]),
        np.float32(backdrop.center[1]),
        ramp,
        size,
    )


@dataclass(frozen=True)
class LightnessBand:
    """The range of lightness (OKLab's L, 0 to 1) of a ground's colours."""

    low: float
    high: float


def _lightness(colors: tuple[str, ...]) -> list[float]:
    return [lightness for lightness, _, _ in hex_to_oklab(colors)]


def _apart(colors: tuple[str, ...], band: LightnessBand) -> tuple[str, ...]:
    """Return the colours above or below a band, whichever extend farther, the nearest first.

    Return none unless two are well away from the band, one is far away, and they differ from each
    other.
    """
    lightness = _lightness(colors)
    if max(lightness) - band.high >= band.low - min(lightness):
        distances = [one - band.high for one in lightness]
    else:
        distances = [band.low - one for one in lightness]
    order = sorted(range(len(colors)), key=distances.__getitem__)
    outside = [i for i in order if distances[i] >= 0.0]
    nearest, farthest = (distances[i] for i in (outside[0], outside[-1])) if outside else (0.0, 0.0)
    n_away = sum(distances[i] >= _GAP for i in outside)
    if farthest < _REACH or n_away < 2 or farthest - nearest < _RANGE:
        return ()
    return tuple(colors[i] for i in outside)


def sample_band(rng: np.random.Generator, figure: tuple[str, ...]) -> LightnessBand:
    """Draw a band of lightness from which at least two of the figure's colours stand apart.

    If the figure's colours are too much alike for the band that was drawn, the ground becomes dark
    behind light colours and light behind dark ones.
    """
    place, low, high = rng.random(3).tolist()
    lows, highs = _BANDS[bisect_right(_BAND_BORDERS, place)]
    band = _band_at(lows, highs, low, high)
    if _apart(figure, band):
        return band
    lows, highs = _BANDS[0] if sum(_lightness(figure)) > 0.5 * len(figure) else _BANDS[-1]
    return _band_at(lows, highs, low, high)


def _band_at(
    lows: tuple[float, float], highs: tuple[float, float], low: float, high: float
) -> LightnessBand:
    return LightnessBand(
        rounded(lows[0] + (lows[1] - lows[0]) * low),
        rounded(highs[0] + (highs[1] - highs[0]) * high),
    )


def figure_colors(colors: tuple[str, ...], band: LightnessBand) -> tuple[str, ...]:
    """Choose two to eight colours of a figure, ordered by their distance from the ground.

    Colours too close to the ground are dropped, unless fewer than two would remain.
    """
    chosen = _apart(colors, band)
    if not chosen:
        middle = (band.low + band.high) / 2
        distances = [abs(one - middle) for one in _lightness(colors)]
        chosen = tuple(colors[i] for i in sorted(range(len(colors)), key=distances.__getitem__))
    if len(chosen) > _MAX_FIGURE_COLORS:
        last = len(chosen) - 1
        steps = _MAX_FIGURE_COLORS - 1
        chosen = tuple(chosen[round(i * last / steps)] for i in range(_MAX_FIGURE_COLORS))
    return chosen


def ground_colors(
    rng: np.random.Generator, colors: tuple[str, ...], band: LightnessBand
) -> tuple[str, ...]:
    """Draw three to five colours of a palette, in random order, and move them into a band.

    Hues stay the same; the chroma of all is scaled by the same factor.
    """
    fewest, most = _GROUND_COLORS_RANGE
    amount, strength, *places = rng.random(2 + len(colors)).tolist()
    n = min(len(colors), fewest + int((most + 1 - fewest) * amount))
    lab = hex_to_oklab(colors)
    picked = [lab[i] for i in sorted(range(len(colors)), key=places.__getitem__)[:n]]
    least, largest = min(picked)[0], max(picked)[0]
    scale = (band.high - band.low) / max(largest - least, 1e-6)
    more = 0.9 + 0.8 * strength
    return oklab_to_hex(
        [(band.low + scale * (one - least), more * a, more * b) for one, a, b in picked]
    )
