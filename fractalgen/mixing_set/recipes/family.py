"""One family's part of a recipe: which images of it a set should have."""

import dataclasses
import functools
import itertools
import json
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fractalgen.color.palettes import resolve
from fractalgen.errors import (
    ArgumentError,
    FractalgenError,
    RecipeError,
    SetError,
    UnknownNameError,
)
from fractalgen.families import FAMILIES
from fractalgen.families.base import Family
from fractalgen.families.classes import class_family
from fractalgen.mixing_set.recipes.keys import (
    FOLDER_NAME,
    MAX_INDEX,
    Key,
    class_folder,
    class_number,
)
from fractalgen.registry import nearest, shown

__all__ = ["Difference", "FamilyRecipe", "check_whole", "family_order", "merge_ranges"]

_MAX_IMAGES = 10_000_000


@dataclass(frozen=True)
class FamilyRecipe:
    """The images of one family that a set should have.

    Attributes
    ----------
    name : str
        The family, or the folder of collected images.
    ranges : tuple of (int, int)
        Indices as sorted half-open ranges that neither touch nor overlap. In a class set, they are
        the instances of every class.
    options : tuple of (str, value)
        All options of the family, in the order of its fields.
    collected : bool
        True for a user's own images, which have no options.
    version : int or None
        The family's version; None for collected images, and for sets drawn by an early fractalgen.
    classes : tuple of (int, int)
        The numbers of the classes, as such ranges; empty if the images have no classes.
    """

    name: str
    ranges: tuple[tuple[int, int], ...]
    options: tuple[tuple[str, Any], ...] = ()
    collected: bool = False
    version: int | None = None
    classes: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if not FOLDER_NAME.fullmatch(self.name):
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
        check_whole("n", n, 1)
        check_whole("start_index", start_index, 0)
        stop = start_index + n
        if stop > MAX_INDEX:
            reason = f"start_index + n must be at most {MAX_INDEX:,}, not {shown(stop)}"
            raise RecipeError(reason, "n")
        complete = _complete(name, options)
        return cls(name, ((start_index, stop),), complete, version=FAMILIES[name].version)

    @classmethod
    def of_classes(
        cls, name: str, classes: int, instances: int, start_class: int = 0, **options: Any
    ) -> "FamilyRecipe":
        """Request `classes` classes of a family, from `start_class` on, with so many instances.

        Raises
        ------
        UnknownNameError
            If the family or a palette is unknown.
        RecipeError, PaletteError
            As for `of`; also if the family has no classes, or not so many that can be told apart.
        """
        try:
            kind = class_family(name)
        except ArgumentError as error:
            raise RecipeError(str(error), "classes") from None
        check_whole("classes", classes, 1)
        check_whole("instances", instances, 1)
        check_whole("start_class", start_class, 0)
        for key, value in (("classes", start_class + classes), ("instances", instances)):
            if value > MAX_INDEX:
                label = "start_class + classes" if key == "classes" else key
                reason = f"{label} must be at most {MAX_INDEX:,}, not {shown(value)}"
                raise RecipeError(reason, key)
        if classes * instances > _MAX_IMAGES:
            reason = f"{classes:,} classes of {instances:,} instances are too many images for a set"
            raise RecipeError(f"{reason}, which holds at most {_MAX_IMAGES:,}", "instances")
        complete = _complete(name, options)
        numbers = ((start_class, start_class + classes),)
        made = cls(name, ((0, instances),), complete, version=kind.version, classes=numbers)
        made.check_distinct()
        return made

    @property
    def n(self) -> int:
        """Number of images."""
        return _length(self.ranges) * (self.n_classes or 1)

    @property
    def n_classes(self) -> int:
        """Number of classes; 0 if the images have none."""
        return _length(self.classes)

    def check_distinct(self) -> None:
        """Raise RecipeError if there are more classes than can be told apart."""
        if self.classes and self.n_classes > (most := class_family(self.name).max_classes):
            raise RecipeError(
                f"{self.name} has at most {most:,} classes that can be told apart, not "
                f"{self.n_classes:,}",
                "classes",
            )

    @functools.cached_property
    def family(self) -> Family[Any]:
        """The family with these options, checked again because another release may have set them.

        Raises
        ------
        UnknownNameError, RecipeError, PaletteError
            If this release lacks the family, this version of it, or an option.
        """
        known = class_family(self.name) if self.classes else FAMILIES[self.name]
        if self.version != known.version:
            theirs = "no version" if self.version is None else f"version {self.version}"
            raise RecipeError(
                f"the recipe has {theirs} of {self.name}, but this fractalgen draws version "
                f"{known.version}"
            )
        return known(**dict(_complete(self.name, dict(self.options))))

    def __contains__(self, key: Key) -> bool:
        return self.has_folder(key[0]) and _is_in(key[1], self.ranges)

    def has_folder(self, folder: str) -> bool:
        """Whether images of this family lie in a folder of the set."""
        if not self.classes:
            return folder == self.name
        number = class_number(folder)
        return number is not None and _is_in(number, self.classes)

    def folders(self) -> Iterator[str]:
        """Yield the folders of the images in order."""
        if self.classes:
            yield from map(class_folder, self.class_numbers())
        else:
            yield self.name

    def class_numbers(self) -> Iterator[int]:
        """Yield the numbers of the classes in order."""
        return itertools.chain.from_iterable(itertools.starmap(range, self.classes))

    def indices(self) -> Iterator[int]:
        """Yield the indices, or the numbers of each class's instances, in order."""
        return itertools.chain.from_iterable(itertools.starmap(range, self.ranges))

    def image_keys(self) -> Iterator[Key]:
        """Yield the keys of the images in order."""
        for folder in self.folders():
            for index in self.indices():
                yield folder, index

    def keys_between(self, start: int, stop: int) -> Iterator[Key]:
        """Yield the keys from the `start`-th to before the `stop`-th, without counting through."""
        of_each = _length(self.ranges)
        for place in range(start, min(stop, self.n)):
            which, index = divmod(place, of_each)
            folder = class_folder(_nth(which, self.classes)) if self.classes else self.name
            yield folder, _nth(index, self.ranges)

    def place_of(self, key: Key) -> int:
        """Return how many of the images come before one of them."""
        number = class_number(key[0])
        place = _place_in(key[1], self.ranges)
        if number is None:
            return place
        return _place_in(number, self.classes) * _length(self.ranges) + place

    def without_images(self, other: "FamilyRecipe") -> "list[FamilyRecipe]":
        """Return the images that the other lacks, as recipes without overlap."""
        ranges = _without(self.ranges, other.ranges)
        if not self.classes:
            return [dataclasses.replace(self, ranges=ranges)] if ranges else []
        new = _without(self.classes, other.classes)
        shared = _without(self.classes, new)
        return [
            dataclasses.replace(self, classes=classes, ranges=some)
            for classes, some in ((shared, ranges), (new, self.ranges))
            if classes and some
        ]

    def joined(self, other: "FamilyRecipe") -> "FamilyRecipe":
        """Return a recipe with the other's indices too; all classes get all instances."""
        classes = merge_ranges((*self.classes, *other.classes))
        return dataclasses.replace(self.with_ranges(other.ranges), classes=classes)

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
        if bool(self.classes) != bool(requested.classes):
            return []  # a difference of the whole set
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
        classes = {"classes": [list(pair) for pair in self.classes]} if self.classes else {}
        return {**version, **classes, "indices": indices, "options": dict(self.options)}

    @classmethod
    def from_json(cls, name: str, data: Mapping[str, Any]) -> "FamilyRecipe":
        """Rebuild a recipe from `as_json`; RecipeError if the indices or version are invalid.

        The options are not checked, because another release may have different ones.
        """
        ranges = _ranges(name, data["indices"])
        classes = _ranges(name, data.get("classes", ()))
        if data.get("collected", False) is True:
            return cls(name, ranges, collected=True)
        version = data.get("version")
        if version is not None:
            check_whole(f"{name}: version", version, 1)
        options = tuple(data["options"].items())
        return cls(name, ranges, options, version=version, classes=classes)


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
        if key == "classes":
            if self.existing:
                return "the set has classes, but images without classes were requested"
            return "the set has no classes, but classes were requested"
        existing, requested = json.dumps(self.existing), json.dumps(self.requested)
        return f"{self.key} is {existing} in the set, but {requested} was requested"


