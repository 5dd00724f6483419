"""How the two layers and the tone of a feature picture are drawn at random."""

import math
from dataclasses import replace

import numpy as np

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

__all__ = ["sample_bank", "sample_tone", "sample_units"]

Triple = tuple[float, float, float]

# Banks with no grating finer than this many cycles look out of focus without details.
_COARSE = 12.0
# Every kind as often as its share, so that one integer chooses.
_DRAWERS = tuple(kind for share, kind in KINDS for _ in range(share))
# How colourful a picture is; one is drawn.
_STRENGTHS = (0.15, 0.6, 0.6, 0.8, 1.1, 1.2)


def _details(rng: np.random.Generator, chart: Chart, bank: list[Filter]) -> list[Filter]:
    """Draw faint filters above the bank's own, falling as 1 / frequency**a."""
    top = max(6.0, *(math.hypot(f.u, f.v) if f.u else float(f.cells) for f in bank))
    slope = rng.uniform(0.5, 1.2)
    found = []
    for ratio in (2.2, 4.2, 8.0):
        frequency = top * ratio * rng.uniform(0.85, 1.15)
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
    chart, filters = _DRAWERS[int(rng.integers(len(_DRAWERS)))](rng)
    if rng.random() < 0.7 or not any(math.hypot(f.u, f.v) > _COARSE for f in filters):
        filters += _details(rng, chart, filters)
    if rng.random() < 0.5:
        filters.append(blotches(int(rng.integers(2, 5)), rng.uniform(0.1, 0.35)))
    return chart, tuple(filters)


def sample_units(rng: np.random.Generator, n_filters: int) -> tuple[Unit, ...]:
    """Draw the second layer: units for light, and units for colour."""
    units = []
    n_light, n_color = rng.integers(2, 4, 2)
    for i in range(int(n_light + n_color)):
        seen = np.repeat(rng.random(n_filters) < 0.75, 2)
        weights = rng.normal(size=2 * n_filters) * (seen if seen.any() else 1.0)
        weights *= rng.uniform(1.0, 2.5) / math.sqrt(float((weights * weights).sum()))
        ink = rng.normal(size=3) * ((1.0, 0.3, 0.3) if i < n_light else (0.3, 1.0, 1.0))
        units.append(
            Unit(
                tuple(five_digits(weight) for weight in weights),
                five_digits(rng.uniform(-0.5, 0.6)),
                (five_digits(ink[0]), five_digits(ink[1]), five_digits(ink[2])),
            )
        )
    return tuple(units)


def sample_tone(rng: np.random.Generator) -> tuple[Triple, Triple]:
    """Draw the spread and the mean of the three colour axes.

    Over many pictures the deviations fall from intensity to blue-red to green-magenta, as in
    natural pictures; a single picture may be nearly grey or strongly coloured.
    """
    strength = _STRENGTHS[int(rng.integers(len(_STRENGTHS)))] * rng.uniform(0.7, 1.3)
    light = rng.uniform(0.8, 1.6) / (1.0 + 0.25 * strength)
    blue_red, green = strength * rng.uniform(0.4, 1.0), strength * rng.uniform(0.15, 0.6)
    means = rng.normal(size=3) * (0.22, 0.25 * min(strength, 0.8), 0.12 * min(strength, 0.8))
    return (
        (five_digits(light), five_digits(blue_red), five_digits(green)),
        (five_digits(means[0]), five_digits(means[1]), five_digits(means[2])),
    )
