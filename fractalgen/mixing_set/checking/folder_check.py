"""Check a set in files: against the manifest, the recipe, and each image's recorded hash."""

import dataclasses
import functools
import os
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

from fractalgen.bank.folder import CLASSES_FILE, MANIFEST_FILE, SET_FILE
from fractalgen.images.formats import FORMATS
from fractalgen.mixing_set.checking.findings import Findings
from fractalgen.mixing_set.recipes.keys import image_file
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.class_list import check_class_list
from fractalgen.mixing_set.stores.folder_set import FolderSet
from fractalgen.mixing_set.stores.record import Record
from fractalgen.pool import OrderedPool, Progress, default_workers

__all__ = ["inspect_folder"]


def inspect_folder(
    store: FolderSet, workers: int | None = None, progress: Progress | None = None
) -> Findings:
    """Check every image's file against its recorded hash.

    Raises SetError if one of the set's folders is a link or a file.
    """
    recipe = store.recipe or Recipe(families=())
    store.check_folders([*recipe.folders()])
    store.scan(recipe.folders())
    expected = dict(_expected(store, recipe))
    faults: dict[str, list[str]] = {field.name: [] for field in dataclasses.fields(Findings)}
    for file, record in expected.items():
        if record is None:
            faults["unrecorded" if file in store.on_disk else "missing"].append(file)
    records = [record for record in expected.values() if record is not None]
    find_fault = functools.partial(_fault, store, recipe)
    with OrderedPool(find_fault, workers or default_workers()) as pool:
        for number, (record, fault) in enumerate(zip(records, pool.map(records), strict=True), 1):
            if fault:
                faults[fault].append(record.file)
            if progress:
                progress(number, len(records))
    fault = check_class_list(store.folder, recipe)
    if fault:
        faults[fault].append(CLASSES_FILE)
    faults["foreign"] = sorted(_foreign(store.folder, recipe, expected.keys()))
    return Findings(**{kind: tuple(files) for kind, files in faults.items()})


def _expected(store: FolderSet, recipe: Recipe) -> Iterator[tuple[str, Record | None]]:
    """Yield the file and the record of every image that the set should have."""
    for family in recipe.families:
        keys = family.image_keys()
        if family.collected:  # while they are collected, the manifest is ahead of the recipe
            keys = iter(sorted({*keys, *(key for key in store.records if key[0] == family.name)}))
        for key in keys:
            record = store.records.get(key)
            if record is not None:
                yield record.file, record
                continue
            # The format of a collected image is only known from its record.
            kinds = FORMATS.values() if family.collected else ()
            files = [image_file(*key, kind) for kind in kinds]
            usual = image_file(*key, FORMATS[recipe.format])
            yield next((file for file in files if file in store.on_disk), usual), None


def _fault(store: FolderSet, recipe: Recipe, record: Record, _: threading.Event) -> str | None:
    return store.read_checked(record, recipe)[1]


def _foreign(folder: Path, recipe: Recipe, expected: Collection[str]) -> Iterator[str]:
    """Yield foreign folders and visible files, which readers of the set don't expect."""
    folders = dict.fromkeys(recipe.folders())
    own_files = {SET_FILE, MANIFEST_FILE, *expected}
    if recipe.has_classes:
        own_files.add(CLASSES_FILE)
    for place in (None, *folders):
        if place is not None and not (folder / place).is_dir():
            continue
        with os.scandir(folder / (place or ".")) as entries:
            for entry in entries:
                name = f"{place}/{entry.name}" if place else entry.name
                if entry.is_dir(follow_symlinks=False):
                    if name not in folders:
                        yield name + "/"
                elif name not in own_files and not entry.name.startswith("."):
                    yield name
