"""Whether two sets are meant to hold the same images, and what differs if they are not."""

import json
from collections.abc import Iterator
from typing import Any

from fractalgen.errors import SetError
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.stores.description import Description
from fractalgen.mixing_set.stores.store import StoredSet

__all__ = ["check_alike"]


def check_alike(one: StoredSet, other: StoredSet) -> None:
    """Raise SetError, which names what differs, unless two sets are meant to hold the same images.

    They must have the same recipe, and both lie in folders, or in the same shards.
    """
    assert one.description is not None
    assert other.description is not None
    places = one.name, other.name
    differences = list(_differences(one.description, other.description, *places))
    if differences:
        raise SetError(f"{' and '.join(places)} are different sets: {'; '.join(differences)}")


def _differences(
    mine: Description, theirs: Description, my_name: str, their_name: str
) -> Iterator[str]:
    def difference(what: str, here: Any, there: Any) -> str:
        return f"{what} {here} in {my_name} and {there} in {their_name}"

    if (mine.shards is None) != (theirs.shards is None):
        yield difference("the images lie in", *map(_kind, (mine, theirs)))
    for found in mine.recipe.differences(theirs.recipe):
        values = json.dumps(found.existing), json.dumps(found.requested)
        yield difference(f"{found.key} is", *values)
    recipes = mine.recipe, theirs.recipe
    for name in dict.fromkeys(family.name for recipe in recipes for family in recipe.families):
        families = [recipe.family(name) for recipe in recipes]
        images = [family and (family.classes, family.ranges) for family in families]
        if images[0] != images[1]:
            counts = [f"{family.n:,} images" if family else "no images" for family in families]
            if counts[0] == counts[1]:
                counts = [_numbers(family) for family in families if family]
            yield difference(f"{name} has", *counts)
    if mine.shards and theirs.shards:
        if mine.shards.size != theirs.shards.size:
            yield difference("the images per shard are", mine.shards.size, theirs.shards.size)
        elif recipes[0] == recipes[1] and mine.shards != theirs.shards:
            yield "they have grown in another order, so their shards hold different images"


def _kind(description: Description) -> str:
    return "folders" if description.shards is None else "shards"


def _numbers(family: FamilyRecipe) -> str:
    """Return the numbers of a family's images and classes, such as ``images 0-99, 200-299``."""
    pairs = {"images": family.ranges, "classes": family.classes}
    texts = {
        what: ", ".join(f"{start}-{stop - 1}" for start, stop in ranges)
        for what, ranges in pairs.items()
    }
    return " of ".join(f"{what} {text}" for what, text in texts.items() if text)
