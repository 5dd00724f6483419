"""The protocol of a family, and how its parameters are drawn and checked."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import ArgumentError
from fractalgen.registry import shown
from fractalgen.seeding import rng_for

__all__ = [
    "MAX_ATTEMPTS",
    "SIZE_RANGE",
    "AffineMap",
    "Family",
    "ImageSpec",
    "check_colors",
    "check_direction",
    "check_size",
    "check_within",
    "first_accepted",
    "is_contractive",
    "is_exact",
    "jittered",
    "log_uniform",
    "rounded",
    "sample_spec",
    "turned",
]

P = TypeVar("P")

MAX_ATTEMPTS = 40
SIZE_RANGE = (16, 16384)

_MAX_COLORS = 256
_COLOR = re.compile(r"#[0-9a-f]{6}")
_UNIT_TOLERANCE = 1e-3


class Family(Protocol[P]):
    """One kind of image: a frozen dataclass whose fields are the options of its command.

    All randomness is in `sample_params`. `render` is a pure function of its arguments, so recorded
    parameters redraw an image without the options. A family whose kernels take long to compile can
    also have a class method `compilations`; see `fractalgen.families.compilation`. A family whose
    images can be variations of one another also has `vary`; see `fractalgen.families.classes`.

    A family that draws several images faster than each alone can have `batch_size() -> int`, and
    `render_batch(params, size)`, which yields what `render` returns for each. One that needs more
    than its parameters, such as a network, can have `prepare()`, which raises an error if that is
    missing. One whose pixels depend on the processor has ``exact = False``.

    Attributes
    ----------
    version : int
        Starts at 1. Increment it whenever the same options, seed and numbers would give a different
        image: different parameters, or different pixels for the same parameters. It is part of a
        recipe's digest, and a set of one version is never resumed with another.
    """

    version: ClassVar[int]

    @property
    def name(self) -> str:
        """The name of the command and of the folder: ``escape-time``."""

    @property
    def params_type(self) -> type[P]:
        """The frozen dataclass that holds one image's parameters."""

    def sample_params(self, rng: np.random.Generator) -> P:
        """Draw the parameters of one image."""

    def accepts(self, params: P) -> bool:
        """Judge from a small probe whether these parameters give an image worth having."""

    def render(self, params: P, size: int) -> NDArray[np.uint8]:
        """Draw the image as a (size, size, 3) uint8 RGB array."""


def is_exact(family: Any) -> bool:
    """Whether a family, or a class of one, draws the same pixels on every processor."""
    return bool(getattr(family, "exact", True))


@dataclass(frozen=True)
class ImageSpec:
    """Everything needed to redraw one image at any size.

    Attributes
    ----------
    family : str
        Name of the family.
    seed, index : int
        The set's seed, and the image's number within its family or class.
    attempt : int
        Number of the draw, from 1, that the family accepted.
    params : Any
        The family's frozen dataclass of parameters.
    class_ : int or None
        The class of which the image is an instance, with the number `index`; None without classes.
    gray : bool
        Whether the image is drawn in grey.
    """

    family: str
    seed: int
    index: int
    attempt: int
    params: Any = field(repr=False)
    class_: int | None = None
    gray: bool = False

    def __repr__(self) -> str:
        number = f"index={self.index}"
        if self.class_ is not None:
            number = f"class_={self.class_}, instance={self.index}"
        gray = ", gray=True" if self.gray else ""
        head = f"family={self.family!r}, seed={self.seed}, {number}, attempt={self.attempt}"
        return f"ImageSpec({head}{gray})"


def sample_spec(family: Family[Any], seed: int, index: int) -> ImageSpec:
    """Draw parameters from the image's own stream until the family accepts them.

    The last of `MAX_ATTEMPTS` draws is used even if it is not accepted, so the call always ends.
    """
    rng = rng_for(seed, family.name, index)
    attempt, params = first_accepted(family, lambda: family.sample_params(rng))
    return ImageSpec(family.name, seed, index, attempt, params)


def first_accepted(family: Family[P], draw: Callable[[], P]) -> tuple[int, P]:
    """Draw until the family accepts the parameters; return the number of draws, and the last."""
    for attempt in range(1, MAX_ATTEMPTS + 1):
        params = draw()
        if attempt == MAX_ATTEMPTS or family.accepts(params):
            break
    return attempt, params


def rounded(value: float) -> float:
    """Round to nine significant digits.

    Use it for parameters computed with a library's sine or logarithm: libraries differ in the
    seventeenth digit, but a recorded nine-digit number is the same everywhere.
    """
    return float(f"{value:.9g}")


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw log-uniformly from [low, high], both positive; rounded to nine digits."""
    return rounded(low * (high / low) ** rng.random())


def jittered(rng: np.random.Generator, value: float, share: float) -> float:
    """Multiply by a factor from 1 - `share` to 1 + `share`; rounded to nine digits."""
    return rounded(value * rng.uniform(1.0 - share, 1.0 + share))


def turned(
    rng: np.random.Generator, cosine: float, sine: float, most: float
) -> tuple[float, float]:
    """Turn a direction, given as cosine and sine, by at most `most` radians either way."""
    angle = rng.uniform(-most, most)
    c, s = math.cos(angle), math.sin(angle)
    return rounded(cosine * c - sine * s), rounded(cosine * s + sine * c)


# Recorded parameters can be edited by hand. Families draw well within the ranges that they check;
# outside them an image could take forever, or numbers could overflow.


AffineMap = tuple[float, float, float, float, float, float]
"""(a, b, c, d, e, f): x' = a x + b y + c, y' = d x + e y + f."""


def is_contractive(row: AffineMap) -> bool:
    """Tell whether a map's iterates converge: both eigenvalues lie inside the unit circle."""
    a, b, _, d, e, _ = row
    determinant = a * e - b * d
    return abs(determinant) < 1.0 and abs(a + e) < 1.0 + determinant


def check_size(size: int) -> int:
    """Return `size`, or raise ArgumentError unless it is a whole number within `SIZE_RANGE`."""
    low, high = SIZE_RANGE
    if not isinstance(size, (int, np.integer)) or not low <= size <= high:
        raise ArgumentError(
            f"size must be a whole number from {low} to {high} pixels, not {shown(size)}"
        )
    return int(size)


def check_within(what: str, low: float, high: float, *numbers: float) -> None:
    """Raise ArgumentError unless every number is from `low` to `high`; NaN is refused too."""
    for number in numbers:
        if not low <= number <= high:
            raise ArgumentError(f"{what} must be from {low:g} to {high:g}, not {shown(number)}")


def check_direction(what: str, cosine: float, sine: float) -> None:
    """Raise ArgumentError unless the numbers are close to the cosine and sine of an angle."""
    if not abs(cosine * cosine + sine * sine - 1.0) <= _UNIT_TOLERANCE:
        found = f"{shown(cosine)} and {shown(sine)}"
        raise ArgumentError(f"{what} must be an angle's cosine and sine, not {found}")


@lru_cache(maxsize=256)
def check_colors(what: str, colors: tuple[str, ...]) -> None:
    """Raise ArgumentError unless there are 2 to 256 colours written like ``"#1a2b3c"``."""
    if not 2 <= len(colors) <= _MAX_COLORS:
        raise ArgumentError(f"{what} must be from 2 to {_MAX_COLORS}, not {len(colors)}")
    for color in colors:
        if not _COLOR.fullmatch(color):
            raise ArgumentError(f"{what} must look like #1a2b3c, not {shown(color)}")
