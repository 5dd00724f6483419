"""Escape-time fractals with orbit traps: Mandelbrot and Julia sets of several formulas."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.arguments import whole_number
from fractalgen.color.palettes import resolve
from fractalgen.errors import ArgumentError
from fractalgen.families.base import check_within, jittered
from fractalgen.families.escape_time.coloring import (
    Coloring,
    color_fields,
    color_rows,
    expose,
    exposure_stride,
    sample_coloring,
    vary_coloring,
)
from fractalgen.families.escape_time.traps import Trap, sample_traps, trap_rows, vary_trap
from fractalgen.families.escape_time.viewports import (
    Viewport,
    iterations_for,
    sample_constant,
    sample_viewport,
    vary_viewport,
)
from fractalgen.kernels.formulas import FORMULAS
from fractalgen.kernels.lanes import N_RECORDS, N_RECORDS_WITH_AVERAGES
from fractalgen.kernels.orbit_averages import NO_AVERAGE
from fractalgen.kernels.orbit_fields import measure_orbits
from fractalgen.kernels.orbits import BAILOUT, follow_orbits
from fractalgen.seeding import rng_for

__all__ = ["EscapeTime", "EscapeTimeParams", "Interest", "measure_interest", "orbit_fields"]

_JULIA_SHARE = 0.55
_MAX_ITER = 1024
_MAX_TRAPS = 4
_MAX_SUPERSAMPLE = 4
# Thresholds for a probe; see `Interest`.
_PROBE_SIZE = 64
_MIN_CONTRAST = 110
_MIN_EDGED_TILES = 0.5
_MAX_GRAIN = 0.8
_TILE = 8
_EDGE = 24  # grey levels between neighbouring pixels
# Rows are drawn in strips of at most this many samples, which bounds the memory for any size.
_STRIP_SAMPLES = 1 << 20
_COMPILED_SIZE = 16  # pixels of an image that is drawn only to compile the kernels
# Below this distance between samples, float32 has too few digits left for a window at |z| = 1.
_FLOAT32_SPACING = 4e-6


@dataclass(frozen=True)
class EscapeTimeParams:
    """One escape-time image."""

    formula: str  # key of `fractalgen.kernels.formulas.FORMULAS`
    constant: tuple[float, float] | None  # the Julia constant; None for a Mandelbrot set
    viewport: Viewport
    max_iter: int
    traps: tuple[Trap, ...]
    reach: float  # traps see only iterates nearer to 0 than this
    coloring: Coloring
    supersample: int  # samples per pixel along each side

    def __post_init__(self) -> None:
        if self.formula not in FORMULAS:
            raise ArgumentError(f"formula must be one of {', '.join(FORMULAS)}")
        check_within("a Julia constant", -8.0, 8.0, *(self.constant or ()))
        check_within("max_iter", 1, _MAX_ITER, self.max_iter)
        check_within("supersample", 1, _MAX_SUPERSAMPLE, self.supersample)
        check_within("the number of traps", 1, _MAX_TRAPS, len(self.traps))
        check_within("the traps' reach", 0.1, BAILOUT, self.reach)


@dataclass(frozen=True)
class EscapeTime:
    """The family of escape-time images.

    Parameters
    ----------
    palette : str
        Anything that `fractalgen.color.palettes.resolve` accepts; a file becomes its colours.
    supersample : int
        Samples per pixel along each axis, 1 to 4.
    """

    name: ClassVar[str] = "escape-time"
    version: ClassVar[int] = 2
    max_classes: ClassVar[int] = 21_000
    params_type: ClassVar[type[EscapeTimeParams]] = EscapeTimeParams

    palette: str = "any"
    supersample: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "palette", resolve(self.palette))
        n = whole_number("supersample", self.supersample, 1, _MAX_SUPERSAMPLE)
        object.__setattr__(self, "supersample", n)

    def sample_params(self, rng: np.random.Generator) -> EscapeTimeParams:
        """Draw a formula, a window near its boundary, traps and colours."""
        shares = [formula.share for formula in FORMULAS.values()]
        formula = str(rng.choice(list(FORMULAS), p=shares))
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

    def vary(self, params: EscapeTimeParams, rng: np.random.Generator) -> EscapeTimeParams:
        """Move the window, the Julia constant and the traps a little; draw other colours."""
        constant = params.constant
        if constant is not None:
            constant = (jittered(rng, constant[0], 0.004), jittered(rng, constant[1], 0.004))
        return replace(
            params,
            constant=constant,
            viewport=vary_viewport(params.viewport, rng),
            traps=tuple(vary_trap(trap, rng) for trap in params.traps),
            coloring=vary_coloring(params.coloring, rng, self.palette),
        )

    def accepts(self, params: EscapeTimeParams) -> bool:
        """Refuse images whose small probe is nearly empty, flat, or mere noise."""
        probe = color_fields(orbit_fields(params, _PROBE_SIZE), params.coloring, _PROBE_SIZE)
        seen = measure_interest(probe)
        return (
            seen.contrast >= _MIN_CONTRAST
            and seen.edged_tiles >= _MIN_EDGED_TILES
            and seen.grain <= _MAX_GRAIN
        )

    def render(self, params: EscapeTimeParams, size: int) -> NDArray[np.uint8]:
        """Draw the image as a (size, size, 3) uint8 RGB array."""
        side = size * params.supersample
        height = max(1, _STRIP_SAMPLES // (side * params.supersample))
        if height >= size:
            return color_fields(orbit_fields(params, side), params.coloring, size)
        samples = orbit_fields(params, side, stride=exposure_stride(side))
        exposure = expose(samples, params.coloring.normalizer)
        image = np.empty((size, size, 3), np.uint8)
        for first in range(0, size, height):
            strip = image[first : first + height]
            first_row = first * params.supersample
            n_rows = min(strip.shape[0] * params.supersample + 1, side - first_row)
            fields = orbit_fields(params, side, first_row, n_rows)
            color_rows(fields, exposure, params.coloring, strip)
        return image

    @classmethod
    def compilations(cls) -> Mapping[str, Callable[[], object]]:
        """Return named calls that together compile all kernels of the family."""
        return {"colors": _compile_colors, "orbits": _compile_orbits}


def orbit_fields(
    params: EscapeTimeParams,
    side: int,
    first_row: int = 0,
    n_rows: int | None = None,
    stride: int = 1,
) -> NDArray[np.float32]:
    """Follow the orbits of a square grid's samples.

    Parameters
    ----------
    side : int
        Samples along each side of the grid.
    first_row, n_rows : int
        The rows to follow; None for all from the first row on.
    stride : int
        Take every `stride`-th of these rows, and of the columns.

    Returns
    -------
    ndarray of float32, shape (4 or, with an average, 5, rows, columns)
        See `fractalgen.kernels.orbit_fields.measure_orbits`.
    """
    port = params.viewport
    step = port.width / side
    dtype = np.float32 if step > _FLOAT32_SPACING else np.float64
    across = (step * port.cosine, step * port.sine)
    down = (-step * port.sine, step * port.cosine)
    middle = 0.5 * (side - 1)
    left = port.x - middle * (across[0] + down[0])
    top = port.y - middle * (across[1] + down[1])
    view = np.array([left, top, *across, *down, *(params.constant or (0.0, 0.0))], dtype)
    formula = FORMULAS[params.formula]
    shapes, traps = trap_rows(params.traps)
    n_rows = side - first_row if n_rows is None else n_rows
    average = params.coloring.average_code
    n_records = N_RECORDS if average == NO_AVERAGE else N_RECORDS_WITH_AVERAGES
    records = np.empty((n_records, -(-n_rows // stride), -(-side // stride)), np.float32)
    follow_orbits(
        view,
        *formula.steps,
        params.constant is not None,
        params.max_iter,
        shapes,
        traps.astype(dtype),
        params.reach * params.reach,
        average,
        first_row,
        stride,
        records,
    )
    measure_orbits(records, formula.power)
    return records[: params.coloring.n_fields]


@dataclass(frozen=True)
class Interest:
    """How much an image shows."""

    contrast: int  # grey levels between the 5th and the 95th percentile of luma
    edged_tiles: float  # share of the 8 x 8 tiles that hold an edge
    # Mean luma difference of neighbouring pixels over that of distant ones: about 1 for noise,
    # below 0.5 for most images.
    grain: float


def measure_interest(rgb: NDArray[np.uint8]) -> Interest:
    """Measure a square image whose side is a multiple of 8.

    The sums are of integers, so the decision is the same on every processor.
    """
    channels = rgb.astype(np.int32)
    luma = (54 * channels[..., 0] + 183 * channels[..., 1] + 19 * channels[..., 2]) >> 8
    ordered = np.sort(luma, axis=None)
    contrast = int(ordered[ordered.size * 95 // 100] - ordered[ordered.size * 5 // 100])
    across = np.abs(np.diff(luma, axis=1))
    down = np.abs(np.diff(luma, axis=0))
    edges = np.zeros(luma.shape, np.bool_)
    edges[:, 1:] = across >= _EDGE
    edges[1:] |= down >= _EDGE
    n = luma.shape[0] // _TILE
    edged = int(np.count_nonzero(edges.reshape(n, _TILE, n, _TILE).any(axis=(1, 3))))
    half = luma.shape[0] // 2
    near = int(across.sum()) + int(down.sum())
    far = int(np.abs(luma[half:] - luma[:half]).sum())
    far += int(np.abs(luma[:, half:] - luma[:, :half]).sum())
    return Interest(contrast, edged / (n * n), near / 2 / max(far, 1))


def _compile_colors() -> None:
    rng = rng_for(0, EscapeTime.name, 0)
    fields = rng.random((4, _COMPILED_SIZE, _COMPILED_SIZE), np.float32)
    color_fields(fields, sample_coloring(rng, "any"), _COMPILED_SIZE)


def _compile_orbits() -> None:
    rng = rng_for(0, EscapeTime.name, 0)
    sample_constant(rng, next(iter(FORMULAS)))
    params = EscapeTime().sample_params(rng)
    for width in (_COMPILED_SIZE * _FLOAT32_SPACING * factor for factor in (0.5, 2.0)):
        orbit_fields(
            replace(params, viewport=replace(params.viewport, width=width)), _COMPILED_SIZE
        )
