"""A part of a set, drawn by one of several jobs that know nothing of each other."""

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from fractalgen.arguments import whole_number
from fractalgen.errors import ArgumentError

__all__ = ["WHOLE", "Part"]

T = TypeVar("T")

_TEXT = re.compile(r"([0-9]+)/([0-9]+)")
_MAX_PARTS = 1_000_000


@dataclass(frozen=True)
class Part:
    """Part `number` of `n_parts`, counted from 1: every `n_parts`-th image or shard.

    Raises
    ------
    ArgumentError
        If a number is out of range.
    """

    number: int
    n_parts: int

    def __post_init__(self) -> None:
        whole_number("the number of parts", self.n_parts, 1, _MAX_PARTS)
        whole_number("the number of the part", self.number, 1, self.n_parts)

    def __str__(self) -> str:
        return f"{self.number}/{self.n_parts}"

    @classmethod
    def parse(cls, text: str) -> "Part":
        """Read a text such as ``2/8``."""
        match = _TEXT.fullmatch(text) if isinstance(text, str) else None
        if not match:
            raise ArgumentError(f"a part must be such as 2/8, the second of eight, not '{text}'")
        return cls(int(match[1]), int(match[2]))

    def of(self, things: Iterable[T]) -> Iterator[T]:
        """Yield those that belong to this part."""
        return itertools.islice(things, self.number - 1, None, self.n_parts)


WHOLE = Part(1, 1)
