"""Make a set's folder ready, and throw away images that are to be replaced."""

import contextlib
import os
from collections.abc import Collection, Container, Iterable
from pathlib import Path

from fractalgen.errors import SetError
from fractalgen.files.atomic import remove_leftovers
from fractalgen.files.regular_file import check_no_links
from fractalgen.images.formats import FORMATS
from fractalgen.mixing_set.layout import first_few, image_file, parse_image_file
from fractalgen.mixing_set.manifest import Manifest, canonical_order, write_manifest
from fractalgen.mixing_set.recipe import Recipe

__all__ = [
    "check_folders",
    "check_no_foreign",
    "check_unused",
    "clear",
    "files_on_disk",
    "make_folder",
    "prepare_families",
    "remove_empty",
]


def make_folder(folder: Path) -> None:
    """Make the set's folder if it is not there; SetError if something else has its name."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        places = (folder, *folder.parents)
        obstacle = next((path for path in places if path.exists() and not path.is_dir()), folder)
        raise SetError(f"{obstacle} is not a folder; give another place") from None


def check_unused(folder: Path, families: Iterable[str]) -> None:
    """Raise SetError if a folder that is no set holds files where images shall go."""
    for family in families:
        path = folder / family
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise SetError(f"{path} is there already and belongs to no set; give a new folder")


def files_on_disk(folder: Path, families: Iterable[str]) -> dict[str, int]:
    """Return the length of each regular file in the families' folders, by its path in the set."""
    found = {}
    for family in families:
        try:
            entries = os.scandir(folder / family)
        except (FileNotFoundError, NotADirectoryError):
            continue
        with entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    size = entry.stat(follow_symlinks=False).st_size
                    found[f"{family}/{entry.name}"] = size
    return found


def check_no_foreign(
    there: Recipe | None, asked: Recipe, manifest: Manifest, on_disk: Container[str]
) -> None:
    """Raise SetError if a file that is not the set's has the name of an image asked for.

    A file without a record that the set there would have drawn is what a crash left.
    """
    asked_for = (
        image_file(family.name, index, FORMATS[asked.format])
        for family in asked.families
        for index in family.indices()
    )
    recorded = {record.file for record in manifest.records.values()}
    foreign = [
        file
        for file in asked_for
        if file in on_disk and file not in recorded and not (there and _draws(there, file))
    ]
    if foreign:
        verb, them = ("is", "it") if len(foreign) == 1 else ("are", "them")
        raise SetError(
            f"{first_few(foreign)} {verb} there already and not of this set; move {them} away first"
        )


def check_folders(folder: Path, families: list[str]) -> None:
    """Raise SetError if a family's folder is a link, which may lead anywhere, or no folder."""
    check_no_links(folder, families)
    for family in families:
        path = folder / family
        if path.exists() and not path.is_dir():
            raise SetError(f"{path} is not a folder; move it away first")


def prepare_families(folder: Path, families: list[str]) -> None:
    """Check families' folders, and remove what a killed run was writing."""
    check_folders(folder, families)
    remove_leftovers(folder)
    for family in families:
        remove_leftovers(folder / family)


def clear(
    folder: Path,
    there: Recipe | None,
    manifest: Manifest,
    families: Collection[str],
    on_disk: Iterable[str],
) -> Manifest:
    """Remove the families' images and nothing else.

    These are the files that the manifest knows, and those without a record that the set there
    would have drawn, which a crash left.

    Returns
    -------
    Manifest
        What is left, as it is on disk now.
    """
    left = {}
    check_no_links(folder, sorted(families))
    for key, record in manifest.records.items():
        if key[0] in families:
            (folder / record.file).unlink(missing_ok=True)
        else:
            left[key] = record
    for file in on_disk:
        if there and file.partition("/")[0] in families and _draws(there, file):
            (folder / file).unlink(missing_ok=True)
    remove_empty(folder, families)
    data_length = write_manifest(folder, canonical_order(left))
    return Manifest(left, sound_bytes=data_length)


def _draws(recipe: Recipe, file: str) -> bool:
    """Whether a file in a set has the name of an image that the recipe draws."""
    try:
        name, index = parse_image_file(file)
    except ValueError:
        return False
    family = recipe.family(name)
    if family is None or family.collected or index not in family:
        return False
    return file == image_file(name, index, FORMATS[recipe.format])


def remove_empty(folder: Path, families: Iterable[str]) -> None:
    """Remove families' folders without a file: a class without images upsets ImageFolder."""
    for family in families:
        with contextlib.suppress(OSError):
            (folder / family).rmdir()
