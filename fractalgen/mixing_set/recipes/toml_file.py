"""Recipes as TOML files."""

import dataclasses
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from fractalgen.errors import (
    MissingPackageError,
    NotRegularError,
    PaletteError,
    RecipeError,
    RunError,
    UnknownNameError,
)
from fractalgen.families import FAMILIES
from fractalgen.files.regular_file import open_regular
from fractalgen.images.formats import FORMATS
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.registry import nearest, shown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

R = TypeVar("R")

__all__ = ["read_description", "read_recipe"]

_ALLOWED = {
    "description": "text in quotes",
    "size": "a whole number of pixels",
    "seed": "a whole number",
    "format": "text in quotes, " + ", ".join(FORMATS),
    "gray": "true or false",
}
_KEYS = tuple(_ALLOWED)
_MAX_BYTES = 1 << 20
_TABLE = re.compile(r"\s*\[\s*[\"']?([^\"'\]]+?)[\"']?\s*\]")


def read_recipe(
    path: str | Path,
    *,
    size: int | None = None,
    seed: int | None = None,
    format: str | None = None,  # noqa: A002 - the option's name
    gray: bool | None = None,
) -> Recipe:
    """Read a recipe file.

    Parameters
    ----------
    path : str or Path
        A TOML file with a table per family, which holds ``n`` and optionally ``start_index`` and
        the family's options. For a class set, ``classes``, ``instances`` and optionally
        ``start_class`` take the place of the first two. ``description``, ``size``, ``seed``,
        ``format`` and ``gray`` are optional. Paths of palette files are relative to the recipe::

            size = 256

            [escape-time]
            n = 600
            palette = "ember"

    size, seed, format, gray : optional
        Override those of the file.

    Raises
    ------
    RecipeError
        If the file does not exist or is not a recipe. The message gives the file and the line, and
        suggests the nearest name for an unknown key.
    OSError
        If the file cannot be read.
    """
    path = Path(path)
    text, data = _parse(path)
    top = {key: value for key, value in data.items() if not isinstance(value, dict)}
    for key in top:
        if key in FAMILIES:
            where = _place(path, text, None, key)
            raise RecipeError(f"{where}: {key} must be a table, [{key}], not {shown(top[key])}")
        if key not in _KEYS:
            hint = nearest(key, [*_KEYS, *FAMILIES])
            raise RecipeError(f"{_place(path, text, None, key)}: unknown key {shown(key)}: {hint}")
    description = top.pop("description", "")
    if not isinstance(description, str):
        reason = f"description must be text in quotes, not {shown(description)}"
        raise RecipeError(f"{_place(path, text, None, 'description')}: {reason}", "description")
    _checked(path, text, None, lambda: Recipe(**top, families=()))
    tables = {key: value for key, value in data.items() if isinstance(value, dict)}
    if not tables:
        raise RecipeError(f"{path} requests no images; add a table such as [ifs] with n = 100")
    families = tuple(_family(path, text, name, table) for name, table in tables.items())
    given = {"size": size, "seed": seed, "format": format, "gray": gray}
    settings = top | {key: value for key, value in given.items() if value is not None}
    return _checked(path, text, None, lambda: Recipe(**settings, families=families))


def read_description(path: Path) -> str:
    """Return the description in a recipe file that `read_recipe` accepts."""
    return str(_parse(path)[1].get("description", ""))


def _parse(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the text of a TOML file and what it says; RecipeError if it cannot be read."""
    try:
        with open_regular(path) as file:
            data_bytes = file.read(_MAX_BYTES + 1)
        if len(data_bytes) > _MAX_BYTES:
            raise RecipeError(f"{path} is larger than {_MAX_BYTES:,} bytes")
        text = data_bytes.decode("utf-8-sig")
    except (FileNotFoundError, NotRegularError) as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise RecipeError(f"{path}, line {line}: not UTF-8 text") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path}{_at(str(error), text)}") from None
    except ValueError:  # from int, which reads no more than 4,300 digits
        raise RecipeError(f"{path}: a number has too many digits") from None
    except RecursionError:
        raise RecipeError(f"{path}: nested too deeply") from None
    return text, data


def _family(path: Path, text: str, name: str, table: dict[str, Any]) -> FamilyRecipe:
    if name not in FAMILIES:
        where = _place(path, text, name, None)
        if name in _KEYS:
            raise RecipeError(f"{where}: {name} is a key, not a table: {_ALLOWED[name]}")
        hint = nearest(name, list(FAMILIES))
        raise RecipeError(f"{where}: unknown family {shown(name)}: {hint}")
    known = [field.name for field in dataclasses.fields(FAMILIES[name])]  # type: ignore[arg-type]
    of_classes = "classes" in table or "instances" in table
    needed = (
        {"classes": "classes", "instances": "instances of each class"}
        if of_classes
        else {"n": "images"}
    )
    keys = [*needed, "start_class" if of_classes else "start_index", *known]
    for key in table:
        if key not in keys:
            where = _place(path, text, name, key)
            raise RecipeError(f"{where}: {name} has no key {shown(key)}: {nearest(key, keys)}")
    for key, what in needed.items():
        if key not in table:
            where = _place(path, text, name, None)
            raise RecipeError(f"{where}: {name} needs {key}, the number of {what}")
    options = dict(table)
    palette = options.get("palette")
    if isinstance(palette, str) and palette.endswith(".gpl"):
        options["palette"] = str(path.parent / palette)
    make = FamilyRecipe.of_classes if of_classes else FamilyRecipe.of
    return _checked(path, text, name, lambda: make(name, **options))


def _checked(path: Path, text: str, table: str | None, make: Callable[[], R]) -> R:
    """Call `make`; if it fails, add the file and the line of the key at fault to the message."""
    try:
        return make()
    except (RecipeError, PaletteError, UnknownNameError, RunError, MissingPackageError) as error:
        key = error.key if isinstance(error, RecipeError) else None
        if isinstance(error, PaletteError) or "palette" in str(error):
            key = key or "palette"
        raise RecipeError(f"{_place(path, text, table, key)}: {error}", key) from None


def _place(path: Path, text: str, table: str | None, key: str | None) -> str:
    """Return the file, and if found the line of a key or of a table's header."""
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
    """Move the line of a syntax error to the front; the parser puts it last."""
    found = re.fullmatch(r"(.*?) \(at (?:line (\d+), column \d+|end of document)\)", message)
    if not found:
        return f": {message}"
    line = found[2] or str(text.rstrip("\n").count("\n") + 1)
    reason = found[1]
    return f", line {line}: {reason[:1].lower()}{reason[1:]}"
