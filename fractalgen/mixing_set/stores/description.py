"""A set's ``set.json``: what the set is meant to hold, and who drew it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fractalgen.bank.folder import SET_FILE
from fractalgen.errors import DamagedSetError, RecipeError, SetError
from fractalgen.mixing_set.recipes.part import WHOLE, Part
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.shard_plan import ShardPlan
from fractalgen.version import __version__

__all__ = ["SET_VERSION", "Description", "Overwriting"]

SET_VERSION = 1
_LICENCE = "CC0-1.0"
_LICENCE_OF_COLLECTED = "as their origin says"


@dataclass(frozen=True)
class Overwriting:
    """An overwriting in progress: earlier images are removed, and not all new ones exist yet.

    Attributes
    ----------
    requested : Recipe
        The requested images.
    places : str
        SHA-256 of the sources of its collected images.
    """

    requested: Recipe
    places: str

    @classmethod
    def of(cls, requested: Recipe, places: Mapping[str, Sequence[str]]) -> "Overwriting":
        """Describe a call, so the next one can recognise it."""
        text = json.dumps(sorted(places.items()))
        return cls(requested, hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest())


@dataclass(frozen=True)
class Description:
    """The contents of ``set.json``.

    Attributes
    ----------
    recipe : Recipe
        The images that the set should have; an unfinished set has fewer.
    drawn_with : tuple of str
        The releases of fractalgen that drew it.
    overwriting : Overwriting or None
        The overwriting in progress.
    shards : ShardPlan or None
        The images of each shard; None for a set in a folder.
    part : Part
        The images or shards that are drawn here, if the others are left to other jobs.
    """

    recipe: Recipe
    drawn_with: tuple[str, ...] = (__version__,)
    overwriting: Overwriting | None = None
    shards: ShardPlan | None = None
    part: Part = WHOLE

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        data: dict[str, Any] = {
            "recipe": self.recipe.as_json(),
            "digest": self.recipe.digest,
            "versions": {"set": SET_VERSION, "fractalgen": list(self.drawn_with)},
            "licence": {
                family.name: _LICENCE_OF_COLLECTED if family.collected else _LICENCE
                for family in self.recipe.families
            },
        }
        if self.shards:
            data["shards"] = self.shards.as_json()
        if self.part != WHOLE:
            data["part"] = str(self.part)
        if self.overwriting:
            requested = self.overwriting.requested.as_json()
            data["overwriting"] = {"asked": requested, "places": self.overwriting.places}
        return data

    def as_bytes(self) -> bytes:
        """Return the file's contents."""
        return (json.dumps(self.as_json(), indent=2) + "\n").encode()

    @classmethod
    def parse(cls, data: bytes, place: str) -> "Description":
        """Read the file's contents; `place` is the set's folder or URL, for messages.

        Raises
        ------
        DamagedSetError
            If it is not a description.
        SetError
            If it was written by a later release.
        """
        try:
            plain = json.loads(data)
            version = plain["versions"]["set"]
            if version == SET_VERSION:
                return cls.from_json(plain)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = str(error) if isinstance(error, RecipeError) else "not in fractalgen's format"
            raise DamagedSetError(
                f"{place}/{SET_FILE} is damaged ({reason}); "
                f"'fractalgen build-set {place} --overwrite' redraws the set"
            ) from None
        raise SetError(
            f"{place}/{SET_FILE} has version {version!r}, and this fractalgen reads version "
            f"{SET_VERSION}; use the fractalgen that wrote it"
        )

    @classmethod
    def from_json(cls, data: Any) -> "Description":
        """Rebuild a description from `as_json`; other data raise an error of any type."""
        recipe = Recipe.from_json(data["recipe"])
        drawn_with = tuple(data["versions"]["fractalgen"])
        overwriting = shards = None
        if (again := data.get("overwriting")) is not None:
            overwriting = Overwriting(Recipe.from_json(again["asked"]), again["places"])
        if (plan := data.get("shards")) is not None:
            shards = ShardPlan.from_json(plan, recipe)
        part = Part.parse(data["part"]) if "part" in data else WHOLE
        return cls(recipe, drawn_with, overwriting, shards, part)
