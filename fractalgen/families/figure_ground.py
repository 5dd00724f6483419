"""Colours for a figure and the ground behind it, so that the one stands out from the other."""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from fractalgen.color.spaces import hex_to_oklab, oklab_to_hex
from fractalgen.families.base import rounded

__all__ = ["LightnessBand", "figure_colors", "ground_colors", "sample_band"]

_MAX_FIGURE_COLORS = 8
_GROUND_COLORS_RANGE = (3, 5)

# How far in lightness the second nearest and the farthest colour of a figure are from its ground.
_GAP = 0.14
_REACH = 0.32
# How far apart in lightness a figure's own colours are.
_RANGE = 0.2

# Where the lightness of the darkest and of the lightest colour of a ground are drawn from.
_BANDS = (
    ((0.14, 0.26), (0.36, 0.52)),
    ((0.36, 0.46), (0.48, 0.60)),
    ((0.62, 0.76), (0.86, 0.97)),
)
_BAND_BORDERS = (0.4, 0.65)


@dataclass(frozen=True)
class LightnessBand:
    """The lightnesses (OKLab's L, 0 to 1) between which a ground keeps."""

    low: float
    high: float


def _lightness(colors: tuple[str, ...]) -> list[float]:
    return [lightness for lightness, _, _ in hex_to_oklab(colors)]


def _apart(colors: tuple[str, ...], band: LightnessBand) -> tuple[str, ...]:
    """Return the colours above or below a band, whichever go farther, the nearest first.

    There are none unless two of them are well away from the band, one is far away, and they
    differ among themselves.
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
    """Draw a band of lightness from which two colours of the figure, at least, stand apart.

    Where the figure's colours are too much alike for the band that was drawn, the ground is dark
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
    """Choose and order the colours of a figure: from the one nearest to its ground outwards.

    Parameters
    ----------
    colors : tuple of str
        Two or more, as ``"#rrggbb"``.
    band : LightnessBand
        The ground's.

    Returns
    -------
    tuple of str
        Two to eight of the colours, those too near to the ground left out. If fewer than two
        are far enough, all of them.
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
    """Draw three to five colours of a palette and move their lightness into a band.

    Hues stay; chroma is scaled by one number for all.

    Returns
    -------
    tuple of str
        As ``"#rrggbb"``, in random order.
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
