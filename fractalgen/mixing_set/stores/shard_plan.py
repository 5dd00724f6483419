"""Which images each shard of a set holds. It depends only on what was requested, in which order."""

import dataclasses
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any

from fractalgen.arguments import whole_number
from fractalgen.bank.shards import shard_file
from fractalgen.images.formats import FORMATS
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.keys import Key, image_file
from fractalgen.mixing_set.recipes.recipe import Recipe

__all__ = ["DEFAULT_SHARD_SIZE", "PlannedShard", "ShardPlan", "check_shard_size"]

DEFAULT_SHARD_SIZE = 1000
_MAX_SHARD_SIZE = 1_000_000
_MAX_NUMBER = 1 << 40


def check_shard_size(size: int) -> int:
    """Return a number of images per shard; ArgumentError if it is out of range."""
    return whole_number("shard_size", size, 1, _MAX_SHARD_SIZE)


@dataclass(frozen=True)
class PlannedShard:
    """A shard: the images from the `start`-th to before the `stop`-th of some of a family's."""

    number: int
    images: FamilyRecipe
    start: int
    stop: int

    @property
    def family(self) -> str:
        """The family's name."""
        return self.images.name

    @property
    def file(self) -> str:
        """The name of the tar file."""
        return shard_file(self.number)

    @property
    def n(self) -> int:
        """Number of images."""
        return self.stop - self.start

    def keys(self) -> tuple[Key, ...]:
        """Return the images' keys in order."""
        return tuple(self.images.keys_between(self.start, self.stop))

    def files(self, recipe: Recipe) -> list[str]:
        """Return the paths of drawn images within the set in order.

        Collected images have formats of their own, which only their records say.
        """
        extension = FORMATS[recipe.format]
        return [image_file(*key, extension) for key in self.keys()]


@dataclass(frozen=True)
class ShardPlan:
    """The shards of a set.

    Attributes
    ----------
    size : int
        Number of images of a shard; the last one of a section has fewer.
    sections : tuple of (int, FamilyRecipe)
        Images that are cut into shards, and the number of the first of these. No two sections
        share an image. A set that grows has several sections of a family.
    """

    size: int
    sections: tuple[tuple[int, FamilyRecipe], ...] = ()

    def __iter__(self) -> Iterator[PlannedShard]:
        for first, images in self.sections:
            for nth in range(self._n_shards(images)):
                yield self._shard(first, images, nth)

    def _shard(self, first: int, images: FamilyRecipe, nth: int) -> PlannedShard:
        start = nth * self.size
        return PlannedShard(first + nth, images, start, min(start + self.size, images.n))

    def find(self, key: Key) -> PlannedShard | None:
        """Return the shard that holds an image; None if it is not planned."""
        for first, images in self.sections:
            if key in images:
                return self._shard(first, images, images.place_of(key) // self.size)
        return None

    def __len__(self) -> int:
        return sum(self._n_shards(images) for _, images in self.sections)

    def _n_shards(self, images: FamilyRecipe) -> int:
        return -(-images.n // self.size)

    def extended(self, recipe: Recipe) -> "ShardPlan":
        """Return a plan whose shards hold all images of a recipe, in new sections if necessary."""
        plan = self
        for family in recipe.families:
            wanted = [family]
            for _, there in self.sections:
                if there.name == family.name:
                    wanted = [left for one in wanted for left in one.without_images(there)]
            for images in wanted:
                ends = [first + self._n_shards(one) for first, one in plan.sections]
                sections = (*plan.sections, (max(ends, default=0), images))
                plan = dataclasses.replace(plan, sections=sections)
        return plan

    def without(self, families: Container[str]) -> "ShardPlan":
        """Return the plan without some families; other shards keep their numbers."""
        left = tuple(pair for pair in self.sections if pair[1].name not in families)
        return dataclasses.replace(self, sections=left)

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        sections = [
            {
                "first": first,
                "family": one.name,
                **({"classes": [list(pair) for pair in one.classes]} if one.classes else {}),
                "indices": [list(pair) for pair in one.ranges],
            }
            for first, one in self.sections
        ]
        return {"size": self.size, "sections": sections}

    @classmethod
    def from_json(cls, data: Any, recipe: Recipe) -> "ShardPlan":
        """Rebuild a plan from `as_json`; other data raise an error of any type."""
        sections = []
        for section in data["sections"]:
            family = recipe.family(section["family"])
            if family is None:
                raise ValueError("a shard's family is not in the recipe")
            plain = {**family.as_json(), "indices": section["indices"]}
            if "classes" in section:
                plain["classes"] = section["classes"]
            first = whole_number("first", section["first"], 0, _MAX_NUMBER)
            sections.append((first, FamilyRecipe.from_json(family.name, plain)))
        return cls(check_shard_size(data["size"]), tuple(sections))
