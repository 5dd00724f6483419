"""The first layer of a feature image: a chart of the plane, and oriented filters on it."""

import math
from dataclasses import dataclass

import numpy as np

from fractalgen.families.base import check_within

__all__ = ["FINEST", "NUMBERS", "Chart", "Filter", "blotches", "five_digits", "wave"]

# Cycles per side above which a grating is too fine for a 256-pixel image.
FINEST = 40.0
# Bounds of recorded numbers, within which no kernel can overflow.
NUMBERS = (-100.0, 100.0)
_MAX_CELLS = 256


def five_digits(value: float) -> float:
    """Round to five significant digits: short to record, and the same on every machine."""
    return float(f"{value:.5g}")


@dataclass(frozen=True)
class Chart:
    """Coordinates in which the gratings are straight."""

    center: tuple[float, float] = (0.5, 0.5)  # the origin, in image widths
    bend: float = 0.0  # deviation of the smooth noise that displaces the plane, in image widths
    bend_cells: int = 2  # lattice cells of that noise along a side
    ripple: float = 0.0  # amplitude, in image widths, of a sine that displaces y along x
    ripple_cycles: float = 0.0  # its cycles per width
    polar: bool = False  # use radius and angle (in turns) instead of x and y
    seed_cells: int = 0  # cells along a side, each with its own origin; 0 for a single origin
    jitter: float = 0.0  # how far a cell's origin is off its centre, 0 to 1
    stagger: float = 0.0  # shift of every other row, in cells
    turn: float = 0.0  # the maximum turn of a cell's axes

    def __post_init__(self) -> None:
        numbers = (self.bend, self.ripple, self.ripple_cycles, self.jitter, self.stagger, self.turn)
        check_within("a chart's numbers", *NUMBERS, *self.center, *numbers)
        check_within("bend_cells", 1, _MAX_CELLS, self.bend_cells)
        check_within("seed_cells", 0, _MAX_CELLS, self.seed_cells)


@dataclass(frozen=True)
class Filter:
    """One oriented filter of the first layer."""

    u: float  # wave numbers, in cycles per unit of the chart's coordinates
    v: float
    phase: float  # in turns
    coherence: float  # constant share of the envelope: 1 gives a pure grating, 0 filtered noise
    gain: float  # the filter's weight in the bank
    cells: int  # lattice cells of the envelope along a side; more broaden the frequencies

    def __post_init__(self) -> None:
        numbers = (self.u, self.v, self.phase, self.coherence, self.gain)
        check_within("a filter's numbers", *NUMBERS, *numbers)
        check_within("cells", 1, _MAX_CELLS, self.cells)


def wave(
    rng: np.random.Generator,
    frequency: float,
    angle: float,
    *,
    coherence: float,
    breadth: float,
    gain: float = 1.0,
    phase: float | None = None,
) -> Filter:
    """Make a filter of `frequency` cycles at `angle` turns.

    `breadth` is the envelope's lattice cells per cycle. The phase is random unless it is given.
    """
    frequency = five_digits(frequency)
    turn = 2 * math.pi * angle
    return Filter(
        u=five_digits(frequency * math.cos(turn)),
        v=five_digits(frequency * math.sin(turn)),
        phase=five_digits(rng.random() if phase is None else phase),
        coherence=five_digits(coherence),
        gain=five_digits(gain),
        cells=min(max(round(five_digits(breadth) * frequency), 2), 40),
    )


def blotches(cells: int, gain: float) -> Filter:
    """Make a filter without orientation: smooth noise, for patches of light and colour."""
    return Filter(0.0, 0.0, 0.0, 0.0, five_digits(gain), cells)
