"""The contents of a set, as a value that can be compared, merged and hashed."""

import dataclasses
import functools
import hashlib
import json
import re
import typing
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fractalgen.color.palettes import resolve
from fractalgen.errors import FractalgenError, RecipeError
from fractalgen.families import FAMILIES
from fractalgen.families.base import Family, ImageSpec, check_size, sample_spec
from fractalgen.images.formats import FORMATS, MAX_SIDES
from fractalgen.registry import nearest, shown

__all__ = ["MAX_INDEX", "Difference", "FamilyRecipe", "Key", "Recipe", "family_order"]

MAX_INDEX = 1_000_000
"""Indices stay below this, so file names with six digits sort like numbers."""

FAMILY_NAME = re.compile(r"[a-z][a-z0-9-]*")
"""Valid names of a family's folder; none of them leads out of the set."""

Key = tuple[str, int]
"""An image's family and its index."""

_MAX_SEED = 2**63 - 1
_SETTINGS: dict[str, Any] = {"size": 256, "seed": 0, "format": "jpeg"}
_FAMILIES = {"escape-time": 6000, "ifs": 3000, "features": 4000}  # the paper's set


@dataclass(frozen=True)
class FamilyRecipe:
    """The images of one family that a set should have.

    Attributes
    ----------
    name : str
        The family, or the folder of collected images.
    ranges : tuple of (int, int)
        Indices as sorted half-open ranges that neither touch nor overlap.
    options : tuple of (str, value)
        All options of the family, in the order of its fields.
    collected : bool
        True for a user's own images, which have no options.
    version : int or None
        The family's version; None for collected images, and for sets drawn by an early fractalgen.
    """

    name: str
    ranges: tuple[tuple[int, int], ...]
    options: tuple[tuple[str, Any], ...] = ()
    collected: bool = False
    version: int | None = None

    def __post_init__(self) -> None:
        if not FAMILY_NAME.fullmatch(self.name):
            raise RecipeError(
                f"a family's name must consist of lower-case letters, digits and hyphens, not "
                f"{self.name!r}"
            )

    @classmethod
    def of(cls, name: str, n: int, start_index: int = 0, **options: Any) -> "FamilyRecipe":
        """Request `n` images of a family, with its options.

        Raises
        ------
        UnknownNameError
            If the family or a palette is unknown.
        RecipeError, PaletteError
            If a number is out of range, or an option is unknown or has the wrong type.
        """
        _check_whole("n", n, 1)
        _check_whole("start_index", start_index, 0)
        stop = start_index + n
        if stop > MAX_INDEX:
            reason = f"start_index + n must be at most {MAX_INDEX:,}, not {shown(stop)}"
            raise RecipeError(reason, "n")
        complete = _complete(name, options)
        return cls(name, ((start_index, stop),), complete, version=FAMILIES[name].version)

    @property
    def n(self) -> int:
        """Number of images."""
        return sum(stop - start for start, stop in self.ranges)

    @functools.cached_property
    def family(self) -> Family[Any]:
        """The family with these options, checked again because another release may have set them.

        Raises
        ------
        UnknownNameError, RecipeError, PaletteError
            If this release lacks the family, this version of it, or an option.
        """
        known = FAMILIES[self.name]
        if self.version != known.version:
            theirs = "no version" if self.version is None else f"version {self.version}"
            raise RecipeError(
                f"the recipe has {theirs} of {self.name}, but this fractalgen draws version "
                f"{known.version}"
            )
        return known(**dict(_complete(self.name, dict(self.options))))

    def __contains__(self, index: int) -> bool:
        return any(start <= index < stop for start, stop in self.ranges)

    def indices(self) -> Iterator[int]:
        """Yield the indices in order."""
        for start, stop in self.ranges:
            yield from range(start, stop)

    def with_ranges(self, ranges: Iterable[tuple[int, int]]) -> "FamilyRecipe":
        """Return a recipe that has these indices too."""
        return dataclasses.replace(self, ranges=merge_ranges((*self.ranges, *ranges)))

    def differences(self, requested: "FamilyRecipe") -> "list[Difference]":
        """Return the differences between this recipe and `requested`, apart from the indices."""
        if self.collected != requested.collected:
            kinds = [
                "collected" if recipe.collected else "generated" for recipe in (self, requested)
            ]
            return [Difference(self.name, kinds[0], kinds[1])]
        if self.version != requested.version:
            return [Difference(f"{self.name}.version", self.version, requested.version)]
        mine, theirs = dict(self.options), dict(requested.options)
        return [
            Difference(f"{self.name}.{key}", mine.get(key), theirs.get(key))
            for key in dict.fromkeys((*mine, *theirs))
            if mine.get(key) != theirs.get(key)
        ]

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        indices = [list(pair) for pair in self.ranges]
        if self.collected:
            return {"collected": True, "indices": indices}
        version = {} if self.version is None else {"version": self.version}
        return {**version, "indices": indices, "options": dict(self.options)}

    @classmethod
    def from_json(cls, name: str, data: Mapping[str, Any]) -> "FamilyRecipe":
        """Rebuild a recipe from `as_json`; RecipeError if the indices or version are invalid.

        The options are not checked, because another release may have different ones.
        """
        ranges = tuple((start, stop) for start, stop in data["indices"])
        for pair in ranges:
            for value in pair:
                _check_whole(f"{name}: an index", value, 0)
            if pair[1] > MAX_INDEX:
                raise RecipeError(f"{name}: indices end at {MAX_INDEX:,}, not {pair[1]:,}")
        if data.get("collected", False) is True:
            return cls(name, merge_ranges(ranges), collected=True)
        version = data.get("version")
        if version is not None:
            _check_whole(f"{name}: version", version, 1)
        options = tuple(data["options"].items())
        return cls(name, merge_ranges(ranges), options, version=version)