def check_drawable(place: str, families: Iterable[FamilyRecipe]) -> None:
    """Raise SetError if this release would redraw the images of a family in a set differently."""
    for family in families:
        try:
            _ = family.family
        except (ValueError, UnknownNameError) as error:  # noqa: PERF203 - there are few
            raise SetError(
                f"{place} cannot be repaired: {error}. Use the fractalgen that drew it, or redraw "
                "the family with --overwrite."
            ) from None


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


def _without(
    ranges: Iterable[tuple[int, int]], others: Iterable[tuple[int, int]]
) -> tuple[tuple[int, int], ...]:
    """Return the numbers of half-open ranges that are not in others, as ranges."""
    left = list(ranges)
    for start, stop in others:
        cut = [((a, min(b, start)), (max(a, stop), b)) for a, b in left]
        left = [pair for pairs in cut for pair in pairs]
    return merge_ranges(left)


def _nth(place: int, ranges: Iterable[tuple[int, int]]) -> int:
    for start, stop in ranges:
        if place < stop - start:
            return start + place
        place -= stop - start
    raise IndexError(place)


def _place_in(number: int, ranges: Iterable[tuple[int, int]]) -> int:
    return sum(min(stop, number) - start for start, stop in ranges if start < number)


def _ranges(name: str, data: Any) -> tuple[tuple[int, int], ...]:
    ranges = tuple((start, stop) for start, stop in data)
    for pair in ranges:
        for value in pair:
            check_whole(f"{name}: an index", value, 0)
        if pair[1] > MAX_INDEX:
            raise RecipeError(f"{name}: indices end at {MAX_INDEX:,}, not {pair[1]:,}")
    return merge_ranges(ranges)


def _length(ranges: Iterable[tuple[int, int]]) -> int:
    return sum(stop - start for start, stop in ranges)


def _is_in(number: int, ranges: Iterable[tuple[int, int]]) -> bool:
    return any(start <= number < stop for start, stop in ranges)


def check_whole(key: str, value: Any, low: int) -> None:
    """Raise RecipeError, with the key, unless a value is a whole number from `low` on."""
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
