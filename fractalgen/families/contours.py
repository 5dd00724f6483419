"""Line drawings for formula-driven pre-training: radial contours and visual atoms.

Sources: Kataoka et al., "Replacing labeled real-image datasets with auto-generated contours", CVPR
2022 (RCDB); Takashima et al., "Visual atoms", CVPR 2023. The coloured images are ours.
"""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.color.palettes import choose, resolve
from fractalgen.color.spaces import hex_to_linear, linear_to_srgb
from fractalgen.families.base import check_colors, check_within, jittered, log_uniform, rounded
from fractalgen.kernels.curves import draw_curves, orbit_points, polygon_points
from fractalgen.kernels.probes import probe_light

__all__ = ["RadialContours", "RadialContoursParams", "VisualAtoms", "VisualAtomsParams"]

Pair = tuple[float, float]

_MAX_LINES = 200
_MAX_CORNERS = 512
_MAX_WAVES = 40
_ORBIT_POINTS = 240
_GREY = ("#000000", "#ffffff")
_GREY_SHARE = 0.25  # of the images, if the palette is "any"
_MIN_SPACING = 0.01  # of the lines, in sides of the image
_PROBE_SIZE = 128
_MIN_STEPS = 12  # of light between neighbouring pixels, 0 to 255, on average
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
    turn: float  # of the whole drawing, in turns
    twist: float  # by how many turns the outermost polygon is ahead of the centre
    stretch: Pair  # of the turned drawing, across and along
    center: Pair
    stream: int  # the random stream of all corners
    colors: tuple[str, ...]  # the ground, then those of the lines, from the outermost in

    def __post_init__(self) -> None:
        check_within("the number of corners", 3, _MAX_CORNERS, self.corners)
        check_within("the noise of the corners", 0.0, 2.0, self.shared_noise, self.own_noise)
        check_within("the twist", -32.0, 32.0, self.twist)
        check_within("the stream", 0, 2**63 - 1, self.stream)
        _check_drawing(self)


@dataclass(frozen=True)
class VisualAtomsParams:
    """One image of sine waves on concentric circles."""

    lines: int  # circles
    radius: float  # of the outermost, in sides of the image
    inner: float  # share of the radius within which there are no circles
    width: float  # of a line, in sides of the image
    waves: Pair  # whole numbers around each circle
    amplitudes: Pair  # of the two waves, in sides of the image
    twist: Pair  # by how many turns each wave's phase grows from the centre to the outermost circle
    turn: float  # of the whole drawing, in turns
    stretch: Pair  # of the turned drawing, across and along
    center: Pair
    colors: tuple[str, ...]  # the ground, then those of the lines, from the outermost in

    def __post_init__(self) -> None:
        check_within("the number of waves", 0, _MAX_WAVES, *self.waves)
        check_within("the amplitude of a wave", 0.0, 2.0, *self.amplitudes)
        check_within("the twist", -32.0, 32.0, *self.twist)
        check_within("the empty share of the radius", 0.0, 1.0, self.inner)
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
    max_classes: ClassVar[int] = 21_000
    params_type: ClassVar[type[RadialContoursParams]] = RadialContoursParams

    palette: str = "any"

    def __post_init__(self) -> None:
        object.__setattr__(self, "palette", resolve(self.palette))

    def sample_params(self, rng: np.random.Generator) -> RadialContoursParams:
        """Draw the polygons, their noise and the colours."""
        corners = int(log_uniform(rng, 3.0, 120.0))
        noise = float(rng.choice([0.0, 0.05, 0.12, 0.3])) * rng.uniform(0.5, 1.2)
        shared = rng.random()
        radius = rng.uniform(0.42, 0.75)
        stretch = _sample_stretch(rng, 0.6)
        room = radius * min(stretch) * math.cos(math.pi / corners)  # from the centre to an edge
        lines = min(int(rng.integers(5, 36)), int(room / _MIN_SPACING))
        return RadialContoursParams(
            corners=corners,
            lines=lines,
            radius=rounded(radius),
            width=rounded(room / lines * rng.uniform(0.2, 0.65)),
            shared_noise=rounded(noise * shared),
            own_noise=rounded(noise * (1.0 - shared)),
            turn=rounded(rng.random()),
            twist=rounded(rng.uniform(-0.4, 0.4)) if rng.random() < 0.5 else 0.0,
            stretch=stretch,
            center=_sample_center(rng),
            stream=int(rng.integers(2**63)),
            colors=_sample_colors(rng, self.palette),
        )

    def vary(self, params: RadialContoursParams, rng: np.random.Generator) -> RadialContoursParams:
        """Resize, move and turn the polygons a little; draw other colours."""
        return replace(
            _vary_drawing(params, rng, self.palette),
            shared_noise=jittered(rng, params.shared_noise, 0.2),
            own_noise=jittered(rng, params.own_noise, 0.2),
            twist=jittered(rng, params.twist, 0.1),
        )

    def accepts(self, params: RadialContoursParams) -> bool:
        """Refuse drawings in which few lines stand out from what is beside them."""
        return _has_lines(self.render(params, _PROBE_SIZE))

    def render(self, params: RadialContoursParams, size: int) -> NDArray[np.uint8]:
        """Draw the image as a (size, size, 3) uint8 RGB array."""
        points = np.empty((params.lines, params.corners, 2), np.float32)
        noise = np.float32(params.shared_noise), np.float32(params.own_noise)
        radii = _radii(params, 0.0)
        turns = np.float32(params.turn) + radii * np.float32(params.twist / params.radius)
        polygon_points(np.uint64(params.stream), radii, turns, *noise, points)
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
    max_classes: ClassVar[int] = 5_000
    params_type: ClassVar[type[VisualAtomsParams]] = VisualAtomsParams

    palette: str = "any"

    def __post_init__(self) -> None:
        object.__setattr__(self, "palette", resolve(self.palette))

    def sample_params(self, rng: np.random.Generator) -> VisualAtomsParams:
        """Draw the circles, their waves and the colours."""
        waves = rng.integers(0, 21, 2).tolist()
        amplitudes = rng.uniform(0.0, 0.08, 2).tolist()
        radius, inner = rng.uniform((0.4, 0.02), (0.62, 0.3)).tolist()
        stretch = _sample_stretch(rng, 0.75)
        # Where a wave is steep, lines are nearer to one another than circles are.
        slope = sum(n * a for n, a in zip(waves, amplitudes, strict=True)) / (0.7 * radius)
        room = radius * (1.0 - inner) * min(stretch) / math.sqrt(1.0 + slope * slope)
        lines = min(int(rng.integers(8, 56)), max(int(room / _MIN_SPACING), 4))
        twisted = rng.random() < 0.6
        return VisualAtomsParams(
            lines=lines,
            radius=rounded(radius),
            inner=rounded(inner),
            width=rounded(room / lines * rng.uniform(0.3, 0.85)),
            waves=(float(waves[0]), float(waves[1])),
            amplitudes=(rounded(amplitudes[0]), rounded(amplitudes[1])),
            twist=(
                rounded(rng.uniform(-3.0, 3.0)) if twisted else 0.0,
                rounded(rng.uniform(-3.0, 3.0)) if twisted else 0.0,
            ),
            turn=rounded(rng.random()),
            stretch=stretch,
            center=_sample_center(rng),
            colors=_sample_colors(rng, self.palette),
        )

    def vary(self, params: VisualAtomsParams, rng: np.random.Generator) -> VisualAtomsParams:
        """Resize, move and turn the circles a little; draw other colours."""
        first, second = params.amplitudes
        return replace(
            _vary_drawing(params, rng, self.palette),
            amplitudes=(jittered(rng, first, 0.15), jittered(rng, second, 0.15)),
            twist=(jittered(rng, params.twist[0], 0.1), jittered(rng, params.twist[1], 0.1)),
            inner=jittered(rng, params.inner, 0.2),
        )

    def accepts(self, params: VisualAtomsParams) -> bool:
        """Refuse drawings in which few lines stand out from what is beside them."""
        return _has_lines(self.render(params, _PROBE_SIZE))

    def render(self, params: VisualAtomsParams, size: int) -> NDArray[np.uint8]:
        """Draw the image as a (size, size, 3) uint8 RGB array."""
        points = np.empty((params.lines, _ORBIT_POINTS, 2), np.float32)
        radii = _radii(params, params.inner)
        waves = np.stack([params.waves, params.amplitudes], axis=1).astype(np.float32)
        share = radii / np.float32(params.radius)
        phases = share[:, np.newaxis] * np.array(params.twist, np.float32)
        orbit_points(radii, np.float32(params.turn), waves, phases, points)
        return _draw(params, points, size)