@dataclass(frozen=True)
class Difference:
    """A key whose values in the set and in the request contradict each other."""

    key: str
    existing: Any
    requested: Any

    def __str__(self) -> str:
        family, _, key = self.key.rpartition(".")
        if key == "version":
            if self.existing is None:
                return (
                    f"{family} was drawn by an early fractalgen, which recorded no version; this "
                    f"one draws version {self.requested}"
                )
            return (
                f"{family} has version {self.existing} in the set, but this fractalgen draws "
                f"version {self.requested}"
            )
        existing, requested = json.dumps(self.existing), json.dumps(self.requested)
        return f"{self.key} is {existing} in the set, but {requested} was requested"


@dataclass(frozen=True, init=False)
class Recipe:
    """The contents of a set: the same recipe gives the same images.

    Parameters
    ----------
    size : int, optional
        Side of the images in pixels, 16 to 16384. By default `build` uses the existing set's, or
        256 for a new set.
    seed : int, optional
        Seed of the set, from 0 to 2**63 - 1. By default the existing set's, or 0.
    format : str, optional
        ``"jpeg"``, ``"png"`` or ``"webp"``. By default the existing set's, or ``"jpeg"``.
    families : mapping or iterable of FamilyRecipe, optional
        The number of images of each family, such as ``{"ifs": 100}``, or ``n``, ``start_index`` and
        the family's options, such as ``{"ifs": {"n": 100, "palette": "ember"}}``. By default the
        standard set of 13,000 images: 6,000 escape-time, 3,000 ifs and 4,000 features.

    Attributes
    ----------
    size, seed, format
        See above.
    families : tuple of FamilyRecipe
        In the order of the registry, followed by other folders of collected images.

    Raises
    ------
    RecipeError, UnknownNameError, PaletteError
        If a value is out of range, or a family or an option is unknown.

    Examples
    --------
    >>> Recipe(size=64, families={"ifs": 100})
    Recipe(size=64, seed=0, format='jpeg', families={'ifs': 100})
    """

    size: int
    seed: int
    format: str
    families: tuple[FamilyRecipe, ...]
    _unset: frozenset[str] = dataclasses.field(compare=False)

    def __init__(
        self,
        size: int | None = None,
        seed: int | None = None,
        format: str | None = None,  # noqa: A002 - the option's name
        families: Mapping[str, Any] | Iterable[FamilyRecipe] | None = None,
        _unset: frozenset[str] = frozenset(),
    ) -> None:
        given = {"size": size, "seed": seed, "format": format}
        for key, value in given.items():
            object.__setattr__(self, key, _SETTINGS[key] if value is None else value)
        unset = {key for key in _SETTINGS if given[key] is None}
        unset |= {key for key in _unset if given[key] == _SETTINGS[key]}
        object.__setattr__(self, "_unset", frozenset(unset))
        requested: Any = _FAMILIES if families is None else families
        if isinstance(requested, Mapping):
            requested = [_family_recipe(name, given) for name, given in requested.items()]
        requested = list(requested) if isinstance(requested, Iterable) else [requested]
        for family in requested:
            if not isinstance(family, FamilyRecipe):
                reason = f"families must be numbers of images by name, not {shown(families)}"
                raise RecipeError(reason, "families")
        ordered = sorted(requested, key=lambda family: family_order(family.name))
        object.__setattr__(self, "families", tuple(ordered))
        self._check()

    def _check(self) -> None:
        try:
            check_size(self.size)
        except ValueError as error:
            raise RecipeError(str(error), "size") from None
        _check_whole("seed", self.seed, 0)
        if self.seed > _MAX_SEED:
            raise RecipeError(f"seed must be below 2**63, not {shown(self.seed)}", "seed")
        given: Any = self.format
        if not isinstance(given, str):
            reason = f"format must be text in quotes, not {shown(given)}: choose from "
            raise RecipeError(reason + ", ".join(FORMATS), "format")
        if self.format not in FORMATS:
            hint = nearest(self.format, list(FORMATS))
            raise RecipeError(f"unknown format {shown(self.format)}: {hint}", "format")
        limit = MAX_SIDES.get(self.format, self.size)
        if self.size > limit:
            reason = f"{self.format} images can have at most {limit} pixels a side, not {self.size}"
            raise RecipeError(reason, "size")

    def __repr__(self) -> str:
        counts = {family.name: family.n for family in self.families}
        settings = ", ".join(f"{key}={getattr(self, key)!r}" for key in _SETTINGS)
        return f"Recipe({settings}, families={counts})"

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
        text = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def family(self, name: str) -> FamilyRecipe | None:
        """Return the recipe of a family, or None if the set lacks it."""
        return next((family for family in self.families if family.name == name), None)

    def spec(self, family: str, index: int) -> ImageSpec:
        """Sample the parameters of one image; they depend only on the recipe and the arguments.

        Raises
        ------
        RecipeError
            If the recipe draws no images of that family.
        """
        found = self.family(family)
        if found is None or found.collected:
            raise RecipeError(f"the recipe draws no images of the family '{family}'")
        return sample_spec(found.family, self.seed, index)

    def with_settings_of(self, existing: "Recipe | None") -> "Recipe":
        """Return the recipe with unset settings filled in from an existing set's recipe."""
        if existing is None:
            return self
        inherited = {key: getattr(existing, key) for key in self._unset}
        return dataclasses.replace(self, **inherited, _unset=frozenset())

    def without(self, names: Container[str]) -> "Recipe":
        """Return the recipe without some of its families."""
        left = [family for family in self.families if family.name not in names]
        return dataclasses.replace(self, families=tuple(left))

    def with_collected(self, keys: Iterable[Key]) -> "Recipe":
        """Return the recipe with the indices of the collected images among `keys`."""
        found: dict[str, list[tuple[int, int]]] = {}
        for name, index in keys:
            found.setdefault(name, []).append((index, index + 1))
        families = [
            family.with_ranges(found.get(family.name, ())) if family.collected else family
            for family in self.families
        ]
        return dataclasses.replace(self, families=tuple(families))

    def merged(self, other: "Recipe") -> "Recipe":
        """Return this recipe with the other's images added; settings stay as they are."""
        families = {family.name: family for family in self.families}
        for family in other.families:
            mine = families.get(family.name)
            joined = mine.with_ranges(family.ranges) if mine and mine.ranges else family
            families[family.name] = joined
        return dataclasses.replace(self, families=tuple(families.values()))

    def differences(self, requested: "Recipe") -> tuple[Difference, ...]:
        """Return the differences between this recipe and `requested`, apart from the indices."""
        found = [
            Difference(key, getattr(self, key), getattr(requested, key))
            for key in _SETTINGS
            if getattr(self, key) != getattr(requested, key)
        ]
        for theirs in requested.families:
            mine = self.family(theirs.name)
            if mine is not None and mine.ranges:
                found += mine.differences(theirs)
        return tuple(found)

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return {
            **{key: getattr(self, key) for key in _SETTINGS},
            "families": {family.name: family.as_json() for family in self.families},
        }

    @classmethod
    def from_json(cls, data: Any) -> "Recipe":
        """Rebuild a recipe from `as_json`; RecipeError for other data."""
        try:
            families = tuple(FamilyRecipe.from_json(n, f) for n, f in data["families"].items())
            settings = {key: data[key] for key in _SETTINGS}
            if None in settings.values():
                raise RecipeError("not a recipe (a setting is missing)")
            return cls(**settings, families=families)
        except RecipeError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecipeError(f"not a recipe ({type(error).__name__}: {error})") from None


