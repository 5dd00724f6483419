"""What shall be in a set, as a value that can be compared, merged and hashed."""

import dataclasses
import hashlib
import json
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Any

from fractalgen.errors import RecipeError
from fractalgen.families import FAMILIES, ImageSpec, sample_spec
from fractalgen.families.base import check_size
from fractalgen.images.formats import FORMATS, MAX_SIDES
from fractalgen.mixing_set.family_recipe import FamilyRecipe, check_whole, merge_ranges
from fractalgen.mixing_set.layout import Key
from fractalgen.registry import nearest, shown

__all__ = ["DEFAULT", "Difference", "FamilyRecipe", "Recipe", "RecipeError"]

_MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class Difference:
    """A key on which a set and what is asked of it cannot agree, with both values."""

    key: str
    there: Any
    asked: Any

    def __str__(self) -> str:
        family, _, key = self.key.rpartition(".")
        if key == "version":
            if self.there is None:
                return (
                    f"{family} was drawn by an earlier fractalgen, which recorded no version, and "
                    f"this one draws version {self.asked}"
                )
            return (
                f"{family} is of version {self.there} there, and this fractalgen draws version "
                f"{self.asked}"
            )
        there, asked = json.dumps(self.there), json.dumps(self.asked)
        return f"{self.key} is {there} there, {asked} was asked for"


@dataclass(frozen=True)
class Recipe:
    """What shall be in a set: the same recipe gives the same images.

    Attributes
    ----------
    size : int
        Pixels a side, 16 to 16384.
    seed : int
        0 or more, below 2**63.
    format : str
        ``"jpeg"``, ``"png"`` or ``"webp"``.
    families : tuple of FamilyRecipe
        Kept in the registry's order, collected folders of other names last.

    Raises
    ------
    RecipeError
        If a value is out of its range.
    """

    size: int = 256
    seed: int = 0
    format: str = "jpeg"
    families: tuple[FamilyRecipe, ...] = ()

    def __post_init__(self) -> None:
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
            raise RecipeError(f"no format is called {shown(self.format)}: {hint}", "format")
        most = MAX_SIDES.get(self.format, self.size)
        if self.size > most:
            reason = f"{self.format} holds {most} pixels a side at most, not {self.size}"
            raise RecipeError(reason, "size")
        ordered = sorted(self.families, key=lambda family: family_order(family.name))
        object.__setattr__(self, "families", tuple(ordered))

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
        text = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def family(self, name: str) -> FamilyRecipe | None:
        """Return the family's recipe, or None if the set has none of it."""
        return next((family for family in self.families if family.name == name), None)

    def spec(self, family: str, index: int) -> ImageSpec:
        """Draw the parameters of one image; depends on nothing but the recipe and these two.

        Raises
        ------
        RecipeError
            If the recipe draws no images of that family.
        """
        found = self.family(family)
        if found is None or found.collected:
            raise RecipeError(f"the recipe draws no images of the family '{family}'")
        return sample_spec(found.family, self.seed, index)

    def without(self, names: Container[str]) -> "Recipe":
        """Return the recipe less some of its families."""
        left = tuple(family for family in self.families if family.name not in names)
        return dataclasses.replace(self, families=left)

    def with_collected(self, keys: Iterable[Key]) -> "Recipe":
        """Return the recipe with the indices of the collected images among those on record."""
        found: dict[str, list[tuple[int, int]]] = {}
        for name, index in keys:
            found.setdefault(name, []).append((index, index + 1))
        families = (
            dataclasses.replace(
                family, ranges=merge_ranges((*family.ranges, *found.get(family.name, ())))
            )
            if family.collected
            else family
            for family in self.families
        )
        return dataclasses.replace(self, families=tuple(families))

    def merged(self, other: "Recipe") -> "Recipe":
        """Return the recipe of both recipes' images; all else is this one's."""
        families = {family.name: family for family in self.families}
        for family in other.families:
            mine = families.get(family.name)
            joined = family if mine is None or not mine.ranges else mine.merged(family)
            families[family.name] = joined
        return dataclasses.replace(self, families=tuple(families.values()))

    def differences(self, asked: "Recipe") -> tuple[Difference, ...]:
        """Name the keys on which `asked` contradicts this recipe; ranges of indices never do."""
        found = [
            Difference(key, getattr(self, key), getattr(asked, key))
            for key in ("size", "seed", "format")
            if getattr(self, key) != getattr(asked, key)
        ]
        for theirs in asked.families:
            mine = self.family(theirs.name)
            if mine is not None and mine.ranges:
                found += _family_differences(mine, theirs)
        return tuple(found)

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return {
            "size": self.size,
            "seed": self.seed,
            "format": self.format,
            "families": {family.name: family.as_json() for family in self.families},
        }

    @classmethod
    def from_json(cls, data: Any) -> "Recipe":
        """Rebuild a recipe from what `as_json` gave; RecipeError if `data` is anything else."""
        try:
            families = tuple(FamilyRecipe.from_json(n, f) for n, f in data["families"].items())
            return cls(data["size"], data["seed"], data["format"], families)
        except RecipeError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecipeError(f"not a recipe ({type(error).__name__}: {error})") from None


def family_order(name: str) -> tuple[int, str]:
    """Sort key of families: the registry's order, then other folders by name."""
    names = list(FAMILIES)
    return (names.index(name), "") if name in names else (len(names), name)


def _family_differences(mine: FamilyRecipe, theirs: FamilyRecipe) -> list[Difference]:
    if mine.collected != theirs.collected:
        kinds = ["collected" if recipe.collected else "generated" for recipe in (mine, theirs)]
        return [Difference(mine.name, kinds[0], kinds[1])]
    if mine.version != theirs.version:
        return [Difference(f"{mine.name}.version", mine.version, theirs.version)]
    there, asked = dict(mine.options), dict(theirs.options)
    return [
        Difference(f"{mine.name}.{key}", there.get(key), asked.get(key))
        for key in dict.fromkeys((*there, *asked))
        if there.get(key) != asked.get(key)
    ]


DEFAULT = Recipe(
    families=(
        FamilyRecipe.of("escape-time", 6000),
        FamilyRecipe.of("ifs", 3000),
        FamilyRecipe.of("features", 4000),
    )
)
"""The mixing set of IPMix: 13,000 images."""
