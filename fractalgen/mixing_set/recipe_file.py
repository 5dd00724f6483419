"""Recipes as TOML files."""

import dataclasses
import re
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

from fractalgen.families import FAMILIES
from fractalgen.mixing_set.family_recipe import FamilyRecipe, RecipeError
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.palettes import PaletteError
from fractalgen.registry import UnknownNameError, nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

R = TypeVar("R")

__all__ = ["read_recipe"]

_KEYS = ("size", "seed", "format")
_TABLE = re.compile(r"\s*\[\s*[\"']?([^\"'\]]+?)[\"']?\s*\]")


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe file.

    Parameters
    ----------
    path : str or Path
        A TOML file: ``size``, ``seed`` and ``format``, each of which may be left out, and a table
        per family with ``n``, and if wanted ``start`` and the family's options. A palette's
        file is looked for beside the recipe::

            size = 256

            [escape-time]
            n = 600
            palette = "ember"

    Returns
    -------
    Recipe

    Raises
    ------
    RecipeError
        If the file cannot be read or is not such a recipe; the message names the file, the line
        and for an unknown key the nearest one.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise RecipeError(f"{path}, line {line}: not UTF-8 text") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path}{_at(str(error), text)}") from None
    except RecursionError:
        raise RecipeError(f"{path}: nested too deeply") from None
    top = {key: value for key, value in data.items() if not isinstance(value, dict)}
    for key in top:
        if key not in _KEYS:
            hint = nearest(key, [*_KEYS, *FAMILIES])
            raise RecipeError(f"{_place(path, text, None, key)}: no key is called '{key}': {hint}")
    recipe = _checked(path, text, None, lambda: Recipe(**top), _KEYS)
    tables = {key: value for key, value in data.items() if isinstance(value, dict)}
    if not tables:
        raise RecipeError(f"{path}: asks for no pictures; add a table such as [ifs] with n = 100")
    families = tuple(_family(path, text, name, table) for name, table in tables.items())
    return dataclasses.replace(recipe, families=families)


def _family(path: Path, text: str, name: str, table: dict[str, Any]) -> FamilyRecipe:
    if name not in FAMILIES:
        where = _place(path, text, name, None)
        hint = nearest(name, list(FAMILIES))
        raise RecipeError(f"{where}: no family is called '{name}': {hint}")
    known = [field.name for field in dataclasses.fields(FAMILIES[name])]  # type: ignore[arg-type]
    keys = ["n", "start", *known]
    for key in table:
        if key not in keys:
            where = _place(path, text, name, key)
            raise RecipeError(f"{where}: {name} has no key '{key}': {nearest(key, keys)}")
    if "n" not in table:
        where = _place(path, text, name, None)
        raise RecipeError(f"{where}: {name} needs n, the number of pictures")
    options = dict(table)
    palette = options.get("palette")
    if isinstance(palette, str) and palette.endswith(".gpl"):
        options["palette"] = str(path.parent / palette)
    return _checked(path, text, name, lambda: FamilyRecipe.of(name, **options), keys)


def _checked(
    path: Path, text: str, table: str | None, make: Callable[[], R], keys: Collection[str]
) -> R:
    """Call `make`, and add the file and the line of the key at fault to what it complains of."""
    try:
        return make()
    except (RecipeError, PaletteError, UnknownNameError) as error:
        message = str(error)
        words = re.findall(r"[\w-]+", message)
        key = next((word for word in words if word in keys), None)
        if isinstance(error, (PaletteError, UnknownNameError)):
            key = "palette"
        raise RecipeError(f"{_place(path, text, table, key)}: {message}") from None


def _place(path: Path, text: str, table: str | None, key: str | None) -> str:
    """Return the file, and the line of a key or of a table's head where it can be found."""
    current = None
    for number, line in enumerate(text.splitlines(), 1):
        head = _TABLE.match(line)
        if head:
            current = head[1]
            if key is None and current == table:
                return f"{path}, line {number}"
        elif key and current == table and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return f"{path}, line {number}"
    return str(path)


def _at(message: str, text: str) -> str:
    """Put the line of a syntax error, which the parser names last, in front of it."""
    found = re.fullmatch(r"(.*?) \(at (?:line (\d+), column \d+|end of document)\)", message)
    if not found:
        return f": {message}"
    line = found[2] or str(text.rstrip("\n").count("\n") + 1)
    reason = found[1]
    return f", line {line}: {reason[:1].lower()}{reason[1:]}"
