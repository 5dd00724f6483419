"""One family's part of a recipe: which images of it a set should have."""

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fractalgen.errors import ArgumentError, RecipeError
from fractalgen.families import FAMILIES
from fractalgen.families.base import Family
from fractalgen.families.classes import class_family
from fractalgen.mixing_set.recipes.difference import Difference
from fractalgen.mixing_set.recipes.keys import (
    FOLDER_NAME,
    MAX_INDEX,
    Key,
    class_folder,
    class_number,
)
from fractalgen.mixing_set.recipes.options import check_whole, complete_options
from fractalgen.mixing_set.recipes.ranges import (
    is_in,
    length,
    merge_ranges,
    nth,
    place_in,
    without,
)
from fractalgen.registry import shown

__all__ = ["FamilyRecipe", "family_order"]

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
        complete = complete_options(name, options)
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
        complete = complete_options(name, options)
        numbers = ((start_class, start_class + classes),)
        made = cls(name, ((0, instances),), complete, version=kind.version, classes=numbers)
        made.check_distinct()
        return made

    @property
    def n(self) -> int:
        """Number of images."""
        return length(self.ranges) * (self.n_classes or 1)

    @property
    def n_classes(self) -> int:
        """Number of classes; 0 if the images have none."""
        return length(self.classes)

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
        return known(**dict(complete_options(self.name, dict(self.options))))

    def __contains__(self, key: Key) -> bool:
        return self.has_folder(key[0]) and is_in(key[1], self.ranges)

    def has_folder(self, folder: str) -> bool:
        """Whether images of this family lie in a folder of the set."""
        if not self.classes:
            return folder == self.name
        number = class_number(folder)
        return number is not None and is_in(number, self.classes)

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
        of_each = length(self.ranges)
        for place in range(start, min(stop, self.n)):
            which, index = divmod(place, of_each)
            folder = class_folder(nth(which, self.classes)) if self.classes else self.name
            yield folder, nth(index, self.ranges)

    def place_of(self, key: Key) -> int:
        """Return how many of the images come before one of them."""
        number = class_number(key[0])
        place = place_in(key[1], self.ranges)
        if number is None:
            return place
        return place_in(number, self.classes) * length(self.ranges) + place

    def without_images(self, other: "FamilyRecipe") -> "list[FamilyRecipe]":
        """Return the images that the other lacks, as recipes without overlap."""
        ranges = without(self.ranges, other.ranges)
        if not self.classes:
            return [dataclasses.replace(self, ranges=ranges)] if ranges else []
        new = without(self.classes, other.classes)
        shared = without(self.classes, new)
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

    def differences(self, requested: "FamilyRecipe") -> list[Difference]:
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


def family_order(name: str) -> tuple[int, str]:
    """Return a sort key: families in the order of the registry, then other folders by name."""
    names = list(FAMILIES)
    return (names.index(name), "") if name in names else (len(names), name)


def _ranges(name: str, data: Any) -> tuple[tuple[int, int], ...]:
    ranges = tuple((start, stop) for start, stop in data)
    for pair in ranges:
        for value in pair:
            check_whole(f"{name}: an index", value, 0)
        if pair[1] > MAX_INDEX:
            raise RecipeError(f"{name}: indices end at {MAX_INDEX:,}, not {pair[1]:,}")
    return merge_ranges(ranges)
