"""The list of a class set's classes, ``classes.jsonl``: a line per class, from the recipe alone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fractalgen.bank.folder import CLASSES_FILE
from fractalgen.errors import FractalgenError
from fractalgen.families.classes import class_params
from fractalgen.files.atomic import write_atomically
from fractalgen.files.regular_file import check_no_links, read_regular
from fractalgen.mixing_set.recipes.keys import class_folder
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.record import params_text

__all__ = ["check_class_list", "class_list", "is_class_list", "write_class_list"]


def write_class_list(folder: Path, recipe: Recipe) -> None:
    """Write the list into a class set's folder if it changes."""
    check_no_links(folder, [CLASSES_FILE])
    path = folder / CLASSES_FILE
    data = class_list(recipe)
    if _read(path) != data:
        write_atomically(path, data, durable=True)


def check_class_list(folder: Path, recipe: Recipe) -> str | None:
    """Return what is wrong with the list in a set's folder, "missing" or "altered", if anything.

    A list of classes that this release would draw differently is only looked for.
    """
    if not recipe.has_classes:
        return None
    path = folder / CLASSES_FILE
    if not path.exists():
        return "missing"
    same = not path.is_symlink() and is_class_list(_read(path), recipe)
    return None if same else "altered"


def is_class_list(data: bytes | None, recipe: Recipe) -> bool:
    """Whether a file's contents are the list, or this release would draw other classes."""
    try:
        return data == class_list(recipe)
    except FractalgenError:
        return True


def _read(path: Path) -> bytes | None:
    try:
        return read_regular(path)
    except OSError:
        return None


def class_list(recipe: Recipe) -> bytes:
    """Return the list's contents."""
    return "".join(_lines(recipe)).encode()


def _lines(recipe: Recipe) -> Iterator[str]:
    numbered = [(number, one) for one in recipe.families for number in one.class_numbers()]
    for number, one in sorted(numbered, key=lambda pair: pair[0]):
        family: Any = one.family
        head = {"class": number, "folder": class_folder(number), "family": one.name}
        params = params_text(class_params(family, recipe.seed, number))
        yield f'{json.dumps(head, separators=(",", ":"))[:-1]},"params":{params}}}\n'
