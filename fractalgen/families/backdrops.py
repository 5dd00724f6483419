"""Backgrounds: gradients, terrain and clouds in colours of their own."""

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fractalgen.color.gradients import srgb_gradient
from fractalgen.families.base import rounded
from fractalgen.families.ranges import check_colors, check_direction, check_within
from fractalgen.kernels.backgrounds import CLOUD_CELLS, clouds, diamond_square, paint

__all__ = ["Backdrop", "draw_backdrop", "sample_backdrop"]

_N_COLORS = 256
_MIN_LEVELS = 4
_TEXTURES = ("terrain", "clouds")
_SHAPES = ("none", "linear", "radial", "conic")
_SHAPE_BORDERS = (0.45, 0.7, 0.85)
_CLOUD_LEVELS_FEWER = (CLOUD_CELLS - 1).bit_length()


@dataclass(frozen=True)
class Backdrop:
    """A random field and a gradient, added up and coloured by a cyclic palette.

    Attributes
    ----------
    texture : str
        The field: ``"terrain"`` (diamond-square) or ``"clouds"``.
    roughness : float
        How much finer levels of the field count, 0 to 1.
    noise : float
        Turns through the palette for a difference of 1 in the field, whose corners or coarsest
        nodes lie in [-1, 1].
    shape : str
        The gradient: ``"none"``, ``"linear"``, ``"radial"`` or ``"conic"``.
    turns : float
        Turns through the palette along a side of the image, or around it.
    direction : tuple of float
        Cosine and sine of the gradient's direction.
    center : tuple of float
        Centre of the gradient, in sides of the image.
    stream : int
        The field's random stream.
    colors : tuple of str
        The palette's colours, as ``"#rrggbb"``.
    """

    texture: str
    roughness: float
    noise: float
    shape: str
    turns: float
    direction: tuple[float, float]
    center: tuple[float, float]
    stream: int
    colors: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.texture not in _TEXTURES or self.shape not in _SHAPES:
            raise ValueError(f"no background has the texture {self.texture} and shape {self.shape}")
        if not 0 <= self.stream < 2**63:
            raise ValueError("the stream of a background is out of range")
        check_within("a background's roughness", 0.0, 1.0, self.roughness)
        check_within("a background's noise", 0.0, 8.0, self.noise)
        check_within("a background's turns", 0.0, 16.0, self.turns)
        check_direction("a background's direction", *self.direction)
        check_within("a background's centre", -2.0, 3.0, *self.center)
        check_colors("a background's colours", self.colors)


def sample_backdrop(rng: np.random.Generator, colors: tuple[str, ...]) -> Backdrop:
    """Draw a background in the given colours."""
    u = rng.random(8).tolist()
    texture = _TEXTURES[u[0] >= 0.5]
    shape = _SHAPES[bisect_right(_SHAPE_BORDERS, u[1])]
    low, high = (0.4, 0.8) if texture == "terrain" else (0.3, 0.75)
    roughness = low + (high - low) * u[2]
    noise = 0.2 * 4.0 ** u[3] if shape == "none" else 0.02 * 15.0 ** u[3]
    turns = 1.0 + (u[4] >= 0.5) if shape == "conic" else 0.4 * 4.0 ** u[4]
    angle = 2 * math.pi * u[5]
    return Backdrop(
        texture=texture,
        roughness=rounded(roughness),
        noise=rounded(noise),
        shape=shape,
        turns=rounded(turns),
        direction=(rounded(math.cos(angle)), rounded(math.sin(angle))),
        center=(rounded(0.1 + 0.8 * u[6]), rounded(0.1 + 0.8 * u[7])),
        stream=int(rng.integers(2**63)),
        colors=colors,
    )


def draw_backdrop(backdrop: Backdrop, size: int) -> NDArray[np.uint8]:
    """Draw a background, uint8 of shape (size, size, 3).

    The field's grid has a node for every other pixel, more or less, and follows powers of two.
    """
    n_levels = max(_MIN_LEVELS, (size - 1).bit_length() - 1)
    roughness, stream = np.float32(backdrop.roughness), np.uint64(backdrop.stream)
    if backdrop.texture == "terrain":
        field = diamond_square(n_levels, roughness, stream)
    else:
        field = clouds(n_levels - _CLOUD_LEVELS_FEWER, roughness, stream)
    ramp = srgb_gradient(backdrop.colors, _N_COLORS, cyclic=True)
    return paint(
        field,
        1 << n_levels,
        np.float32(backdrop.noise),
        _SHAPES.index(backdrop.shape),
        np.float32(backdrop.turns),
        np.float32(backdrop.direction[0]),
        np.float32(backdrop.direction[1]),
        np.float32(backdrop.center[0]),
        np.float32(backdrop.center[1]),
        ramp,
        size,
    )
