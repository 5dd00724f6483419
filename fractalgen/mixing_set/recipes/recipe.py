"""The contents of a set, as a value that can be compared, merged and hashed."""

import dataclasses
import hashlib
import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fractalgen.errors import RecipeError
from fractalgen.families.base import ImageSpec, check_size, sample_spec
from fractalgen.families.classes import sample_instance
from fractalgen.images.formats import FORMATS, MAX_SIDES
from fractalgen.mixing_set.recipes.difference import Difference
from fractalgen.mixing_set.recipes.family import (
    FamilyRecipe,
    family_order,
)
from fractalgen.mixing_set.recipes.keys import Key, class_number
from fractalgen.mixing_set.recipes.options import check_whole
from fractalgen.registry import nearest, shown

__all__ = ["WHOLE_SET", "Recipe"]

_MAX_SEED = 2**63 - 1
_SETTINGS: dict[str, Any] = {"size": 256, "seed": 0, "format": "jpeg", "gray": False}
WHOLE_SET = frozenset({*_SETTINGS, "classes"})
"""Keys of the differences that concern every image of a set."""

_FAMILIES = {"escape-time": 6000, "ifs": 3000, "features": 4000}  # the paper's set


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
        standard set of 13,000 images: 6,000 escape-time, 3,000 ifs and 4,000 features. For a class
        set, the number of classes and the number of instances of each class, such as
        ``{"ifs": {"classes": 10, "instances": 100}}``. If there are several families, all but one
        need a ``start_class``, because classes are numbered through the whole set.
    gray : bool, optional
        Draw in grey. By default as the existing set, or in colour.

    Attributes
    ----------
    size, seed, format, gray
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
    gray: bool
    _unset: frozenset[str] = dataclasses.field(compare=False)

    def __init__(
        self,
        size: int | None = None,
        seed: int | None = None,
        format: str | None = None,  # noqa: A002 - the option's name
        families: Mapping[str, Any] | Iterable[FamilyRecipe] | None = None,
        gray: bool | None = None,
        _unset: frozenset[str] = frozenset(),
    ) -> None:
        given: dict[str, Any] = {"size": size, "seed": seed, "format": format, "gray": gray}
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
        check_whole("seed", self.seed, 0)
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
        if type(self.gray) is not bool:
            raise RecipeError(f"gray must be true or false, not {shown(self.gray)}", "gray")
        self._check_classes()

    def _check_classes(self) -> None:
        if len({bool(family.classes) for family in self.families}) > 1:
            first = next(one.name for one in self.families if not one.classes)
            raise RecipeError(
                f"{first} has no classes, but other families of the recipe have; draw images "
                "with and without classes into two sets",
                "classes",
            )
        end, owner = 0, ""
        ranges = [(pair, one.name) for one in self.families for pair in one.classes]
        for (start, stop), name in sorted(ranges):
            if start < end:
                raise RecipeError(
                    f"class {start:,} would belong to both {owner} and {name}; classes are "
                    f"numbered through the whole set, so give {name} a start_class, such as "
                    f"{end}",
                    "start_class",
                )
            end, owner = stop, name

    def __repr__(self) -> str:
        counts: dict[str, Any] = {family.name: family.n for family in self.families}
        for one in self.families:
            if one.classes:
                of_each = one.n // one.n_classes
                counts[one.name] = {"classes": one.n_classes, "instances": of_each}
        shown_settings = [key for key in _SETTINGS if key != "gray" or self.gray]
        settings = ", ".join(f"{key}={getattr(self, key)!r}" for key in shown_settings)
        return f"Recipe({settings}, families={counts})"

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
        text = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def family(self, name: str) -> FamilyRecipe | None:
        """Return the recipe of a family, or None if the set lacks it."""
        return next((family for family in self.families if family.name == name), None)

    def family_of(self, folder: str) -> FamilyRecipe | None:
        """Return the recipe of the family whose images lie in a folder of the set, or None."""
        return next((family for family in self.families if family.has_folder(folder)), None)

    def folders(self) -> Iterator[str]:
        """Yield the folders of the images."""
        for family in self.families:
            yield from family.folders()

    @property
    def has_classes(self) -> bool:
        """Whether this is a class set: all its families have classes, or none has."""
        return any(family.classes for family in self.families)

    def spec(self, folder: str, index: int) -> ImageSpec:
        """Sample the parameters of one image; they depend only on the recipe and the arguments.

        Raises
        ------
        RecipeError
            If the recipe draws no images for that folder.
        """
        found = self.family_of(folder)
        if found is None or found.collected:
            raise RecipeError(f"the recipe draws no images of the family '{folder}'")
        class_ = class_number(folder)
        if class_ is None:
            spec = sample_spec(found.family, self.seed, index)
        else:
            family: Any = found.family
            spec = sample_instance(family, self.seed, class_, index)
        return dataclasses.replace(spec, gray=self.gray)

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
        found: dict[str, list[tuple[int, int]]] = {
            family.name: [] for family in self.families if family.collected
        }
        for name, index in keys:
            if name in found:
                found[name].append((index, index + 1))
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
            joined = mine.joined(family) if mine and mine.ranges else family
            families[family.name] = joined
        return dataclasses.replace(self, families=tuple(families.values()))

    def differences(self, requested: "Recipe") -> tuple[Difference, ...]:
        """Return the differences between this recipe and `requested`, apart from the indices."""
        found = [
            Difference(key, getattr(self, key), getattr(requested, key))
            for key in _SETTINGS
            if getattr(self, key) != getattr(requested, key)
        ]
        if self.families and requested.families and self.has_classes != requested.has_classes:
            found.append(Difference("classes", self.has_classes, requested.has_classes))
        for theirs in requested.families:
            mine = self.family(theirs.name)
            if mine is not None and mine.ranges:
                found += mine.differences(theirs)
        return tuple(found)

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return {
            **{key: getattr(self, key) for key in _SETTINGS if key != "gray" or self.gray},
            "families": {family.name: family.as_json() for family in self.families},
        }

    @classmethod
    def from_json(cls, data: Any) -> "Recipe":
        """Rebuild a recipe from `as_json`; RecipeError for other data."""
        try:
            families = tuple(FamilyRecipe.from_json(n, f) for n, f in data["families"].items())
            settings = {key: data[key] for key in _SETTINGS if key != "gray"}
            settings["gray"] = data.get("gray", False)
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
    if "classes" in given or "instances" in given:
        for key in ("classes", "instances"):
            if key not in given:
                raise RecipeError(f"{name} needs {key} for a class set", key)
        return FamilyRecipe.of_classes(name, **given)
    if "n" not in given:
        raise RecipeError(f"{name} needs n, the number of images", "n")
    return FamilyRecipe.of(name, **given)
