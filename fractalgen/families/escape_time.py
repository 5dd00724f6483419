"""Escape-time fractals with orbit traps: Mandelbrot and Julia sets of six formulas."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.coloring import Coloring, color_fields
from fractalgen.families.interest import interest
from fractalgen.families.orbit_traps import Trap, sample_traps, trap_rows
from fractalgen.families.trap_coloring import sample_coloring
from fractalgen.families.viewports import (
    Viewport,
    iterations_for,
    sample_constant,
    sample_viewport,
)
from fractalgen.kernels.escape_time import BAILOUT, FORMULAS, follow_orbits
from fractalgen.kernels.lanes import N_RECORDS
from fractalgen.kernels.normalization import measure_orbits
from fractalgen.palettes import resolve
from fractalgen.ranges import check_within
from fractalgen.registry import shown

__all__ = ["EscapeTime", "EscapeTimeParams"]

# z**2 + c has at least 70% of the pictures.
_FORMULA_SHARES = {
    "power-2": 0.76,
    "power-3": 0.06,
    "power-4": 0.04,
    "power-5": 0.03,
    "burning-ship": 0.06,
    "tricorn": 0.05,
}
_JULIA_SHARE = 0.55
_MAX_ITER = 1024
_MAX_TRAPS = 4
_MAX_SUPERSAMPLE = 4
# What a probe must show; see `fractalgen.families.interest.Interest`.
_PROBE_SIZE = 64
_MIN_CONTRAST = 110
_MIN_EDGED_TILES = 0.5
_MAX_GRAIN = 0.8
# Below this distance between samples, float32 has too few digits left for a window at |z| = 1.
_FLOAT32_SPACING = 4e-6


@dataclass(frozen=True)
class EscapeTimeParams:
    """One escape-time picture.

    Attributes
    ----------
    formula : str
        One of `fractalgen.kernels.escape_time.FORMULAS`.
    constant : tuple of float, optional
        The Julia constant; None for a Mandelbrot set.
    viewport : Viewport
        Where to look.
    max_iter : int
        Iterations.
    traps : tuple of Trap
        One or two.
    reach : float
        Traps look at iterates nearer to 0 than this.
    coloring : Coloring
        How the orbit's fields become colours.
    supersample : int
        Samples per pixel along each side.
    """

    formula: str
    constant: tuple[float, float] | None
    viewport: Viewport
    max_iter: int
    traps: tuple[Trap, ...]
    reach: float
    coloring: Coloring
    supersample: int

    def __post_init__(self) -> None:
        if self.formula not in FORMULAS:
            raise ValueError(f"formula must be one of {', '.join(FORMULAS)}")
        check_within("a Julia constant", -8.0, 8.0, *(self.constant or ()))
        check_within("max_iter", 1, _MAX_ITER, self.max_iter)
        check_within("supersample", 1, _MAX_SUPERSAMPLE, self.supersample)
        check_within("the number of traps", 1, _MAX_TRAPS, len(self.traps))
        check_within("the traps' reach", 0.1, BAILOUT, self.reach)


@dataclass(frozen=True)
class EscapeTime:
    """The family of escape-time pictures.

    Parameters
    ----------
    palette : str
        What `fractalgen.palettes.resolve` understands: a file becomes its colours.
    supersample : int
        Samples per pixel along each side, 1 to 4.
    """

    name: ClassVar[str] = "escape-time"
    version: ClassVar[int] = 1
    params_type: ClassVar[type[EscapeTimeParams]] = EscapeTimeParams

    palette: str = "any"
    supersample: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "palette", resolve(self.palette))
        if not 1 <= self.supersample <= _MAX_SUPERSAMPLE:
            raise ValueError(
                f"supersample must be from 1 to {_MAX_SUPERSAMPLE}, not {shown(self.supersample)}"
            )

    def sample_params(self, rng: np.random.Generator) -> EscapeTimeParams:
        """Draw a formula, a window near its boundary, traps and colours."""
        formula = str(rng.choice(list(_FORMULA_SHARES), p=list(_FORMULA_SHARES.values())))
        julia = rng.random() < _JULIA_SHARE
        constant = sample_constant(rng, formula) if julia else None
        viewport = sample_viewport(rng, formula, constant)
        traps = sample_traps(rng)
        return EscapeTimeParams(
            formula=formula,
            constant=constant,
            viewport=viewport,
            max_iter=iterations_for(viewport.width),
            traps=traps,
            reach=float(rng.choice([2.0, 3.0, 4.0])),
            coloring=sample_coloring(rng, self.palette),
            supersample=self.supersample,
        )

    def accepts(self, params: EscapeTimeParams) -> bool:
        """Refuse pictures whose small probe is nearly empty, flat, or all noise."""
        probe = color_fields(orbit_fields(params, _PROBE_SIZE), params.coloring, _PROBE_SIZE)
        seen = interest(probe)
        return (
            seen.contrast >= _MIN_CONTRAST
            and seen.edged_tiles >= _MIN_EDGED_TILES
            and seen.grain <= _MAX_GRAIN
        )

    def render(self, params: EscapeTimeParams, size: int) -> NDArray[np.uint8]:
        """Draw the picture as a (size, size, 3) uint8 RGB array."""
        fields = orbit_fields(params, size * params.supersample)
        return color_fields(fields, params.coloring, size)


def orbit_fields(params: EscapeTimeParams, side: int) -> NDArray[np.float32]:
    """Iterate a side x side grid of samples; see `measure_orbits` for what comes back."""
    port = params.viewport
    step = port.width / side
    dtype = np.float32 if step > _FLOAT32_SPACING else np.float64
    across = (step * port.cosine, step * port.sine)
    down = (-step * port.sine, step * port.cosine)
    middle = 0.5 * (side - 1)
    left = port.x - middle * (across[0] + down[0])
    top = port.y - middle * (across[1] + down[1])
    view = np.array([left, top, *across, *down, *(params.constant or (0.0, 0.0))], dtype)
    formula = FORMULAS.index(params.formula)
    shapes, traps = trap_rows(params.traps)
    records = np.empty((N_RECORDS, side, side), np.float32)
    follow_orbits(
        view,
        formula,
        params.constant is not None,
        params.max_iter,
        shapes,
        traps.astype(dtype),
        params.reach * params.reach,
        0,
        1,
        records,
    )
    measure_orbits(records, formula)
    return records