Params = RadialContoursParams | VisualAtomsParams
D = TypeVar("D", RadialContoursParams, VisualAtomsParams)


def _check_drawing(params: Params) -> None:
    check_within("the number of lines", 1, _MAX_LINES, params.lines)
    check_within("the radius", 0.01, 4.0, params.radius)
    check_within("the width of a line", 0.0005, 0.2, params.width)
    check_within("the turn", 0.0, 1.0, params.turn)
    check_within("the stretch", 0.05, 8.0, *params.stretch)
    check_within("the centre", -2.0, 3.0, *params.center)
    check_colors("colors", params.colors)


def _sample_stretch(rng: np.random.Generator, least: float) -> Pair:
    return rounded(rng.uniform(least, 1.25)), rounded(rng.uniform(least, 1.25))


def _sample_center(rng: np.random.Generator) -> Pair:
    return rounded(rng.uniform(0.38, 0.62)), rounded(rng.uniform(0.38, 0.62))


def _vary_drawing(params: D, rng: np.random.Generator, palette: str) -> D:
    """Vary what all drawings have: the lines, the place, the turn and the colours."""
    across, along = params.stretch
    return replace(
        params,
        lines=max(1, round(params.lines * rng.uniform(0.9, 1.1))),
        radius=jittered(rng, params.radius, 0.15),
        width=jittered(rng, params.width, 0.25),
        turn=rounded((params.turn + rng.uniform(-0.04, 0.04)) % 1.0),
        stretch=(jittered(rng, across, 0.1), jittered(rng, along, 0.1)),
        center=_sample_center(rng),
        colors=_sample_colors(rng, palette),
    )


def _sample_colors(rng: np.random.Generator, palette: str) -> tuple[str, ...]:
    if palette == "any" and rng.random() < _GREY_SHARE:
        return _GREY
    colors = choose(palette, rng).colors
    return colors[:: int(rng.choice([-1, 1]))]  # a dark or a light ground


def _has_lines(rgb: NDArray[np.uint8]) -> bool:
    return bool(probe_light(rgb).steps >= _MIN_STEPS * rgb.shape[0] * rgb.shape[1])


def _radii(params: Params, inner: float) -> NDArray[np.float32]:
    """Return evenly spaced radii, the outermost first."""
    numbers = np.arange(params.lines, 0, -1, dtype=np.float32)
    least = np.float32(inner * params.radius)
    step = np.float32(params.radius * (1.0 - inner) / params.lines)
    radii: NDArray[np.float32] = least + numbers * step
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
