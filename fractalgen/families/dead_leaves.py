"""Dead leaves: overlapping shapes with the statistics of natural images.

Source: Baradad et al., "Learning to see by looking at noise", NeurIPS 2021; palettes, shading and
textures are ours.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.arguments import one_of
from fractalgen.color.palettes import choose, resolve
from fractalgen.color.spaces import hex_to_linear, linear_to_srgb
from fractalgen.errors import ArgumentError
from fractalgen.families.base import check_colors, check_within, log_uniform, rounded
from fractalgen.kernels.leaves import LEAF_SHAPES, paint_leaves

__all__ = ["DeadLeaves", "DeadLeavesParams"]

SHAPES = (*LEAF_SHAPES, "mixed", "any")

_MAX_LEAVES = 30_000
_STRIP_PIXELS = 1 << 20


@dataclass(frozen=True)
class DeadLeavesParams:
    """One image of dead leaves."""

    shapes: tuple[str, ...]  # each leaf has one of these `LEAF_SHAPES`
    min_radius: float  # in sides of the image
    max_radius: float
    power: float  # with which the density of the radii falls
    flat: float  # share of leaves in one colour
    shaded: float  # share of leaves with a gradient; the rest is striped
    stream: int  # the random stream of all leaves
    colors: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.shapes or not set(self.shapes) <= set(LEAF_SHAPES):
            raise ArgumentError(f"shapes must be some of {', '.join(LEAF_SHAPES)}")
        check_within("the number of shapes", 1, len(LEAF_SHAPES), len(self.shapes))
        check_within("the smallest radius", 0.001, 1.0, self.min_radius)
        check_within("the largest radius", self.min_radius, 2.0, self.max_radius)
        check_within("the power of the radii", 1.5, 6.0, self.power)
        check_within("the shares of flat and shaded leaves", 0.0, 1.0, self.flat, self.shaded)
        check_within("the stream", 0, 2**63 - 1, self.stream)
        check_colors("colors", self.colors)


@dataclass(frozen=True)
class DeadLeaves:
    """The family of dead-leaves images.

    Parameters
    ----------
    palette : str
        What `fractalgen.color.palettes.resolve` understands.
    shape : str
        One of ``"circle"``, ``"square"``, ``"oriented-square"``, ``"rectangle"``, ``"triangle"``;
        ``"mixed"`` for all in one image; or ``"any"`` to draw one of these for each image.
    """

    name: ClassVar[str] = "dead-leaves"
    version: ClassVar[int] = 1
    params_type: ClassVar[type[DeadLeavesParams]] = DeadLeavesParams

    palette: str = "any"
    shape: str = "any"

    def __post_init__(self) -> None:
        object.__setattr__(self, "palette", resolve(self.palette))
        one_of("shape", self.shape, SHAPES)

    def sample_params(self, rng: np.random.Generator) -> DeadLeavesParams:
        """Draw shapes, radii, fills and colours."""
        shape = self.shape
        if shape == "any":
            shape = str(rng.choice(SHAPES[:-1]))
        flat, shaded, _ = rng.dirichlet((0.5, 0.5, 0.3)).tolist()
        return DeadLeavesParams(
            shapes=LEAF_SHAPES if shape == "mixed" else (shape,),
            min_radius=log_uniform(rng, 0.01, 0.04),
            max_radius=log_uniform(rng, 0.15, 0.6),
            power=rounded(rng.uniform(2.5, 3.2)),
            flat=rounded(flat),
            shaded=rounded(shaded),
            stream=int(rng.integers(2**63)),
            colors=choose(self.palette, rng).colors,
        )

    def accepts(self, params: DeadLeavesParams) -> bool:
        """Accept everything: leaves of several colours always have contrast."""
        return True

    def render(self, params: DeadLeavesParams, size: int) -> NDArray[np.uint8]:
        """Draw the image as a (size, size, 3) uint8 RGB array."""
        shapes = np.array([LEAF_SHAPES.index(shape) for shape in params.shapes], np.int64)
        radii = np.array([params.min_radius, params.max_radius, params.power], np.float32)
        fills = np.array([params.flat, params.shaded], np.float32)
        colors = hex_to_linear(params.colors).astype(np.float32)
        image = np.empty((size, size, 3), np.uint8)
        height = max(1, _STRIP_PIXELS // size)
        for first in range(0, size, height):
            strip = image[first : first + height]
            canvas = np.zeros((4, *strip.shape[:2]), np.float32)
            canvas[0] = 1.0
            paint_leaves(
                np.uint64(params.stream),
                shapes,
                radii,
                fills,
                colors,
                _MAX_LEAVES,
                size,
                first,
                canvas,
            )
            for channel in range(3):  # the first colour is the ground, where it still shows
                canvas[1 + channel] += canvas[0] * colors[0, channel]
            strip[...] = linear_to_srgb(canvas[1:])
        return image
