"""Checks of an image's parameters, which anyone may have edited in a file.

What a family draws lies well within the ranges that it checks; beyond them an image could take
for ever, or numbers could overflow.
"""

import re
from functools import lru_cache

from fractalgen.registry import shown

__all__ = ["check_colors", "check_direction", "check_within"]

_COLOR = re.compile(r"#[0-9a-f]{6}")
_MOST_COLORS = 256
_UNIT_TOLERANCE = 1e-3


def check_within(what: str, low: float, high: float, *numbers: float) -> None:
    """Raise ValueError unless every number is from `low` to `high`; NaN is not."""
    for number in numbers:
        if not low <= number <= high:
            raise ValueError(f"{what} must be from {low:g} to {high:g}, not {shown(number)}")


def check_direction(what: str, cosine: float, sine: float) -> None:
    """Raise ValueError unless two numbers are an angle's cosine and sine, nearly."""
    if not abs(cosine * cosine + sine * sine - 1.0) <= _UNIT_TOLERANCE:
        found = f"{shown(cosine)} and {shown(sine)}"
        raise ValueError(f"{what} must be an angle's cosine and sine, not {found}")


@lru_cache(maxsize=256)
def check_colors(what: str, colors: tuple[str, ...]) -> None:
    """Raise ValueError unless there are 2 to 256 colours such as ``"#1a2b3c"``."""
    if not 2 <= len(colors) <= _MOST_COLORS:
        raise ValueError(f"{what} must be from 2 to {_MOST_COLORS}, not {len(colors)}")
    for color in colors:
        if not _COLOR.fullmatch(color):
            raise ValueError(f"{what} must be such as #1a2b3c, not {shown(color)}")
