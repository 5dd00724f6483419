"""A registry: a dictionary that refuses duplicates and suggests the nearest name."""

import datetime as dt
import difflib
import pkgutil
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from fractalgen.errors import UnknownNameError

T = TypeVar("T")

__all__ = ["Registry", "first_few", "nearest", "shown"]

_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = _brief.maxlong = 80
_brief.maxlevel = 2


def nearest(name: str, known: list[str]) -> str:
    """Return a phrase that suggests the closest of the `known` names, or lists them all."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"choose from {', '.join(known)}"


def shown(value: Any) -> str:
    """Return a value as a message shows it: on one line, and shortened if it is long."""
    try:
        if hasattr(value, "dtype") and (value.ndim > 1 or (value.ndim == 1 and len(value) > 8)):
            return f"{value.dtype} of shape {tuple(value.shape)}"
        text = str(value) if isinstance(value, (dt.date, dt.time)) else _brief.repr(value)
        return " ".join(text.split())
    except Exception:  # too many digits for Python to write, or a broken repr
        return "a number of thousands of digits" if isinstance(value, int) else type(value).__name__


def first_few(names: Sequence[str]) -> str:
    """Return the first five names, and say how many more there are."""
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


class Registry(Mapping[str, T]):
    """Named entries in the order in which they were added.

    Parameters
    ----------
    kind : str
        Kind of the entries, such as "family" or "palette", for error messages.

    Attributes
    ----------
    summaries : dict from str to str
        One-line descriptions of the entries that have one. Reading them imports nothing.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._entries: dict[str, T | None] = {}
        self._addresses: dict[str, str] = {}
        self.summaries: dict[str, str] = {}

    def add(self, name: str, entry: T) -> None:
        """Add an entry; ValueError if the name is taken."""
        self._check_free(name)
        self._entries[name] = entry

    def add_lazily(self, name: str, address: str, summary: str) -> None:
        """Add an entry that is imported from ``module:name`` when it is first used."""
        self._check_free(name)
        self._entries[name] = None
        self._addresses[name] = address
        self.summaries[name] = summary

    def _check_free(self, name: str) -> None:
        if name in self._entries:
            raise ValueError(f"the {self._kind} '{name}' is registered twice")

    def __getitem__(self, name: str) -> T:
        if name not in self:
            hint = nearest(str(name), list(self._entries))
            raise UnknownNameError(f"unknown {self._kind} {shown(name)}: {hint}")
        address = self._addresses.get(name)
        if address is not None:  # another thread may be importing it too, with the same result
            self._entries[name] = pkgutil.resolve_name(address)
            self._addresses.pop(name, None)
        entry: Any = self._entries[name]
        return cast(T, entry)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
