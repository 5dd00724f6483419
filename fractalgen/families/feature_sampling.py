"""How the two layers and the tone of a feature image are drawn at random."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.families.feature_kinds import KINDS
from fractalgen.families.feature_parts import (
    FINEST,
    Chart,
    Filter,
    Unit,
    blotches,
    five_digits,
    wave,
)
from fractalgen.seeding import uniform, whole

__all__ = ["sample_bank", "sample_tone", "sample_units"]

Triple = tuple[float, float, float]

# Banks with no grating finer than this many cycles look out of focus without details.
_COARSE = 12.0
# Every kind as often as its share, so that one integer chooses.
_DRAWERS = tuple(kind for share, kind in KINDS for _ in range(share))
# How many of the filters a unit of the second layer sees.
_SEEN_SHARE = 0.75
# How colourful an image is; one is drawn.
_STRENGTHS = (0.15, 0.6, 0.6, 0.8, 1.1, 1.2)


def _details(rng: np.random.Generator, chart: Chart, bank: list[Filter]) -> list[Filter]:
    """Draw faint filters above the bank's own, falling as 1 / frequency**a."""
    top = max(6.0, *(math.hypot(f.u, f.v) if f.u else float(f.cells) for f in bank))
    slope = uniform(rng, 0.5, 1.2)
    found = []
    for ratio in (2.2, 4.2, 8.0):
        frequency = top * ratio * uniform(rng, 0.85, 1.15)
        if frequency < FINEST:
            gain = ratio**-slope
            detail = wave(rng, frequency, rng.random(), coherence=0.0, breadth=0.5, gain=gain)
            if chart.polar:
                # Only whole windings meet themselves without a seam, and the smaller the cells
                # around their centres, the fewer windings can be told apart.
                windings = round(detail.v * 2 / max(chart.seed_cells, 2))
                detail = replace(detail, v=float(windings))
            found.append(detail)
    return found


def sample_bank(rng: np.random.Generator) -> tuple[Chart, tuple[Filter, ...]]:
    """Draw a chart and the filters of the first layer."""
    chart, filters = _DRAWERS[whole(rng, 0, len(_DRAWERS))](rng)
    if rng.random() < 0.7 or not any(math.hypot(f.u, f.v) > _COARSE for f in filters):
        filters += _details(rng, chart, filters)
    if rng.random() < 0.5:
        filters.append(blotches(whole(rng, 2, 5), uniform(rng, 0.1, 0.35)))
    return chart, tuple(filters)


def sample_units(rng: np.random.Generator, n_filters: int) -> tuple[Unit, ...]:
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


def sample_tone(rng: np.random.Generator) -> tuple[Triple, Triple]:
    """Draw the spread and the mean of the three colour axes.

    Over many images the deviations fall from intensity to blue-red to green-magenta, as in
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
