"""Decide what a build has to do, before anything is done."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fractalgen.errors import SetError
from fractalgen.mixing_set.layout import Key
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.mixing_set.record import Record

__all__ = ["Decision", "decide", "in_place", "plan"]


@dataclass(frozen=True)
class Decision:
    """What becomes of a set when a recipe is asked of it.

    Attributes
    ----------
    recipe : Recipe
        What shall be in the set afterwards.
    replaced : frozenset of str
        Families whose images are thrown away first.
    """

    recipe: Recipe
    replaced: frozenset[str] = frozenset()


def decide(there: Recipe | None, asked: Recipe, folder: Path, *, overwrite: bool) -> Decision:
    """Join what is asked to what is there.

    With `overwrite` the families asked for are drawn anew. Where the size, the seed or the format
    differs, every generated image goes, because a set has one of each.

    Raises
    ------
    SetError
        Without `overwrite`, if the two contradict each other; the message names the keys.
    """
    if there is None:
        return Decision(asked)
    differences = there.differences(asked)
    if not overwrite:
        if differences:
            listed = "; ".join(map(str, differences))
            for difference in differences:
                if difference.there == "collected":
                    raise SetError(
                        f"{folder} holds another set: {listed}. 'fractalgen build-set' with "
                        f"--{difference.key} as before keeps those; or use another folder."
                    )
            raise SetError(
                f"{folder} holds another set: {listed}. "
                "Use another folder, or --overwrite to replace what differs."
            )
        return Decision(there.merged(asked))
    replaced = {family.name for family in asked.families}
    if any(difference.key in ("size", "seed", "format") for difference in differences):
        replaced |= {family.name for family in there.families if not family.collected}
    recipe = asked.merged(there.without(replaced))
    return Decision(recipe, frozenset(replaced))


def in_place(record: Record, recipe: Recipe, on_disk: Mapping[str, int]) -> bool:
    """Whether an image's file is there with the length that was recorded, for this recipe."""
    return on_disk.get(record.file) == record.n_bytes and record.fits(recipe)


def plan(asked: Recipe, records: Mapping[Key, Record], on_disk: Mapping[str, int]) -> Iterator[Key]:
    """Yield the family and index of every generated image that is asked for and not in place."""
    for family in asked.families:
        if not family.collected:
            for index in family.indices():
                record = records.get((family.name, index))
                if record is None or not in_place(record, asked, on_disk):
                    yield family.name, index
