"""Moire images: interfering rings around random centres.

Source: "MoireMix" (arXiv 2603.25109), whose images are the grey ones; the palettes are ours.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.color.palettes import choose, resolve
from fractalgen.color.spaces import srgb_gradient
from fractalgen.families.base import check_colors, check_within, log_uniform, rounded
from fractalgen.kernels.rings import ring_rows

__all__ = ["Moire", "MoireParams"]

_MAX_RINGS = 16
_MARGIN = 0.08  # centres keep this distance from the image's edges
_GREY = ("#000000", "#ffffff")
_GREY_SHARE = 0.3
_MAX_ALONE = 40.0  # cycles a side of rings around a single centre
_PROBE_SIZE = 64
_N_COLORS = 1024
_STRIP_PIXELS = 1 << 20


@dataclass(frozen=True)
class Rings:
    """A wave around a point: its centre in sides of the image, cycles a side, phase in turns."""

    x: float
    y: float
    frequency: float
    phase: float


@dataclass(frozen=True)
class MoireParams:
    """One moire image.

    Attributes
    ----------
    rings : tuple of Rings
        The image is their mean, stretched to the full range.
    colors : tuple of str
        The gradient from the lowest value to the highest.
    """

    rings: tuple[Rings, ...]
    colors: tuple[str, ...]

    def __post_init__(self) -> None:
        check_within("the number of rings", 1, _MAX_RINGS, len(self.rings))
        for ring in self.rings:
            check_within("a ring's centre", -4.0, 4.0, ring.x, ring.y)
            check_within("a ring's frequency", 0.1, 1000.0, ring.frequency)
            check_within("a ring's phase", 0.0, 1.0, ring.phase)
        check_colors("colors", self.colors)


@dataclass(frozen=True)
class Moire:
    """The family of moire images.

    Parameters
    ----------
    palette : str
        What `fractalgen.color.palettes.resolve` understands. With "any", three images out of ten
        are grey.
    """

    name: ClassVar[str] = "moire"
    version: ClassVar[int] = 1
    params_type: ClassVar[type[MoireParams]] = MoireParams

    palette: str = "any"

    def __post_init__(self) -> None:
        object.__setattr__(self, "palette", resolve(self.palette))

    def sample_params(self, rng: np.random.Generator) -> MoireParams:
        """Draw one to three centres with frequencies from 1 to 100 cycles a side."""
        rings = tuple(
            Rings(
                x=rounded(rng.uniform(_MARGIN, 1.0 - _MARGIN)),
                y=rounded(rng.uniform(_MARGIN, 1.0 - _MARGIN)),
                frequency=log_uniform(rng, 2.0, 100.0)
                if rng.random() < 0.7
                else rounded(rng.uniform(1.0, 100.0)),
                phase=rounded(rng.random()),
            )
            for _ in range(int(rng.choice([1, 2, 2, 3, 3])))
        )
        grey = self.palette == "any" and rng.random() < _GREY_SHARE
        return MoireParams(rings, _GREY if grey else choose(self.palette, rng).colors)

    def accepts(self, params: MoireParams) -> bool:
        """Refuse fine rings around a single centre, which look like a flat colour."""
        return len(params.rings) > 1 or params.rings[0].frequency <= _MAX_ALONE

    def render(self, params: MoireParams, size: int) -> NDArray[np.uint8]:
        """Draw the image as a (size, size, 3) uint8 RGB array."""
        low, high = _range(params)
        colors = srgb_gradient(params.colors, _N_COLORS)
        rings = _as_array(params)
        image = np.empty((size, size, 3), np.uint8)
        height = max(1, _STRIP_PIXELS // size)
        scale = np.float32((_N_COLORS - 1) / max(high - low, 1e-6))
        for first in range(0, size, height):
            strip = image[first : first + height]
            values = np.empty(strip.shape[:2], np.float32)
            ring_rows(rings, size, first, values)
            values -= low
            values *= scale
            strip[...] = colors[np.clip(values, 0, _N_COLORS - 1).astype(np.int32)]
        return image


def _as_array(params: MoireParams) -> NDArray[np.float32]:
    return np.array([(r.x, r.y, r.frequency, r.phase) for r in params.rings], np.float32)


@lru_cache(maxsize=32)
def _range(params: MoireParams) -> tuple[np.float32, np.float32]:
    """Return the lowest and highest value on a small probe, the same for every size."""
    values = np.empty((_PROBE_SIZE, _PROBE_SIZE), np.float32)
    ring_rows(_as_array(params), _PROBE_SIZE, 0, values)
    return values.min(), values.max()
