"""The parts that a feature image is made of."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

__all__ = [
    "FINEST",
    "Chart",
    "Filter",
    "Unit",
    "blotches",
    "check_count",
    "check_numbers",
    "five_digits",
    "wave",
]

# Cycles a side above which a grating is finer than a 256-pixel image shows well.
FINEST = 40.0
# Recorded parameters may be edited by anyone; within these bounds no kernel can overflow.
_LARGEST_NUMBER = 100.0
_MOST_CELLS = 256


def five_digits(value: float) -> float:
    """Keep five significant digits: enough for an image, short on record, the same everywhere."""
    return float(f"{value:.5g}")


def check_numbers(what: str, numbers: Iterable[float]) -> None:
    """Raise ValueError unless every number is finite and of magnitude at most 100."""
    for number in numbers:
        if not -_LARGEST_NUMBER <= number <= _LARGEST_NUMBER:
            raise ValueError(f"{what}: {number} is not within {_LARGEST_NUMBER:g} of 0")


def check_count(what: str, count: int, low: int, high: int) -> None:
    """Raise ValueError unless `count` is from `low` to `high`."""
    if not low <= count <= high:
        raise ValueError(f"{what} must be from {low} to {high}, not {count}")


@dataclass(frozen=True)
class Chart:
    """Coordinates in which the gratings run straight.

    Attributes
    ----------
    center : tuple of float
        Origin, in image widths.
    bend : float
        Deviation of the smooth noise that displaces the plane, in image widths.
    bend_cells : int
        Lattice cells of that noise along a side.
    ripple, ripple_cycles : float
        A sine that displaces y along x: amplitude in image widths, cycles per width.
    polar : bool
        Measure radius and angle (in turns) in place of x and y.
    seed_cells : int
        Cells along a side that have an origin of their own; 0 for a single origin.
    jitter, stagger, turn : float
        How far a cell's origin strays (0 to 1), the shift of every other row in cells, and the
        largest turn of a cell's axes.
    """

    center: tuple[float, float] = (0.5, 0.5)
    bend: float = 0.0
    bend_cells: int = 2
    ripple: float = 0.0
    ripple_cycles: float = 0.0
    polar: bool = False
    seed_cells: int = 0
    jitter: float = 0.0
    stagger: float = 0.0
    turn: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.bend, self.ripple, self.ripple_cycles, self.jitter, self.stagger, self.turn)
        check_numbers("chart", (*self.center, *numbers))
        check_count("bend_cells", self.bend_cells, 1, _MOST_CELLS)
        check_count("seed_cells", self.seed_cells, 0, _MOST_CELLS)


@dataclass(frozen=True)
class Filter:
    """One oriented filter of the first layer.

    Attributes
    ----------
    u, v : float
        Wave numbers in cycles per unit of the chart's coordinates.
    phase : float
        In turns.
    coherence : float
        Share of the envelope that is constant: 1 gives a pure grating, 0 filtered noise.
    gain : float
        Weight of the filter in the bank.
    cells : int
        Lattice cells of the envelope along a side; more make the filter broader in frequency.
    """

    u: float
    v: float
    phase: float
    coherence: float
    gain: float
    cells: int

    def __post_init__(self) -> None:
        check_numbers("filter", (self.u, self.v, self.phase, self.coherence, self.gain))
        check_count("cells", self.cells, 1, _MOST_CELLS)


@dataclass(frozen=True)
class Unit:
    """One rectified unit of the second layer.

    Attributes
    ----------
    weights : tuple of float
        Weights of each filter's even and odd answers, in turn.
    threshold : float
        Taken from the sum before it is rectified.
    ink : tuple of float
        What the unit adds to the three colour axes.
    """

    weights: tuple[float, ...]
    threshold: float
    ink: tuple[float, float, float]

    def __post_init__(self) -> None:
        check_numbers("unit", (*self.weights, self.threshold, *self.ink))


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

    `breadth` is the envelope's lattice cells per cycle; without `phase` a random one is drawn.
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
