"""FractalDB: the grey point fractals of formula-driven pre-training.

Source: Kataoka et al., "Pre-training without natural images", ACCV 2020: random affine systems that
fill enough of the image, drawn with points or with small random patches. The colours are ours.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.arguments import one_of
from fractalgen.color.palettes import choose, resolve
from fractalgen.color.spaces import hex_to_oklab
from fractalgen.errors import ArgumentError
from fractalgen.families.affine_classes import vary_system
from fractalgen.families.base import AffineMap, check_colors, check_within, is_contractive
from fractalgen.kernels.affine_systems import (
    COUNT_SHIFT,
    N_CHAINS,
    N_CHOICES,
    choose_by_area,
    frame,
    scatter,
)
from fractalgen.kernels.probes import probe_density

__all__ = ["FractalDB", "FractalDBParams"]

BRUSHES = ("point", "patch")

_MAX_MAPS = 16
_N_MAPS_RANGE = (2, 9)
_MAX_ENTRY = 1e7
_POINTS = 100_000  # at 256 pixels a side; as many per brush pixel at other sizes
_PATCH_SIDE = 3
_FIRST_BRUSH_SIZE = 256  # from here on the brush grows with the image
_PROBE_SIZE = 64
_PROBE_POINTS = 4096
# What a probe must show: the paper's least share of visited pixels, a largest one, and at most this
# share of visited pixels with visited neighbours only, so that a cloud does not hide the fractal.
_MIN_FILL = 0.2
_MAX_FILL = 0.6
_MAX_SOLIDITY = 0.45
# The maps shrink areas to shares that add up to this: less gives dust, more gives clouds.
_AREA_RANGE = (0.45, 1.0)
_EXTENT = 0.92  # of the attractor, in sides of the image
_GREY = ("#000000", "#ffffff")


@dataclass(frozen=True)
class FractalDBParams:
    """One point fractal."""

    # Rows (a, b, c, d, e, f) for the unit square: x' = a x + b y + c, y' = d x + e y + f.
    maps: tuple[AffineMap, ...]
    weights: tuple[int, ...]  # how many of 256 random bytes choose each map
    patch: int  # the brush, a bit for each of 3 x 3 pixels, row by row; bit 4 is the middle
    stream: int  # the chaos game's random stream
    colors: tuple[str, str]  # the ground's and the points'

    def __post_init__(self) -> None:
        check_within("the number of maps", 1, _MAX_MAPS, len(self.maps))
        for row in self.maps:
            check_within("a map", -_MAX_ENTRY, _MAX_ENTRY, *row)
            if not is_contractive(row):
                raise ArgumentError("a map must be a contraction")
        if len(self.weights) != len(self.maps):
            raise ArgumentError("each map needs a weight")
        if sum(self.weights) != N_CHOICES or min(self.weights) < 0:
            raise ArgumentError(f"the weights must be 0 or more and add up to {N_CHOICES}")
        check_within("the patch", 1, (1 << _PATCH_SIDE**2) - 1, self.patch)
        check_within("the stream", 0, 2**63 - 1, self.stream)
        check_colors("colors", self.colors)


@dataclass(frozen=True)
class FractalDB:
    """The point fractals of FractalDB.

    Parameters
    ----------
    palette : str
        What `fractalgen.color.palettes.resolve` understands. With "any" the images are white on
        black, as FractalDB's; otherwise two colours of the palette are used.
    brush : str
        ``"patch"`` draws each point as a random pattern of 3 x 3 pixels, the same for the whole
        image; ``"point"`` as one pixel.
    """

    name: ClassVar[str] = "fractal-db"
    version: ClassVar[int] = 1
    max_classes: ClassVar[int] = 21_000
    params_type: ClassVar[type[FractalDBParams]] = FractalDBParams

    palette: str = "any"
    brush: str = "patch"

    def __post_init__(self) -> None:
        object.__setattr__(self, "palette", resolve(self.palette))
        one_of("brush", self.brush, BRUSHES)

    def sample_params(self, rng: np.random.Generator) -> FractalDBParams:
        """Draw contractions with entries from -1 to 1, and fit their attractor to the image."""
        maps = _sample_maps(rng)
        weights = np.empty(len(maps), np.int64)
        choose_by_area(maps, weights)
        frame(maps, weights, np.array([0.5, 0.5]), np.array([_EXTENT, _EXTENT]))
        colors = self._sample_colors(rng)
        a, b, c, d, e, f = maps.T.tolist()
        return FractalDBParams(
            maps=tuple(zip(a, b, c, d, e, f, strict=True)),
            weights=tuple(weights.tolist()),
            patch=self._sample_patch(rng),
            stream=int(rng.integers(2**63)),
            colors=colors,
        )

    def vary(self, params: FractalDBParams, rng: np.random.Generator) -> FractalDBParams:
        """Vary and mirror the maps; draw another patch and other colours."""
        maps, weights = vary_system(params.maps, rng, (0.5, 0.5), (_EXTENT, _EXTENT))
        return FractalDBParams(
            maps=maps,
            weights=weights,
            colors=self._sample_colors(rng),
            patch=self._sample_patch(rng),
            stream=int(rng.integers(2**63)),
        )

    def _sample_patch(self, rng: np.random.Generator) -> int:
        return 16 | int(rng.integers(512)) if self.brush == "patch" else 16

    def _sample_colors(self, rng: np.random.Generator) -> tuple[str, str]:
        """Draw the darkest and the lightest colour of a palette."""
        if self.palette == "any":
            return _GREY
        drawn = choose(self.palette, rng).colors
        lightness = [lab[0] for lab in hex_to_oklab(drawn)]
        pair = (drawn[int(np.argmin(lightness))], drawn[int(np.argmax(lightness))])
        return pair if rng.random() < 0.7 else pair[::-1]

    def accepts(self, params: FractalDBParams) -> bool:
        """Refuse fractals that fill too little of a small probe, and solid clouds."""
        seen = probe_density(_play(params, _PROBE_SIZE, _PROBE_POINTS), _PROBE_SIZE)
        fills = _MIN_FILL <= seen.visited / _PROBE_SIZE**2 <= _MAX_FILL
        return bool(fills and seen.inner <= _MAX_SOLIDITY * seen.visited)

    def render(self, params: FractalDBParams, size: int) -> NDArray[np.uint8]:
        """Draw the image as a (size, size, 3) uint8 RGB array."""
        step = max(1, size // _FIRST_BRUSH_SIZE)  # pixels along each side of a brush pixel
        n_points = max(1, _POINTS * size**2 // (_FIRST_BRUSH_SIZE * step) ** 2)
        counts = _play(params, size, n_points)[: size * size].reshape(size, size)
        visited = counts >> np.uint64(COUNT_SHIFT) > 0
        for axes in ((1, 0), (0, 1)):
            wide = visited.copy()
            for shift in range(1, step):
                _add_shifted(visited, axes[0] * shift, axes[1] * shift, wide)
            visited = wide
        inked = np.zeros((size, size), bool)
        for bit in range(_PATCH_SIDE**2):
            if params.patch >> bit & 1:
                down, across = (bit // _PATCH_SIDE - 1) * step, (bit % _PATCH_SIDE - 1) * step
                _add_shifted(visited, down, across, inked)
        levels = np.frombuffer(bytes.fromhex("".join(params.colors).replace("#", "")), np.uint8)
        image: NDArray[np.uint8] = levels.reshape(2, 3)[inked.astype(np.intp)]
        return image


def _sample_maps(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw contractions with entries from -1 to 1 until their areas are in range."""
    while True:
        maps = rng.uniform(-1.0, 1.0, (int(rng.integers(*_N_MAPS_RANGE)), 6))
        areas = np.abs(maps[:, 0] * maps[:, 4] - maps[:, 1] * maps[:, 3])
        if _AREA_RANGE[0] <= float(math.fsum(areas)) <= _AREA_RANGE[1] and all(
            is_contractive(tuple(row)) for row in maps.tolist()
        ):
            return maps


def _play(params: FractalDBParams, size: int, n_points: int) -> NDArray[np.uint64]:
    histogram = np.zeros(size * size + N_CHAINS, np.uint64)
    scatter(
        np.array(params.maps),
        np.array(params.weights),
        np.zeros(len(params.maps), np.int32),
        n_points,
        np.uint64(params.stream),
        size,
        histogram,
    )
    return histogram


def _add_shifted(
    source: NDArray[np.bool_], down: int, across: int, target: NDArray[np.bool_]
) -> None:
    """Set `target` where `source`, moved by whole pixels, is set."""
    height, width = source.shape
    rows = slice(max(0, down), height + min(0, down))
    columns = slice(max(0, across), width + min(0, across))
    from_rows = slice(max(0, -down), height + min(0, -down))
    from_columns = slice(max(0, -across), width + min(0, -across))
    target[rows, columns] |= source[from_rows, from_columns]
