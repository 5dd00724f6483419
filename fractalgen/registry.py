"""A dictionary that refuses duplicates and explains a missing name."""

import datetime as dt
import difflib
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

__all__ = ["Registry", "UnknownNameError", "nearest", "shown"]

_MOST_SHOWN = 80


class UnknownNameError(KeyError):
    """A name that the registry does not hold; the message lists the ones that it does."""

    def __str__(self) -> str:
        return str(self.args[0])


def nearest(name: str, known: list[str]) -> str:
    """Return a phrase that suggests the closest of the `known` names, or lists them all."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"choose from {', '.join(known)}"


def shown(value: Any) -> str:
    """Return what a message shows of a value that somebody gave: on one line, and not for pages."""
    try:
        text = str(value) if isinstance(value, (dt.date, dt.time)) else repr(value)
    except ValueError:  # Python writes no whole numbers of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 3] + "..."


class Registry(Mapping[str, T]):
    """Named entries in the order in which they were added.

    Parameters
    ----------
    kind : str
        What the entries are ("family", "palette"), for error messages.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T) -> None:
        """Add an entry; ValueError if the name is taken."""
        if name in self._entries:
            raise ValueError(f"the {self._kind} '{name}' is registered twice")
        self._entries[name] = entry

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[name]
        except KeyError:
            hint = nearest(name, list(self._entries))
            raise UnknownNameError(f"no {self._kind} is called '{name}': {hint}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