def _family_recipe(name: str, given: int | Mapping[str, Any]) -> FamilyRecipe:
    if not isinstance(given, Mapping):
        return FamilyRecipe.of(name, given)
    if "n" not in given:
        raise RecipeError(f"{name} needs n, the number of images", "n")
    return FamilyRecipe.of(name, **given)


def family_order(name: str) -> tuple[int, str]:
    """Return a sort key: families in the order of the registry, then other folders by name."""
    names = list(FAMILIES)
    return (names.index(name), "") if name in names else (len(names), name)


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Sort half-open ranges, merge those that touch or overlap, and drop empty ones."""
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(pair for pair in ranges if pair[0] < pair[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return tuple(merged)


def _check_whole(key: str, value: Any, low: int) -> None:
    if type(value) is not int or value < low:
        raise RecipeError(f"{key} must be a whole number, {low} or more, not {shown(value)}", key)


def _complete(name: str, given: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Check a family's options and fill in the defaults."""
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
    try:
        family = family_type(**options)
    except ValueError as error:
        at_fault, reason = _at_fault(family_type, options) or (None, error)
        raise RecipeError(f"{name}: {reason}", at_fault) from None
    return tuple((key, getattr(family, key)) for key in known)


def _at_fault(family_type: Any, options: Mapping[str, Any]) -> tuple[str, ValueError] | None:
    """Return the first option that is wrong by itself, and why; None if they clash."""
    for key, value in options.items():
        try:
            family_type(**{key: value})
        except ValueError as error:  # noqa: PERF203 - there are few options
            return key, error
        except (FractalgenError, OSError):  # it needs another option
            continue
    return None
