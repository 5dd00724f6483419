"""The traps of one image: shapes in the plane that orbits fall near to."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fractalgen.families.base import log_uniform, rounded
from fractalgen.families.ranges import check_direction, check_within
from fractalgen.kernels.traps import SHAPES

__all__ = ["Trap", "sample_traps", "trap_rows"]

_PAIR_SHARE = 0.25
# The range of each sized shape's radius, half side, or spacing.
_RADII = {
    "ring": (0.15, 1.2),
    "square": (0.15, 1.0),
    "rhombus": (0.2, 1.2),
    "astroid": (0.3, 1.5),
    "spiral": (0.25, 1.0),
    "gaussian-integers": (0.3, 1.2),
}


@dataclass(frozen=True)
class Trap:
    """A shape that catches orbits.

    Attributes
    ----------
    shape : str
        One of `fractalgen.kernels.traps.SHAPES`.
    x, y : float
        Its centre.
    cosine, sine : float
        Its turn.
    radius : float
        Its radius, half side, or spacing; 1 for shapes that have no size.
    weight : float
        Factor of its distance: below 1 it catches more than the other trap of a pair.
    """

    shape: str
    x: float
    y: float
    cosine: float
    sine: float
    radius: float
    weight: float

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise ValueError(f"a trap's shape must be one of {', '.join(SHAPES)}")
        check_within("a trap's centre", -4.0, 4.0, self.x, self.y)
        check_direction("a trap's turn", self.cosine, self.sine)
        check_within("a trap's radius", 0.01, 10.0, self.radius)
        check_within("a trap's weight", 0.05, 20.0, self.weight)


def sample_traps(rng: np.random.Generator) -> tuple[Trap, ...]:
    """Draw one trap, or a pair of different shapes."""
    n_traps = 2 if rng.random() < _PAIR_SHARE else 1
    shapes = rng.permutation(len(SHAPES))[:n_traps]
    return tuple(_sample_trap(rng, SHAPES[shape]) for shape in shapes)


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
        radius=log_uniform(rng, *_RADII.get(shape, (1.0, 1.0))),
        weight=log_uniform(rng, 0.5, 2.0),
    )


def trap_rows(traps: Sequence[Trap]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the traps' shapes and numbers as the kernel takes them."""
    shapes = np.array([SHAPES.index(trap.shape) for trap in traps], np.int64)
    rows = [(t.x, t.y, t.cosine, t.sine, t.radius, t.weight * t.weight) for t in traps]
    return shapes, np.array(rows, np.float64)
