"""Colours for a figure and the ground behind it, so that the one stands out from the other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fractalgen.color_spaces import hex_to_linear, linear_to_oklab, oklch_to_hex
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
_BAND_CHANCES = (0.4, 0.25, 0.35)


@dataclass(frozen=True)
class LightnessBand:
    """The lightnesses (OKLab's L, 0 to 1) between which a ground keeps."""

    low: float
    high: float


def _lightness(colors: tuple[str, ...]) -> NDArray[np.float64]:
    return linear_to_oklab(hex_to_linear(colors))[:, 0]


def _apart(colors: tuple[str, ...], band: LightnessBand) -> tuple[str, ...]:
    """Return the colours above or below a band, whichever go farther, the nearest first.

    There are none unless two of them are well away from the band, one is far away, and they
    differ among themselves.
    """
    lightness = _lightness(colors)
    above, below = lightness.max() - band.high, band.low - lightness.min()
    distance = lightness - band.high if above >= below else band.low - lightness
    order = np.argsort(distance, kind="stable")
    outside = distance[distance >= 0.0]
    if distance.max() < _REACH or np.count_nonzero(outside >= _GAP) < 2 or np.ptp(outside) < _RANGE:
        return ()
    return tuple(colors[i] for i in order if distance[i] >= 0.0)


def sample_band(rng: np.random.Generator, figure: tuple[str, ...]) -> LightnessBand:
    """Draw a band of lightness from which two colours of the figure, at least, stand apart.

    Where the figure's colours are too much alike for the band that was drawn, the ground is dark
    behind light colours and light behind dark ones.
    """
    lows, highs = _BANDS[rng.choice(len(_BANDS), p=_BAND_CHANCES)]
    low, high = rng.random(2)
    band = _band_at(lows, highs, low, high)
    if _apart(figure, band):
        return band
    lows, highs = _BANDS[0] if _lightness(figure).mean() > 0.5 else _BANDS[-1]
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
        order = np.argsort(np.abs(_lightness(colors) - middle), kind="stable")
        chosen = tuple(colors[i] for i in order)
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
    low, high = _GROUND_COLORS_RANGE
    n = min(len(colors), int(rng.integers(low, high + 1)))
    picked = tuple(colors[i] for i in rng.permutation(len(colors))[:n])
    lightness, a, b = linear_to_oklab(hex_to_linear(picked)).T
    chroma = rng.uniform(0.9, 1.7) * np.hypot(a, b)
    hue = np.arctan2(b, a) / (2 * np.pi)
    spread = max(float(lightness.max() - lightness.min()), 1e-6)
    moved = band.low + (band.high - band.low) * (lightness - lightness.min()) / spread
    return tuple(
        oklch_to_hex(rounded(moved[i]), rounded(chroma[i]), rounded(hue[i])) for i in range(n)
    )
