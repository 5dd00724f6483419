"""What a build makes of a set: how the request and what was there before become one."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from fractalgen.errors import RecipeError, SetError
from fractalgen.mixing_set.recipes.part import WHOLE, Part
from fractalgen.mixing_set.recipes.recipe import WHOLE_SET, Recipe
from fractalgen.mixing_set.stores.description import Description, Overwriting
from fractalgen.mixing_set.stores.store import Store

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """What a build makes of a set.

    Attributes
    ----------
    requested : Recipe
        The images to draw or collect. In a class set, each family has all classes and instances
        that the set will have.
    description : Description
        What the set is meant to hold then.
    replaced : frozenset of str
        The families whose images are removed first; empty unless earlier images are overwritten.
    """

    requested: Recipe
    description: Description
    replaced: frozenset[str] = frozenset()

    @property
    def recipe(self) -> Recipe:
        """All images that the set is meant to hold."""
        return self.description.recipe

    @classmethod
    def to_add(
        cls,
        store: Store,
        requested: Recipe,
        places: Mapping[str, Sequence[str]],
        part: Part = WHOLE,
        *,
        overwrite: bool,
    ) -> "Plan":
        """Plan to add images to a set, or to draw them again.

        With `overwrite`, the requested families are redrawn. If the size, the seed, the format or
        the colour differs, or only one of the two is a class set, every generated image is removed.

        Raises
        ------
        SetError
            If the set is another one, or images of other parts would be overwritten.
        RecipeError
            If there are more classes than can be told apart.
        """
        existing, described = store.recipe, store.description
        requested = requested.with_settings_of(existing)
        overwriting = described.overwriting if described else None
        replaced: frozenset[str] = frozenset()
        if overwrite:
            again = Overwriting.of(requested, places)
            # Otherwise the same call was interrupted, and has already removed the images.
            if not existing or again != overwriting or existing.differences(requested):
                _check_only_part(store.name, described, part)
                replaced = _replaced(existing, requested)
            overwriting = again
        if existing is None:
            recipe = requested
        elif replaced:
            recipe = requested.merged(existing.without(replaced))
        else:
            _check_same_set(store.name, existing, requested, places)
            recipe = _joined(store.name, existing, requested)
        requested = _with_equal_classes(requested, recipe)
        shards = store.shards_of(recipe, replaced)
        drawn_with = described.drawn_with if described else ()
        if store.folder is None:  # of jobs without a lock, each would name its own part
            part = WHOLE
        part = _part_drawn(described, requested, recipe, part)
        return cls(requested, Description(recipe, drawn_with, overwriting, shards, part), replaced)

    @classmethod
    def to_repair(cls, description: Description, recipe: Recipe) -> "Plan":
        """Plan to make what a set lacks of its own images."""
        return cls(recipe, dataclasses.replace(description, recipe=recipe))


def _check_only_part(name: str, described: Description | None, part: Part) -> None:
    """Raise SetError if a set has images that a part of it would overwrite and not draw again."""
    if described and _draws(described.recipe) and part not in (WHOLE, described.part):
        what = "a set" if described.part == WHOLE else f"part {described.part}"
        raise SetError(
            f"{name} holds {what}, and --overwrite would remove images that are not in part "
            f"{part}; draw the part into another folder, or leave out --overwrite"
        )


def _part_drawn(
    described: Description | None, requested: Recipe, joined: Recipe, part: Part
) -> Part:
    """Return the part that the set holds then, and no images of others; else all of it."""
    if described is None:
        return part
    drawn = [family for family in requested.families if not family.collected]
    if not drawn:
        return described.part
    if not _draws(described.recipe):
        return part
    # Of images that are added to a family, a part has others than of all its images.
    is_same = described.part == part and all(joined.family(one.name) == one for one in drawn)
    return part if is_same else WHOLE


def _draws(recipe: Recipe) -> bool:
    return any(not family.collected for family in recipe.families)


def _replaced(existing: Recipe | None, requested: Recipe) -> frozenset[str]:
    replaced = {family.name for family in requested.families}
    differences = existing.differences(requested) if existing else ()
    if existing and any(difference.key in WHOLE_SET for difference in differences):
        replaced |= {family.name for family in existing.families if not family.collected}
    return frozenset(replaced)


def _check_same_set(
    name: str, existing: Recipe, requested: Recipe, places: Collection[str]
) -> None:
    """Raise SetError if images that a set has would not be those of the request."""
    if places and existing.has_classes and all(one.collected for one in requested.families):
        raise SetError(
            f"{name} is a class set, whose folders are its classes; collect into another folder"
        )
    differences = existing.differences(requested)
    if not differences:
        return
    way_out = "Use another folder, or --overwrite to replace the images."
    for difference in differences:
        if difference.existing == "collected":
            way_out = (
                f"To keep the collected images, use 'fractalgen build-set' with "
                f"--{difference.key} as before; or use another folder."
            )
    listed = "; ".join(map(str, differences))
    raise SetError(f"{name} holds a different set: {listed}. {way_out}")


def _joined(name: str, existing: Recipe, requested: Recipe) -> Recipe:
    try:
        return existing.merged(requested)
    except RecipeError as error:  # two families with the same classes
        raise SetError(f"{name} has other classes: {error}; or use another folder") from None


def _with_equal_classes(requested: Recipe, joined: Recipe) -> Recipe:
    """Return the request, with all classes and instances that the set of its families then has."""
    if not requested.has_classes:
        return requested
    families = [joined.family(one.name) or one for one in requested.families]
    for family in families:
        family.check_distinct()
    return dataclasses.replace(requested, families=tuple(families))
