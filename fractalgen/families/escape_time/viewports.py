"""Viewports: windows near the boundary of a Mandelbrot or Julia set."""

import math
from dataclasses import dataclass

import numpy as np

from fractalgen.families.base import (
    check_direction,
    check_within,
    jittered,
    log_uniform,
    rounded,
    turned,
)
from fractalgen.kernels.formulas import FORMULAS, MAX_LEVELS, approach_boundary
from fractalgen.kernels.lanes import STRIDE

__all__ = ["Viewport", "iterations_for", "sample_constant", "sample_viewport", "vary_viewport"]

_PROBE_ITER = 400
_JULIA_WIDTHS = (0.03, 3.2)
_MANDELBROT_WIDTHS = (3e-5, 1.5)
_CONSTANT_WIDTHS = (1e-4, 0.15)
_JULIA_WINDOW = (0.0, 0.0, 3.2)
# Limits of recorded parameters, deeper and farther away than any sampled ones.
_WIDTHS = (1e-9, 16.0)
_MAX_COORDINATE = 8.0
_MAX_TURN = 0.4  # radians, of an instance against its class


@dataclass(frozen=True)
class Viewport:
    """A square window of the complex plane."""

    x: float  # the centre
    y: float
    width: float
    cosine: float  # the turn
    sine: float

    def __post_init__(self) -> None:
        check_within("a viewport's centre", -_MAX_COORDINATE, _MAX_COORDINATE, self.x, self.y)
        check_within("a viewport's width", *_WIDTHS, self.width)
        check_direction("a viewport's turn", self.cosine, self.sine)


def sample_constant(rng: np.random.Generator, formula: str) -> tuple[float, float]:
    """Draw a Julia constant just outside the boundary of the formula's Mandelbrot set."""
    target = log_uniform(rng, *_CONSTANT_WIDTHS)
    return _approach(rng, formula, None, target)


def sample_viewport(
    rng: np.random.Generator, formula: str, constant: tuple[float, float] | None
) -> Viewport:
    """Draw a window near the boundary of a Julia set, or of the Mandelbrot set for None."""
    width = log_uniform(rng, *(_MANDELBROT_WIDTHS if constant is None else _JULIA_WIDTHS))
    x, y = _approach(rng, formula, constant, width)
    angle = rng.random() * math.tau
    x += width * rng.uniform(-0.25, 0.25)
    y += width * rng.uniform(-0.25, 0.25)
    return Viewport(x, y, width, rounded(math.cos(angle)), rounded(math.sin(angle)))


def vary_viewport(port: Viewport, rng: np.random.Generator) -> Viewport:
    """Move, zoom and turn a window a little."""
    across, along = (port.width * shift for shift in rng.uniform(-0.1, 0.1, 2).tolist())
    cosine, sine = turned(rng, port.cosine, port.sine, _MAX_TURN)
    return Viewport(port.x + across, port.y + along, jittered(rng, port.width, 0.15), cosine, sine)


def iterations_for(width: float) -> int:
    """Return the iterations for a window of this width: deeper windows get more."""
    levels = max(math.log2(3.2 / width), 0.0)
    return STRIDE * round((96 + 17 * levels) / STRIDE)


def _approach(
    rng: np.random.Generator, formula: str, constant: tuple[float, float] | None, width: float
) -> tuple[float, float]:
    """Draw a point within about `width` of the boundary."""
    picks = rng.random((MAX_LEVELS, 3))
    steps, window = FORMULAS[formula].steps, FORMULAS[formula].window
    if constant is None:
        x, y = approach_boundary(*steps, False, 0.0, 0.0, *window, width, _PROBE_ITER, picks)
    else:
        x, y = approach_boundary(*steps, True, *constant, *_JULIA_WINDOW, width, _PROBE_ITER, picks)
    return float(x), float(y)
