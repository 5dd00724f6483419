"""Make a set's folder ready, and throw away pictures that are to be replaced."""

import contextlib
from collections.abc import Collection, Container, Iterable
from pathlib import Path

from fractalgen.mixing_set.layout import FORMATS, SetError, check_no_links, picture_file
from fractalgen.mixing_set.manifest import Manifest, canonical_order, write_manifest
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.mixing_set.writer import remove_leftovers

__all__ = [
    "check_no_foreign",
    "check_unused",
    "clear",
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
    """Raise SetError if a folder that is no set holds files where pictures shall go."""
    for family in families:
        path = folder / family
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise SetError(f"{path} is there already and belongs to no set; give a new folder")


def check_no_foreign(
    there: Recipe | None, asked: Recipe, manifest: Manifest, on_disk: Container[str]
) -> None:
    """Raise SetError if a file that is not the set's has the name of a picture asked for.

    A file without a record that the set had been asked for before is what a crash left.
    """
    extension = FORMATS[asked.format]
    for family in asked.families:
        before = there.family(family.name) if there else None
        for index in family.indices():
            file = picture_file(family.name, index, extension)
            known = (family.name, index) in manifest.records or (before and index in before)
            if file in on_disk and not known:
                raise SetError(f"{file} is there already and not of this set; move it away first")


def prepare_families(folder: Path, families: list[str]) -> None:
    """Refuse families' folders that are links, and remove what a killed run was writing."""
    check_no_links(folder, families)
    remove_leftovers(folder)
    for family in families:
        remove_leftovers(folder / family)


def clear(folder: Path, manifest: Manifest, families: Collection[str]) -> Manifest:
    """Remove the families' pictures, those that the manifest knows and nothing else.

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
    remove_empty(folder, families)
    data_length = write_manifest(folder, canonical_order(left))
    return Manifest(left, sound_bytes=data_length)


def remove_empty(folder: Path, families: Iterable[str]) -> None:
    """Remove families' folders without a file: a class without pictures upsets ImageFolder."""
    for family in families:
        with contextlib.suppress(OSError):
            (folder / family).rmdir()
