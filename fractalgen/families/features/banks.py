"""Kinds of filter banks, from gratings to eyes, and the random choice among them."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np

from fractalgen.families.base import log_uniform
from fractalgen.families.features.filters import FINEST, Chart, Filter, blotches, five_digits, wave
from fractalgen.seeding import uniform, whole

__all__ = ["sample_bank"]

# Banks whose gratings all have fewer cycles than this look out of focus unless details are added.
_COARSE = 12.0

Bank = tuple[Chart, list[Filter]]

T = TypeVar("T")


def _pick(rng: np.random.Generator, *options: T) -> T:
    return options[whole(rng, 0, len(options))]


def _bent(rng: np.random.Generator, strength: float) -> Chart:
    """Make a plane whose axes turn locally by about `strength` radians."""
    cells = whole(rng, 1, 6)
    ripple = cycles = 0.0
    if rng.random() < 0.12:
        cycles = log_uniform(rng, 1.0, 8.0)
        ripple = uniform(rng, 0.3, 1.0) / (2 * math.pi * cycles)
    return Chart(
        bend=five_digits(strength * 0.35 / cells),
        bend_cells=cells,
        ripple=five_digits(ripple),
        ripple_cycles=five_digits(cycles),
    )


def _gratings(rng: np.random.Generator) -> Bank:
    """Draw one orientation, or a dominant one, from ruled lines to broken stripes."""
    frequency, angle = log_uniform(rng, 3.5, 36), rng.random()
    coherence, breadth = uniform(rng, 0.1, 0.9), uniform(rng, 0.15, 0.5)
    filters = [wave(rng, frequency, angle, coherence=coherence, breadth=breadth)]
    if rng.random() < 0.6:
        other = min(frequency * _pick(rng, 1 / 3, 0.5, 2, 3), FINEST)
        turned = angle + _pick(rng, 0.0, 0.25, 0.04)
        gain = uniform(rng, 0.3, 0.9)
        filters.append(wave(rng, other, turned, coherence=coherence, breadth=breadth, gain=gain))
    return _bent(rng, _pick(rng, 0.1, 0.4, 0.9)), filters


def _curves(rng: np.random.Generator) -> Bank:
    """Draw stripes that wind over a strongly bent plane."""
    frequency, angle = log_uniform(rng, 4, 22), rng.random()
    filters = [
        wave(rng, frequency, angle + 0.03 * i, coherence=uniform(rng, 0.3, 0.9), breadth=0.25)
        for i in range(whole(rng, 1, 4))
    ]
    return _bent(rng, uniform(rng, 1.0, 2.2)), filters


def _lattices(rng: np.random.Generator) -> Bank:
    """Draw checks, honeycombs and quasicrystals: two, three or five equal gratings."""
    frequency, angle = log_uniform(rng, 3.5, 24), rng.random()
    n = _pick(rng, 2, 2, 3, 3, 5)
    step = 0.25 if n == 2 else 0.5 / n
    coherence = uniform(rng, 0.4, 1.0)
    filters = [
        wave(rng, frequency, angle + i * step, coherence=coherence, breadth=0.25) for i in range(n)
    ]
    return _bent(rng, uniform(rng, 0.0, 0.8)), filters


def _weaves(rng: np.random.Generator) -> Bank:
    """Draw fine gratings whose strength follows a coarse one: a carrier and its two sidebands."""
    coarse, angle = log_uniform(rng, 2.5, 9), rng.random()
    fine = min(coarse * _pick(rng, 2, 3, 4), FINEST - coarse)
    coherence = uniform(rng, 0.75, 1.0)
    filters = []
    for turn in (0.0, 0.25)[: whole(rng, 1, 3)]:
        along = 2 * math.pi * (angle + turn)
        across = along + 2 * math.pi * _pick(rng, 0.0, 0.125, 0.25)
        phase, beat = rng.random(), rng.random()
        for side, gain in ((0, 0.7), (1, 0.5), (-1, 0.5)):
            u = fine * math.cos(along) + side * coarse * math.cos(across)
            v = fine * math.sin(along) + side * coarse * math.sin(across)
            frequency, bearing = math.hypot(u, v), math.atan2(v, u) / (2 * math.pi)
            shifted = phase + side * beat
            filters.append(
                wave(
                    rng,
                    frequency,
                    bearing,
                    coherence=coherence,
                    breadth=0.2,
                    gain=gain,
                    phase=shifted,
                )
            )
    return _bent(rng, uniform(rng, 0.0, 0.7)), filters


def _mazes(rng: np.random.Generator) -> Bank:
    """Draw one frequency in all orientations: mazes, fingerprints, leopard spots."""
    frequency, angle = log_uniform(rng, 4, 26), rng.random()
    n, breadth = whole(rng, 4, 7), uniform(rng, 0.25, 0.6)
    filters = [
        wave(rng, frequency, angle + 0.5 * i / n, coherence=0.0, breadth=breadth) for i in range(n)
    ]
    return _bent(rng, uniform(rng, 0.0, 0.5)), filters


def _furs(rng: np.random.Generator) -> Bank:
    """Draw strokes around one direction, at three octaves."""
    frequency, angle = log_uniform(rng, 5, 14), rng.random()
    filters = []
    for octave in (0, 0, 1, 1, 2):
        turned = angle + uniform(rng, -0.06, 0.06)
        breadth, gain = uniform(rng, 0.4, 0.9), 0.75**octave
        above = frequency * 1.7**octave
        filters.append(wave(rng, above, turned, coherence=0.0, breadth=breadth, gain=gain))
    return _bent(rng, uniform(rng, 0.3, 1.6)), filters


def _patchworks(rng: np.random.Generator) -> Bank:
    """Draw filters of different orientations and frequencies that win in different places."""
    filters = [
        wave(rng, log_uniform(rng, 4, 36), rng.random(), coherence=0.0, breadth=0.2)
        for _ in range(whole(rng, 3, 6))
    ]
    return _bent(rng, uniform(rng, 0.2, 1.0)), filters


def _blobs(rng: np.random.Generator) -> Bank:
    """Draw patches of light and colour at three octaves, crossed by strokes."""
    cells = int(log_uniform(rng, 6, 18))
    filters = [blotches(cells, 1.0), blotches(cells, 1.0), blotches(2 * cells, 0.6)]
    for ratio in (1.5, 2.5):
        frequency, gain = min(cells * ratio, FINEST), uniform(rng, 0.3, 0.8)
        filters.append(wave(rng, frequency, rng.random(), coherence=0.0, breadth=0.5, gain=gain))
    return _bent(rng, uniform(rng, 0.0, 1.5)), filters


def _around(rng: np.random.Generator, radial: float, winding: int, coherence: float) -> Filter:
    """Make a filter of `radial` cycles along the radius and `winding` around the centre."""
    return Filter(
        u=five_digits(radial),
        v=float(winding),
        phase=five_digits(rng.random()),
        coherence=five_digits(coherence),
        gain=five_digits(uniform(rng, 0.5, 1.0)),
        cells=whole(rng, 3, 9),
    )


def _rings(rng: np.random.Generator) -> Bank:
    """Draw rings, rays and spirals around one centre."""
    plane = _bent(rng, uniform(rng, 0.1, 0.9))
    x, y = uniform(rng, -0.1, 1.1), uniform(rng, -0.1, 1.1)
    chart = Chart(
        center=(five_digits(x), five_digits(y)),
        bend=plane.bend,
        bend_cells=plane.bend_cells,
        polar=True,
    )
    arms, rings = int(log_uniform(rng, 3, 30)), log_uniform(rng, 3, 24)
    shape = _pick(
        rng,
        ((0.0, arms),),
        ((rings, 0),),
        ((rings, arms),),
        ((rings, arms), (rings, -arms)),
        ((0.0, arms), (rings, 0)),
    )
    return chart, [
        _around(rng, radial, winding, uniform(rng, 0.4, 0.95)) for radial, winding in shape
    ]


def _eyes(rng: np.random.Generator) -> Bank:
    """Draw rows or scatters of centre-surround spots, rosettes and small gratings."""
    cells = int(log_uniform(rng, 3, 16))
    chart = Chart(
        bend=five_digits(uniform(rng, 0.0, 0.25) / cells),
        bend_cells=whole(rng, 2, 6),
        polar=bool(rng.random() < 0.7),
        seed_cells=cells,
        jitter=five_digits(_pick(rng, 0.0, 0.3, 0.9)),
        stagger=0.5 if rng.random() < 0.6 else 0.0,
        turn=five_digits(_pick(rng, 0.0, 0.25, 1.0)),
    )
    filters = [_around(rng, cells * uniform(rng, 0.8, 2.4), 0, uniform(rng, 0.6, 1.0))]
    if rng.random() < 0.6:
        twist = cells * uniform(rng, 0.0, 1.5)
        filters.append(_around(rng, twist, whole(rng, 1, 6), uniform(rng, 0.5, 1.0)))
    if not chart.polar:
        filters.append(wave(rng, cells * uniform(rng, 0.6, 1.8), 0.25, coherence=0.8, breadth=0.3))
    return chart, filters


# How many images in a hundred use each kind.
_KINDS: tuple[tuple[int, Callable[[np.random.Generator], Bank]], ...] = (
    (12, _gratings),
    (11, _curves),
    (13, _lattices),
    (10, _weaves),
    (10, _mazes),
    (10, _furs),
    (11, _patchworks),
    (6, _blobs),
    (7, _rings),
    (10, _eyes),
)
# Each kind repeated according to its share, so one integer chooses.
_BY_SHARE = tuple(kind for share, kind in _KINDS for _ in range(share))


def _details(rng: np.random.Generator, chart: Chart, bank: list[Filter]) -> list[Filter]:
    """Draw faint filters of higher frequencies, falling off as 1 / frequency**a."""
    top = max(6.0, *(math.hypot(f.u, f.v) if f.u else float(f.cells) for f in bank))
    slope = uniform(rng, 0.5, 1.2)
    found = []
    for ratio in (2.2, 4.2, 8.0):
        frequency = top * ratio * uniform(rng, 0.85, 1.15)
        if frequency < FINEST:
            gain = ratio**-slope
            detail = wave(rng, frequency, rng.random(), coherence=0.0, breadth=0.5, gain=gain)
            if chart.polar:
                # Only whole windings close without a seam, and smaller cells around the centres
                # show fewer windings.
                windings = round(detail.v * 2 / max(chart.seed_cells, 2))
                detail = replace(detail, v=float(windings))
            found.append(detail)
    return found


def sample_bank(rng: np.random.Generator) -> tuple[Chart, tuple[Filter, ...]]:
    """Draw a chart and the filters of the first layer."""
    chart, filters = _BY_SHARE[whole(rng, 0, len(_BY_SHARE))](rng)
    if rng.random() < 0.7 or not any(math.hypot(f.u, f.v) > _COARSE for f in filters):
        filters += _details(rng, chart, filters)
    if rng.random() < 0.5:
        filters.append(blotches(whole(rng, 2, 5), uniform(rng, 0.1, 0.35)))
    return chart, tuple(filters)
