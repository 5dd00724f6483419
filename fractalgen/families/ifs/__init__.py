"""Iterated function systems: random affine fractals over random backgrounds.

Source: C. Anderson and R. Farrell, "Improving fractal pre-training", WACV 2022.
"""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.arguments import whole_number
from fractalgen.color.palettes import choose, resolve
from fractalgen.families.affine_classes import vary_system
from fractalgen.families.base import check_within, log_uniform, rounded
from fractalgen.families.ifs.backdrops import (
    Backdrop,
    draw_backdrop,
    figure_colors,
    ground_colors,
    sample_backdrop,
    sample_band,
)
from fractalgen.families.ifs.fractals import (
    PROBE_PIXELS,
    PROBE_TILES,
    Fractal,
    draw_over,
    probe,
    sample_fractal,
)

__all__ = ["IFS", "IFSParams"]

_MAX_OBJECTS = 5
_LARGEST_INSTANCE = 1.25  # side of the box of a single fractal that belongs to a class

# Thresholds for a probe: shares of pixels and tiles that are visited; the evenness, which is 1 if
# all pixels are visited equally often and 1 / pixels if one has all visits; and the maximum share
# of visited pixels that only have visited neighbours.
_MIN_FILL = 0.18
_MIN_TILES = 0.5
_MIN_EVENNESS = 0.07
_MAX_SOLIDITY = 0.6


@dataclass(frozen=True)
class IFSParams:
    """One image: fractals, the first at the back, over a background."""

    fractals: tuple[Fractal, ...]
    backdrop: Backdrop

    def __post_init__(self) -> None:
        check_within("the number of fractals", 1, _MAX_OBJECTS, len(self.fractals))


@dataclass(frozen=True)
class IFS:
    """Affine fractals.

    Systems are drawn with the sigma-factor. Mirrored and transposed systems are as likely as the
    system itself, so no image needs to be flipped.

    Parameters
    ----------
    palette : str
        Anything that `fractalgen.color.palettes.resolve` accepts; a file becomes its colours. Each
        fractal and each background draws its own.
    objects : int
        Fractals per image, 1 to 5.
    """

    name: ClassVar[str] = "ifs"
    version: ClassVar[int] = 2
    max_classes: ClassVar[int] = 2_000
    params_type: ClassVar[type[IFSParams]] = IFSParams
    palette: str = "any"
    objects: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "palette", resolve(self.palette))
        n = whole_number("objects", self.objects, 1, _MAX_OBJECTS)
        object.__setattr__(self, "objects", n)

    def sample_params(self, rng: np.random.Generator) -> IFSParams:
        """Draw the systems, places and colours of one image."""
        palettes = [choose(self.palette, rng).colors for _ in range(self.objects)]
        band = sample_band(rng, palettes[0])
        ground = ground_colors(rng, choose(self.palette, rng).colors, band)
        first_turn = rng.random()
        fractals = []
        for index, palette in enumerate(palettes):
            center, extent = _sample_place(rng, self.objects, first_turn + index / self.objects)
            colors = figure_colors(palette, band)
            fractals.append(sample_fractal(rng, center, extent, self.objects, colors))
        return IFSParams(tuple(fractals), sample_backdrop(rng, ground))

    def vary(self, params: IFSParams, rng: np.random.Generator) -> IFSParams:
        """Vary and mirror the systems; take the colours and the background of another image."""
        other = self.sample_params(rng)
        first_turn = rng.random()
        n_objects = len(params.fractals)
        fractals = []
        for index, (mine, its) in enumerate(zip(params.fractals, other.fractals, strict=True)):
            turn = first_turn + index / n_objects
            center, extent = _sample_place(rng, n_objects, turn, _LARGEST_INSTANCE)
            maps, weights = vary_system(mine.maps, rng, center, extent)
            stream = int(rng.integers(2**63))
            fractals.append(
                replace(its, maps=maps, weights=weights, tones=mine.tones, stream=stream)
            )
        return IFSParams(tuple(fractals), other.backdrop)

    def accepts(self, params: IFSParams) -> bool:
        """Refuse images that are nearly empty, mere dust, a line, or a solid blob."""
        seen = probe(params.fractals)
        return (
            seen.visited >= _MIN_FILL * PROBE_PIXELS
            and seen.tiles >= _MIN_TILES * PROBE_TILES
            and seen.visits**2 >= _MIN_EVENNESS * seen.squares * PROBE_PIXELS
            and seen.inner <= _MAX_SOLIDITY * seen.visited
        )

    def render(self, params: IFSParams, size: int) -> NDArray[np.uint8]:
        """Draw the image as a (size, size, 3) uint8 RGB array."""
        canvas = draw_backdrop(params.backdrop, size)
        for fractal in params.fractals:
            draw_over(fractal, canvas)
        return canvas


def _sample_place(
    rng: np.random.Generator, n_objects: int, turn: float, largest_single: float = 1.7
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Draw the centre and the sides of a fractal's box, relative to the image's side.

    A single fractal can extend beyond the image's edges; several are placed around its centre.
    """
    largest = largest_single if n_objects == 1 else 1.3 / n_objects**0.5
    smallest = 0.75 if n_objects == 1 else 0.6 * largest
    extent = (log_uniform(rng, smallest, largest), log_uniform(rng, smallest, largest))
    across, along = rng.random(2).tolist()
    if n_objects == 1:
        return (0.35 + 0.3 * across, 0.35 + 0.3 * along), extent
    angle = 2 * math.pi * (turn + 0.6 * (across - 0.5) / n_objects)
    radius = 0.2 + 0.2 * along
    return (
        rounded(0.5 + radius * math.cos(angle)),
        rounded(0.5 + radius * math.sin(angle)),
    ), extent
