"""Join sets in folders: copy each image that is missing, and record it."""

import dataclasses
import functools
import threading
from collections.abc import Sequence

from fractalgen.mixing_set.building.summary import BuildInterrupted
from fractalgen.mixing_set.collecting.item import Refusal
from fractalgen.mixing_set.merging.likeness import check_alike
from fractalgen.mixing_set.merging.merged import Merged, Problems, described, joined_description
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.folder_set import FolderSet
from fractalgen.mixing_set.stores.folder_store import FolderStore
from fractalgen.mixing_set.stores.record import Record
from fractalgen.pool import OrderedPool, Progress, default_workers

__all__ = ["merge_folders"]

_Candidates = list[tuple[FolderSet, Record]]


def merge_folders(
    out: FolderStore, parts: Sequence[FolderSet], progress: Progress | None
) -> Merged:
    """Copy into a set what it lacks of the images of parts; see `merge`."""
    recipe = described(parts[0]).recipe
    out.make_folder()
    with out.locked():
        out.read_to_add(overwrite=False)
        if out.description:
            check_alike(out, parts[0])
        out.make_ready(recipe, recipe)
        out.describe(joined_description(out.description, parts))
        out.list_classes()
        problems = Problems()
        for part in parts:
            for number, reason in part.manifest.bad_lines:
                problems.damaged.append(Refusal(f"{part.manifest.path}, line {number}", reason))
        planned = [key for family in recipe.families for key in family.image_keys()]
        wanted: list[_Candidates] = []
        n_kept = 0
        for key in planned:
            offered = [(part, part.records[key]) for part in parts if key in part.records]
            if out.has(key, recipe):
                n_kept += 1
                problems.differing += _unlike(out.records[key], offered)
            elif offered:
                wanted.append(offered)
        n_copied = _copy_images(out, recipe, wanted, problems, progress)
        n_missing = len(planned) - n_kept - n_copied
        if not n_missing:
            out.describe(dataclasses.replace(described(out), overwriting=None))
    return Merged(
        out.name, n_copied, n_kept, n_missing, tuple(problems.damaged), tuple(problems.differing)
    )


def _unlike(record: Record, offered: _Candidates) -> list[str]:
    return [str(part.path(other.file)) for part, other in offered if other != record]


def _copy_images(
    out: FolderStore,
    recipe: Recipe,
    wanted: Sequence[_Candidates],
    problems: Problems,
    progress: Progress | None,
) -> int:
    """Copy an undamaged file of each image, and record it; return the number of images."""
    copy = functools.partial(_copy_image, out, recipe)
    n_copied = 0
    try:
        with out.adding(), OrderedPool(copy, default_workers()) as pool:
            results = zip(wanted, pool.map(wanted), strict=True)
            for done, (offered, (copied, damaged)) in enumerate(results, 1):
                problems.damaged += damaged
                if copied is not None:
                    out.add(copied)
                    n_copied += 1
                    sound = offered[len(damaged) :]
                    problems.differing += _unlike(copied, sound)
                if progress:
                    progress(done, len(wanted))
    except KeyboardInterrupt:
        raise BuildInterrupted(n_copied, len(wanted)) from None
    return n_copied


def _copy_image(
    out: FolderStore, recipe: Recipe, offered: _Candidates, _: threading.Event
) -> tuple[Record | None, list[Refusal]]:
    """Copy the first undamaged file; return its record, and those that are damaged."""
    damaged: list[Refusal] = []
    for part, record in offered:
        data, fault = part.read_checked(record, recipe)
        if not fault:
            out.write(record.file, data)
            return record, damaged
        damaged.append(Refusal(str(part.path(record.file)), fault))
    return None, damaged
