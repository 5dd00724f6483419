"""Where to look: windows near the boundary of a Mandelbrot or Julia set."""

import math
from dataclasses import dataclass

import numpy as np

from fractalgen.families.base import log_uniform, rounded
from fractalgen.families.ranges import check_direction, check_within
from fractalgen.kernels.boundary import MAX_LEVELS, approach_boundary
from fractalgen.kernels.escape_time import FORMULAS
from fractalgen.kernels.lanes import STRIDE

__all__ = ["Viewport", "iterations_for", "sample_constant", "sample_viewport"]

_PROBE_ITER = 400
_JULIA_WIDTHS = (0.03, 3.2)
_MANDELBROT_WIDTHS = (3e-5, 1.5)
_CONSTANT_WIDTHS = (1e-4, 0.15)
# What recorded parameters may have: deeper and farther away than any that are drawn at random.
_WIDTHS = (1e-9, 16.0)
_MOST_AWAY = 8.0
# Centre and width of the window that holds the whole Mandelbrot set of each formula.
_WHOLE = {
    "power-2": (-0.6, 0.0, 3.0),
    "burning-ship": (-0.5, -0.5, 3.6),
    "tricorn": (-0.2, 0.0, 3.8),
}
_WHOLE_OTHER = (0.0, 0.0, 2.8)


@dataclass(frozen=True)
class Viewport:
    """A square window of the complex plane.

    Attributes
    ----------
    x, y : float
        Its centre.
    width : float
        Its side.
    cosine, sine : float
        Its turn.
    """

    x: float
    y: float
    width: float
    cosine: float
    sine: float

    def __post_init__(self) -> None:
        check_within("a viewport's centre", -_MOST_AWAY, _MOST_AWAY, self.x, self.y)
        check_within("a viewport's width", *_WIDTHS, self.width)
        check_direction("a viewport's turn", self.cosine, self.sine)


def sample_constant(rng: np.random.Generator, formula: str) -> tuple[float, float]:
    """Draw a Julia constant just outside the boundary of the formula's Mandelbrot set."""
    x, y, width = _WHOLE.get(formula, _WHOLE_OTHER)
    target = log_uniform(rng, *_CONSTANT_WIDTHS)
    return _approach(rng, formula, None, (x, y, width), target)


def sample_viewport(
    rng: np.random.Generator, formula: str, constant: tuple[float, float] | None
) -> Viewport:
    """Draw a window near the boundary of a Julia set, or of a Mandelbrot set if no constant."""
    if constant is None:
        whole = _WHOLE.get(formula, _WHOLE_OTHER)
        width = log_uniform(rng, *_MANDELBROT_WIDTHS)
    else:
        whole = (0.0, 0.0, 3.2)
        width = log_uniform(rng, *_JULIA_WIDTHS)
    x, y = _approach(rng, formula, constant, whole, width)
    angle = rng.random() * math.tau
    x += width * rng.uniform(-0.25, 0.25)
    y += width * rng.uniform(-0.25, 0.25)
    return Viewport(x, y, width, rounded(math.cos(angle)), rounded(math.sin(angle)))


def iterations_for(width: float) -> int:
    """Return the iterations that a window of this width deserves: more, the deeper it lies."""
    levels = max(math.log2(3.2 / width), 0.0)
    return STRIDE * round((96 + 17 * levels) / STRIDE)


def _approach(
    rng: np.random.Generator,
    formula: str,
    constant: tuple[float, float] | None,
    window: tuple[float, float, float],
    target: float,
) -> tuple[float, float]:
    picks = rng.random((MAX_LEVELS, 3))
    c_re, c_im = constant or (0.0, 0.0)
    julia = constant is not None
    x, y = approach_boundary(
        FORMULAS.index(formula), julia, c_re, c_im, *window, target, _PROBE_ITER, picks
    )
    return float(x), float(y)
