"""The traps of one image: shapes in the plane that catch orbits which come near."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import ArgumentError
from fractalgen.families.base import (
    check_direction,
    check_within,
    jittered,
    log_uniform,
    rounded,
    turned,
)
from fractalgen.kernels.trap_shapes import SHAPES

__all__ = ["Trap", "sample_traps", "trap_rows", "vary_trap"]

_PAIR_SHARE = 0.25


@dataclass(frozen=True)
class Trap:
    """A shape that catches orbits."""

    shape: str  # key of `fractalgen.kernels.trap_shapes.SHAPES`
    x: float  # the centre
    y: float
    cosine: float  # the turn
    sine: float
    radius: float  # radius, half side, or spacing; 1 for shapes without a size
    weight: float  # factor of the distance: below 1 it catches more than the other of a pair

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise ArgumentError(f"a trap's shape must be one of {', '.join(SHAPES)}")
        check_within("a trap's centre", -4.0, 4.0, self.x, self.y)
        check_direction("a trap's turn", self.cosine, self.sine)
        check_within("a trap's radius", 0.01, 10.0, self.radius)
        check_within("a trap's weight", 0.05, 20.0, self.weight)


def sample_traps(rng: np.random.Generator) -> tuple[Trap, ...]:
    """Draw one trap, or a pair of different shapes."""
    n_traps = 2 if rng.random() < _PAIR_SHARE else 1
    names = list(SHAPES)
    return tuple(_sample_trap(rng, names[i]) for i in rng.permutation(len(names))[:n_traps])


def _sample_trap(rng: np.random.Generator, shape: str) -> Trap:
    angle = rng.random() * math.tau
    distance = 1.1 * math.sqrt(rng.random())
    direction = rng.random() * math.tau
    return Trap(
        shape=shape,
        x=rounded(distance * math.cos(direction)),
        y=rounded(distance * math.sin(direction)),
        cosine=rounded(math.cos(angle)),
        sine=rounded(math.sin(angle)),
        radius=log_uniform(rng, *SHAPES[shape].radius_range),
        weight=log_uniform(rng, 0.5, 2.0),
    )


def vary_trap(trap: Trap, rng: np.random.Generator) -> Trap:
    """Move, resize and turn a trap a little."""
    cosine, sine = turned(rng, trap.cosine, trap.sine, 0.15)
    return replace(
        trap,
        x=rounded(trap.x + rng.uniform(-0.06, 0.06)),
        y=rounded(trap.y + rng.uniform(-0.06, 0.06)),
        cosine=cosine,
        sine=sine,
        radius=jittered(rng, trap.radius, 0.1),
    )


def trap_rows(traps: Sequence[Trap]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the codes of the traps' shapes, and their parameters as the kernel expects them."""
    codes = np.array([SHAPES[trap.shape].code for trap in traps], np.int64)
    rows = []
    for trap in traps:
        turn = (trap.cosine, trap.sine) if SHAPES[trap.shape].turns else (1.0, 0.0)
        rows.append((trap.x, trap.y, *turn, trap.radius, trap.weight * trap.weight))
    return codes, np.array(rows, np.float64)
