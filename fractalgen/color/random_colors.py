"""Random palettes in OKLCH: few hues, a wide range of lightness, one accent."""

import numpy as np

from fractalgen.color.spaces import oklch_to_hex
from fractalgen.seeding import uniform

__all__ = ["random_colors"]

Color = tuple[float, float, float]
"""Lightness, chroma and hue in turns."""

_COUNTS = (4, 5, 6, 7, 8)
_COUNT_WEIGHTS = (0.1, 0.2, 0.3, 0.25, 0.15)

# Turns between the two groups of colours: none, neighbours, triad, split complement, complement.
_HUE_OFFSETS = ((0.0, 0.02), (0.08, 0.17), (0.30, 0.36), (0.38, 0.46), (0.47, 0.53))
_HUE_OFFSET_WEIGHTS = (0.2, 0.25, 0.2, 0.2, 0.15)
_CLOSE = 0.2

# Muted, moderate, vivid: the chroma in the middle of the lightness range.
_CHROMA_RANGES = ((0.025, 0.06), (0.07, 0.14), (0.15, 0.24))
_CHROMA_WEIGHTS = (0.2, 0.5, 0.3)

_DARK_RANGE = (0.09, 0.23)
_LIGHT_RANGE = (0.88, 0.98)

# Yellow looks like itself only when light. Dark yellows look drab unless they lean to brown or
# green.
_YELLOW = 0.285
_YELLOW_WIDTH = 0.11
_YELLOW_LEAN = 0.12
_YELLOW_LIFT = 0.5


def random_colors(rng: np.random.Generator) -> tuple[str, ...]:
    """Draw the 4 to 8 colours of a palette.

    The lightness follows a path from dark to light, the reverse, or there and back. Two groups of
    colours, whose hues are a harmonic angle apart, meet at the path's turning point. The lightest
    and darkest colours have little chroma, so the gradient between them does not turn muddy. A path
    of one hue, or of neighbouring hues, ends in an accent of another hue. The first hue is uniform
    over the circle. The colours are in the order of a gradient, as ``"#rrggbb"``.
    """
    n_colors = _COUNTS[_pick(rng, _COUNT_WEIGHTS)]
    hue = rng.random()
    offset = _sign(rng) * _draw(rng, _HUE_OFFSETS, _HUE_OFFSET_WEIGHTS)
    chroma = _draw(rng, _CHROMA_RANGES, _CHROMA_WEIGHTS)
    second_chroma = chroma if rng.random() < 0.5 else _draw(rng, _CHROMA_RANGES, _CHROMA_WEIGHTS)
    drift = uniform(rng, -0.09, 0.09)

    there_and_back = n_colors >= 5 and rng.random() < 0.55
    has_accent = not there_and_back or abs(offset) < _CLOSE
    n_path = n_colors - has_accent
    turn = (n_path - 1) // 2 + int(rng.integers(2)) if there_and_back else n_path - 1
    levels = _levels(rng, n_path, turn)
    if rng.random() < 0.35:  # a light ground
        levels = [1.0 - level for level in levels]
    dark, light = uniform(rng, *_DARK_RANGE), uniform(rng, *_LIGHT_RANGE)
    lean = _sign(rng) * _YELLOW_LEAN

    colors = []
    for i, level in enumerate(levels):
        side_hue, side_chroma = (hue, chroma) if i <= turn else (hue + offset, second_chroma)
        side_hue += drift * (level - 0.5)
        yellow = _yellowness(side_hue)
        bloom = 4.0 * level * (1.0 - level)  # 0 at black and at white, 1 halfway
        lifted = level + _YELLOW_LIFT * yellow * level * (1.0 - level)
        side_hue += lean * yellow * (1.0 - lifted)
        tint = side_chroma * (0.25 + 0.75 * bloom)
        colors.append((dark + (light - dark) * lifted, tint, side_hue))
    if has_accent:
        colors.append(_accent(rng, hue, offset, chroma))
    return oklch_to_hex(colors)


def _draw(
    rng: np.random.Generator,
    ranges: tuple[tuple[float, float], ...],
    weights: tuple[float, ...],
) -> float:
    """Choose one of the `ranges` by `weights`, and draw uniformly from it."""
    return uniform(rng, *ranges[_pick(rng, weights)])


def _pick(rng: np.random.Generator, weights: tuple[float, ...]) -> int:
    """Draw an index with probabilities `weights`, which add up to 1."""
    place = rng.random()
    for index, weight in enumerate(weights):
        place -= weight
        if place < 0.0:
            return index
    return len(weights) - 1


def _sign(rng: np.random.Generator) -> float:
    return 1.0 if rng.random() < 0.5 else -1.0


def _levels(rng: np.random.Generator, n: int, turn: int) -> list[float]:
    """Return `n` levels that rise from 0 to 1 at `turn`, then fall unevenly towards 0."""
    bend = uniform(rng, 0.75, 1.25)
    end = uniform(rng, 0.0, 0.3)
    levels = []
    for i in range(n):
        jitter = 0.0 if i in (0, turn, n - 1) else uniform(rng, -0.05, 0.05)
        if i <= turn:
            place = i / turn
            levels.append(place + bend * 0.15 * place * (1.0 - place) + jitter)
        else:
            levels.append(1.0 - (1.0 - end) * (i - turn) / (n - 1 - turn) + jitter)
    return levels


def _yellowness(hue: float) -> float:
    """Return 1 at yellow, falling to 0 at orange and at green."""
    distance = abs((hue - _YELLOW + 0.5) % 1.0 - 0.5)
    return max(0.0, 1.0 - distance / _YELLOW_WIDTH)


def _accent(rng: np.random.Generator, hue: float, offset: float, chroma: float) -> Color:
    """Return a colour with a hue away from `hue`, at least as vivid as the others."""
    away = offset if abs(offset) >= _CLOSE else uniform(rng, 0.3, 0.7)
    lightness = uniform(rng, 0.55, 0.85)
    lightness += (0.88 - lightness) * _yellowness(hue + away)
    return lightness, max(chroma, uniform(rng, 0.10, 0.19)), hue + away
