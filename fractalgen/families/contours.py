"""Line drawings for formula-driven pre-training: radial contours and visual atoms.

Sources: Kataoka et al., "Replacing labeled real-image datasets with auto-generated contours", CVPR
2022 (RCDB); Takashima et al., "Visual atoms", CVPR 2023. The coloured images are ours.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.color.palettes import choose, resolve
from fractalgen.color.spaces import hex_to_linear, linear_to_srgb
from fractalgen.families.base import check_colors, check_within, log_uniform, rounded
from fractalgen.kernels.curves import draw_curves, orbit_points, polygon_points

__all__ = ["RadialContours", "RadialContoursParams", "VisualAtoms", "VisualAtomsParams"]

Pair = tuple[float, float]

_MAX_LINES = 200
_MAX_CORNERS = 512
_MAX_WAVES = 40
_ORBIT_POINTS = 240
_GREY = ("#000000", "#ffffff")
_GREY_SHARE = 0.25  # of the images, if the palette is "any"
_STRIP_PIXELS = 1 << 20


@dataclass(frozen=True)
class RadialContoursParams:
    """One image of nested polygons."""

    corners: int  # of each polygon
    lines: int  # polygons
    radius: float  # of the outermost, in sides of the image
    width: float  # of a line, in sides of the image
    shared_noise: float  # how far a corner moves in all polygons, as a share of the radius
    own_noise: float  # how far it also moves in each polygon by itself
    stretch: Pair  # of the whole drawing, across and along
    center: Pair
    stream: int  # the random stream of all corners
    colors: tuple[str, ...]  # the ground, then those of the lines, from the outermost in

    def __post_init__(self) -> None:
        check_within("the number of corners", 3, _MAX_CORNERS, self.corners)
        check_within("the noise of the corners", 0.0, 2.0, self.shared_noise, self.own_noise)
        check_within("the stream", 0, 2**63 - 1, self.stream)
        _check_drawing(self)


@dataclass(frozen=True)
class VisualAtomsParams:
    """One image of sine waves on concentric circles."""

    lines: int  # circles
    radius: float  # of the outermost, in sides of the image
    width: float  # of a line, in sides of the image
    waves: Pair  # whole numbers around each circle
    amplitudes: Pair  # of the two waves, in sides of the image
    twist: Pair  # by how many turns each wave's phase grows from the centre to the outermost circle
    stretch: Pair  # of the whole drawing, across and along
    center: Pair
    colors: tuple[str, ...]  # the ground, then those of the lines, from the outermost in

    def __post_init__(self) -> None:
        check_within("the number of waves", 0, _MAX_WAVES, *self.waves)
        check_within("the amplitude of a wave", 0.0, 2.0, *self.amplitudes)
        check_within("the twist", -32.0, 32.0, *self.twist)
        _check_drawing(self)


@dataclass(frozen=True)
class RadialContours:
    """Nested polygons with moving corners.

    Parameters
    ----------
    palette : str
        What `fractalgen.color.palettes.resolve` understands. With "any", one image out of four is
        white on black.
    """

    name: ClassVar[str] = "radial-contours"
    version: ClassVar[int] = 1
    params_type: ClassVar[type[RadialContoursParams]] = RadialContoursParams

    palette: str = "any"

    def __post_init__(self) -> None:
        object.__setattr__(self, "palette", resolve(self.palette))

    def sample_params(self, rng: np.random.Generator) -> RadialContoursParams:
        """Draw the polygons, their noise and the colours."""
        lines = int(rng.integers(5, 36))
        noise = float(rng.choice([0.0, 0.03, 0.1, 0.3])) * rng.uniform(0.5, 1.2)
        shared = rng.random()
        return RadialContoursParams(
            corners=int(log_uniform(rng, 3.0, 120.0)),
            lines=lines,
            radius=rounded(rng.uniform(0.45, 0.75)),
            width=_sample_width(rng, lines),
            shared_noise=rounded(noise * shared),
            own_noise=rounded(noise * (1.0 - shared)),
            stretch=_sample_stretch(rng, 0.6),
            center=_sample_center(rng),
            stream=int(rng.integers(2**63)),
            colors=_sample_colors(rng, self.palette),
        )

    def accepts(self, params: RadialContoursParams) -> bool:
        """Accept everything: lines always have contrast with the ground."""
        return True

    def render(self, params: RadialContoursParams, size: int) -> NDArray[np.uint8]:
        """Draw the image as a (size, size, 3) uint8 RGB array."""
        points = np.empty((params.lines, params.corners, 2), np.float32)
        noise = np.float32(params.shared_noise), np.float32(params.own_noise)
        polygon_points(np.uint64(params.stream), _radii(params), *noise, points)
        return _draw(params, points, size)


@dataclass(frozen=True)
class VisualAtoms:
    """Sine waves on concentric circles.

    Parameters
    ----------
    palette : str
        What `fractalgen.color.palettes.resolve` understands. With "any", one image out of four is
        white on black.
    """

    name: ClassVar[str] = "visual-atoms"
    version: ClassVar[int] = 1
    params_type: ClassVar[type[VisualAtomsParams]] = VisualAtomsParams

    palette: str = "any"

    def __post_init__(self) -> None:
        object.__setattr__(self, "palette", resolve(self.palette))

    def sample_params(self, rng: np.random.Generator) -> VisualAtomsParams:
        """Draw the circles, their waves and the colours."""
        lines = int(rng.integers(8, 56))
        first, second = rng.integers(0, 21, 2).tolist()
        twisted = rng.random() < 0.6
        return VisualAtomsParams(
            lines=lines,
            radius=rounded(rng.uniform(0.4, 0.62)),
            width=_sample_width(rng, lines),
            waves=(float(first), float(second)),
            amplitudes=(rounded(rng.uniform(0.0, 0.08)), rounded(rng.uniform(0.0, 0.08))),
            twist=(
                rounded(rng.uniform(-3.0, 3.0)) if twisted else 0.0,
                rounded(rng.uniform(-3.0, 3.0)) if twisted else 0.0,
            ),
            stretch=_sample_stretch(rng, 0.75),
            center=_sample_center(rng),
            colors=_sample_colors(rng, self.palette),
        )

    def accepts(self, params: VisualAtomsParams) -> bool:
        """Accept everything: lines always have contrast with the ground."""
        return True

    def render(self, params: VisualAtomsParams, size: int) -> NDArray[np.uint8]:
        """Draw the image as a (size, size, 3) uint8 RGB array."""
        points = np.empty((params.lines, _ORBIT_POINTS, 2), np.float32)
        radii = _radii(params)
        waves = np.stack([params.waves, params.amplitudes], axis=1).astype(np.float32)
        share = radii / np.float32(params.radius)
        phases = share[:, np.newaxis] * np.array(params.twist, np.float32)
        orbit_points(radii, waves, phases, points)
        return _draw(params, points, size)


Params = RadialContoursParams | VisualAtomsParams


def _check_drawing(params: Params) -> None:
    check_within("the number of lines", 1, _MAX_LINES, params.lines)
    check_within("the radius", 0.01, 4.0, params.radius)
    check_within("the width of a line", 0.0, 0.2, params.width)
    check_within("the stretch", 0.05, 8.0, *params.stretch)
    check_within("the centre", -2.0, 3.0, *params.center)
    check_colors("colors", params.colors)


def _sample_width(rng: np.random.Generator, lines: int) -> float:
    """Draw a width that leaves some of the ground between the lines."""
    return rounded(0.5 / lines * rng.uniform(0.2, 0.7))


def _sample_stretch(rng: np.random.Generator, least: float) -> Pair:
    return rounded(rng.uniform(least, 1.25)), rounded(rng.uniform(least, 1.25))


def _sample_center(rng: np.random.Generator) -> Pair:
    return rounded(rng.uniform(0.38, 0.62)), rounded(rng.uniform(0.38, 0.62))


def _sample_colors(rng: np.random.Generator, palette: str) -> tuple[str, ...]:
    if palette == "any" and rng.random() < _GREY_SHARE:
        return _GREY
    colors = choose(palette, rng).colors
    return colors[:: int(rng.choice([-1, 1]))]  # a dark or a light ground


def _radii(params: Params) -> NDArray[np.float32]:
    """Return evenly spaced radii, the outermost first."""
    numbers = np.arange(params.lines, 0, -1, dtype=np.float32)
    radii: NDArray[np.float32] = numbers * np.float32(params.radius / params.lines)
    return radii


def _draw(params: Params, points: NDArray[np.float32], size: int) -> NDArray[np.uint8]:
    points *= np.array(params.stretch, np.float32)
    points += np.array(params.center, np.float32)
    colors = hex_to_linear(params.colors).astype(np.float32)
    n_inks = len(colors) - 1
    numbers = np.arange(params.lines)
    # An even number of lines takes the colours in turn, an odd number in bands.
    inks = colors[1:][
        numbers % n_inks if params.lines % 2 == 0 else numbers * n_inks // params.lines
    ]
    image = np.empty((size, size, 3), np.uint8)
    height = max(1, _STRIP_PIXELS // size)
    for first in range(0, size, height):
        strip = image[first : first + height]
        canvas = np.empty((3, *strip.shape[:2]), np.float32)
        canvas[...] = colors[0][:, np.newaxis, np.newaxis]
        draw_curves(points, np.float32(params.width), inks, size, first, canvas)
        strip[...] = linear_to_srgb(canvas)
    return image
