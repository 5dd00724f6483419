"""Which images of one family shall be in a set, with the family's options checked."""

import dataclasses
import functools
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fractalgen.color.palettes import resolve
from fractalgen.errors import RecipeError
from fractalgen.families import FAMILIES, Family
from fractalgen.mixing_set.layout import FAMILY_NAME, MAX_INDEX
from fractalgen.registry import nearest, shown

__all__ = ["FamilyRecipe", "check_whole", "merge_ranges"]


@dataclass(frozen=True)
class FamilyRecipe:
    """Which images of one family a set has.

    Attributes
    ----------
    name : str
        The family, or the folder of collected images.
    ranges : tuple of (int, int)
        Indices as sorted half-open ranges that do not touch.
    options : tuple of (str, value)
        The family's options, all of them, in the order of its fields.
    collected : bool
        True for images that the user collected, which have no options.
    version : int or None
        The family's; None for collected images, and for sets that an early fractalgen drew.

    Raises
    ------
    RecipeError
        If `name` cannot be a folder's within a set.
    """

    name: str
    ranges: tuple[tuple[int, int], ...]
    options: tuple[tuple[str, Any], ...] = ()
    collected: bool = False
    version: int | None = None

    def __post_init__(self) -> None:
        if not FAMILY_NAME.fullmatch(self.name):
            raise RecipeError(
                f"a family's name has lower-case letters, digits and hyphens, not {self.name!r}"
            )

    @classmethod
    def of(cls, name: str, n: int, start: int = 0, **options: Any) -> "FamilyRecipe":
        """Make the recipe of `n` images of a family, from `start`, its options checked.

        Raises
        ------
        UnknownNameError
            If there is no such family or palette.
        RecipeError, PaletteError
            If a number is out of its range, or an option is unknown or has another type.
        """
        check_whole("n", n, 1)
        check_whole("start", start, 0)
        if start + n > MAX_INDEX:
            reason = f"start + n must be at most {MAX_INDEX:,}, not {shown(start + n)}"
            raise RecipeError(reason, "n")
        complete = _complete(name, options)
        return cls(name, ((start, start + n),), complete, version=FAMILIES[name].version)

    @property
    def n(self) -> int:
        """How many images."""
        return sum(stop - start for start, stop in self.ranges)

    @functools.cached_property
    def family(self) -> Family[Any]:
        """The family with these options, checked again: they may come from another release.

        Raises
        ------
        UnknownNameError, RecipeError, PaletteError
            If this release has no such family, or another version of it, or not these options.
        """
        known = FAMILIES[self.name]
        if self.version != known.version:
            theirs = "no version" if self.version is None else f"version {self.version}"
            raise RecipeError(
                f"the recipe has {theirs} of {self.name}, and this fractalgen draws version "
                f"{known.version}"
            )
        return known(**dict(_complete(self.name, dict(self.options))))

    def __contains__(self, index: int) -> bool:
        return any(start <= index < stop for start, stop in self.ranges)

    def indices(self) -> Iterator[int]:
        """Yield the indices in order."""
        for start, stop in self.ranges:
            yield from range(start, stop)

    def merged(self, other: "FamilyRecipe") -> "FamilyRecipe":
        """Return the recipe of both recipes' images; the options are this one's."""
        return dataclasses.replace(self, ranges=merge_ranges((*self.ranges, *other.ranges)))

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        indices = [list(pair) for pair in self.ranges]
        if self.collected:
            return {"collected": True, "indices": indices}
        version = {} if self.version is None else {"version": self.version}
        return {**version, "indices": indices, "options": dict(self.options)}

    @classmethod
    def from_json(cls, name: str, data: Mapping[str, Any]) -> "FamilyRecipe":
        """Rebuild what `as_json` gave; RecipeError if the indices cannot be indices.

        The options are taken as they are: another release may know others.
        """
        ranges = tuple((start, stop) for start, stop in data["indices"])
        for pair in ranges:
            for value in pair:
                check_whole(f"{name}: an index", value, 0)
            if pair[1] > MAX_INDEX:
                raise RecipeError(f"{name}: indices end at {MAX_INDEX:,}, not {pair[1]:,}")
        if data.get("collected", False) is True:
            return cls(name, merge_ranges(ranges), collected=True)
        version = data.get("version")
        if version is not None:
            check_whole(f"{name}: version", version, 1)
        options = tuple(data["options"].items())
        return cls(name, merge_ranges(ranges), options, version=version)


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Sort half-open ranges, join those that touch or overlap, and leave out empty ones."""
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(pair for pair in ranges if pair[0] < pair[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return tuple(merged)


def check_whole(key: str, value: Any, low: int) -> None:
    """Raise RecipeError unless `value` is a whole number of `low` or more."""
    if type(value) is not int or value < low:
        raise RecipeError(f"{key} must be a whole number, {low} or more, not {shown(value)}", key)


def _complete(name: str, given: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Check a family's options and add those that were not given."""
    family_type = FAMILIES[name]
    hints = typing.get_type_hints(family_type)
    known = [field.name for field in dataclasses.fields(typing.cast(Any, family_type))]
    options = dict(given)
    for key, value in options.items():
        if key not in known:
            raise RecipeError(f"{name} has no option '{key}': {nearest(key, known)}", key)
        if type(value) is not hints[key]:
            kind = {int: "a whole number", str: "text in quotes"}.get(hints[key], hints[key])
            raise RecipeError(f"{name}: {key} must be {kind}, not {shown(value)}", key)
    if "palette" in options:
        options["palette"] = resolve(options["palette"])
    at_fault = None
    try:
        for at_fault, value in options.items():  # one by one, to know which
            family_type(**{at_fault: value})
        at_fault = None
        family = family_type(**options)
    except ValueError as error:
        raise RecipeError(f"{name}: {error}", at_fault) from None
    return tuple((key, getattr(family, key)) for key in known)
