"""set.json: what a set is, for people and for the next run."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fractalgen.bank.folder import SET_FILE
from fractalgen.errors import DamagedSetError, RecipeError, SetError
from fractalgen.files.atomic import write_atomically
from fractalgen.files.regular_file import check_no_links, read_regular
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.version import __version__

__all__ = [
    "SET_VERSION",
    "DamagedSetError",
    "Overwriting",
    "SetFile",
    "read_set_file",
    "require_set_file",
    "settings_there",
    "write_set_file",
]

SET_VERSION = 1
_LICENCE = "CC0-1.0"
_LICENCE_OF_COLLECTED = "as their origin says"


@dataclass(frozen=True)
class Overwriting:
    """What is being drawn anew, from when the earlier images are gone until all is there.

    Attributes
    ----------
    asked : Recipe
        What was asked for.
    places : str
        SHA-256 of where its collected images are taken from.
    """

    asked: Recipe
    places: str

    @classmethod
    def of(cls, asked: Recipe, places: Mapping[str, str]) -> "Overwriting":
        """Describe a call, for the next one to see whether it is the same."""
        text = json.dumps(sorted(places.items()))
        return cls(asked, hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest())

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return {"asked": self.asked.as_json(), "places": self.places}

    @classmethod
    def from_json(cls, data: Any) -> "Overwriting | None":
        """Rebuild what `as_json` gave, or None."""
        return None if data is None else cls(Recipe.from_json(data["asked"]), data["places"])


@dataclass(frozen=True)
class SetFile:
    """A set's description.

    Attributes
    ----------
    recipe : Recipe
        What shall be in the set; an unfinished set has less.
    drawn_with : tuple of str
        The releases of fractalgen that drew it.
    overwriting : Overwriting or None
        What is being drawn anew.
    """

    recipe: Recipe
    drawn_with: tuple[str, ...] = (__version__,)
    overwriting: Overwriting | None = None


def read_set_file(folder: Path) -> SetFile | None:
    """Read a set's description; None if there is none.

    Raises
    ------
    SetError
        If it is damaged, a link, or of a later release's kind.
    """
    check_no_links(folder, [SET_FILE])
    path = folder / SET_FILE
    try:
        data = json.loads(read_regular(path))
        version = data["versions"]["set"]
        if version == SET_VERSION:
            return SetFile(
                Recipe.from_json(data["recipe"]),
                tuple(data["versions"]["fractalgen"]),
                Overwriting.from_json(data.get("overwriting")),
            )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = str(error) if isinstance(error, RecipeError) else "not as fractalgen writes it"
        raise DamagedSetError(
            f"{path} is damaged ({reason}); "
            f"'fractalgen build-set {folder} --overwrite' draws the set anew"
        ) from None
    raise SetError(f"{path} is of version {version!r}, this fractalgen reads {SET_VERSION}")


def require_set_file(folder: Path) -> SetFile:
    """Read a set's description; SetError if `folder` is no set."""
    if not folder.is_dir():
        if folder.exists():
            raise SetError(f"{folder} is not a folder")
        raise SetError(f"{folder} does not exist; 'fractalgen build-set {folder}' makes a set")
    found = read_set_file(folder)
    if found is None:
        raise SetError(f"{folder} is no mixing set: it has no {SET_FILE}")
    return found


def settings_there(folder: Path, *, overwrite: bool = False) -> Recipe:
    """Return the size, seed and format that hold in a folder where nothing else is asked for.

    They are the set's that is there, or a new recipe's own. A damaged description is an error
    unless the set is to be overwritten.
    """
    try:
        there = read_set_file(folder) if folder.is_dir() else None
    except DamagedSetError:
        if not overwrite:
            raise
        there = None
    return dataclasses.replace(there.recipe, families=()) if there else Recipe()


def write_set_file(folder: Path, described: SetFile) -> None:
    """Write a set's description, in one step."""
    recipe = described.recipe
    licences = {
        family.name: _LICENCE_OF_COLLECTED if family.collected else _LICENCE
        for family in recipe.families
    }
    data: dict[str, Any] = {
        "recipe": recipe.as_json(),
        "digest": recipe.digest,
        "versions": {"set": SET_VERSION, "fractalgen": list(described.drawn_with)},
        "licence": licences,
    }
    if described.overwriting:
        data["overwriting"] = described.overwriting.as_json()
    text = json.dumps(data, indent=2) + "\n"
    write_atomically(folder / SET_FILE, text.encode(), durable=True)
