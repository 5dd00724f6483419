"""Check a set: files against the manifest and the recipe, and images against their parameters."""

import dataclasses
import hashlib
import random
import threading
from collections.abc import Container, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.arguments import whole_number
from fractalgen.bank.folder import CLASSES_FILE
from fractalgen.families import FAMILIES
from fractalgen.families.base import is_exact
from fractalgen.images.decoding import to_rgb
from fractalgen.images.formats import FORMATS
from fractalgen.mixing_set.checking.findings import Findings, Report
from fractalgen.mixing_set.checking.folder_check import inspect_folder
from fractalgen.mixing_set.checking.shard_check import check_shards, inspect_shards
from fractalgen.mixing_set.recipes.keys import MAX_INDEX, image_file
from fractalgen.mixing_set.recipes.part import WHOLE, Part
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.folder_set import FolderSet
from fractalgen.mixing_set.stores.open_set import open_set
from fractalgen.mixing_set.stores.record import Record
from fractalgen.mixing_set.stores.shard_set import ShardSet
from fractalgen.mixing_set.stores.store import StoredSet
from fractalgen.pool import OrderedPool, Progress, check_workers, default_workers

__all__ = ["inspect", "verify"]

_N_BLOCKS = 8
_MAX_DIFFERENCE = 20.0  # of 255

# Takes nothing from the random stream of whoever calls `verify`.
_CHANCE = random.SystemRandom()


def verify(
    folder: str | Path,
    redraw: int = 0,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Find what is missing, truncated, altered or foreign in a set. Nothing is written.

    Parameters
    ----------
    folder : str or Path
        The set's folder, or the URL of a set in shards. Shards are read one after the other, a
        piece at a time.
    redraw : int
        Number of random generated images to redraw from their recorded parameters and compare
        pixel by pixel, or coarsely if the family's pixels depend on the processor.
    workers : int or None
        Number of threads; None for one per CPU core.
    progress : callable or None
        Called with the number of images checked and the total.

    Returns
    -------
    Report
        `ok` is True if nothing was found. Of a part of a set, the images of other parts need not
        be there.

    Raises
    ------
    ArgumentError
        If `redraw` or `workers` is out of its range.
    SetError
        If `folder` is not a set, or one of its folders is a link or a file.
    OSError
        If a file cannot be read.
    """
    redraw = whole_number("redraw", redraw, 0, MAX_INDEX)
    workers = check_workers(workers)
    store = open_set(folder)
    if isinstance(store, ShardSet):
        return _of_shards(store, redraw, workers, progress)
    recipe = store.recipe or Recipe(families=())
    findings = inspect_folder(store, workers, progress)
    broken = set(findings.broken)
    sound = [
        record
        for record in store.manifest.in_order()
        if record.origin is None and record.file not in broken
    ]
    chosen = [sound[place] for place in _some(redraw, len(sound))]
    recorded = {record.file for record in store.records.values()}
    absent = {*findings.missing} - recorded - {CLASSES_FILE}
    if (part := store.description.part if store.description else WHOLE) != WHOLE:
        absent &= _of_other_parts(recipe, part)
        findings = _without(findings, absent)
    return Report(
        store.name,
        len(store.records),
        findings,
        store.manifest.bad_lines,
        store.manifest.torn,
        len(chosen),
        _redrawn_otherwise(store, chosen, workers or default_workers(recipe.size)),
        len(absent),
        part,
    )


def _of_other_parts(recipe: Recipe, part: Part) -> set[str]:
    """Return the images that other jobs draw, as paths within the set."""
    drawn = [family for family in recipe.families if not family.collected]
    own = {key for family in drawn for key in part.of(family.image_keys())}
    extension = FORMATS[recipe.format]
    return {
        image_file(*key, extension)
        for family in drawn
        for key in family.image_keys()
        if key not in own
    }


def _without(findings: Findings, absent: Container[str]) -> Findings:
    """Return the findings without those files among the missing ones."""
    missing = tuple(file for file in findings.missing if file not in absent)
    return dataclasses.replace(findings, missing=missing)


def _some(n: int, total: int) -> list[int]:
    """Choose `n` of the numbers below `total`, or all."""
    return sorted(_CHANCE.sample(range(total), min(n, total)))


def _of_shards(
    store: ShardSet, redraw: int, workers: int | None, progress: Progress | None
) -> Report:
    assert store.description is not None
    assert store.recipe is not None
    checked = list(check_shards(store, workers, progress))
    # The places of the chosen images among those of all shards, then among those of their own.
    chosen, places, before = [], _some(redraw, sum(one.n_drawn for one in checked)), 0
    for one in checked:
        own = [place - before for place in places if before <= place < before + one.n_drawn]
        chosen += store.records_at(one.shard, own) if own else []
        before += one.n_drawn
    absent = [one for one in checked if one.fault == "missing" and not one.n_recorded]
    findings = inspect_shards(store, checked)
    if (part := store.description.part) != WHOLE:
        numbers = {shard.number for shard in part.of(store.plan)}
        absent = [one for one in absent if one.shard.number not in numbers]
        findings = _without(findings, {one.shard.file for one in absent})
    return Report(
        store.name,
        sum(one.n_recorded for one in checked),
        findings,
        n_absent=sum(one.shard.n for one in absent),
        n_redrawn=len(chosen),
        differing=_redrawn_otherwise(store, chosen, workers or default_workers(store.recipe.size)),
        part=part,
    )


def inspect(store: FolderSet | ShardSet, workers: int | None = None) -> Findings:
    """Find the faults of a set's files."""
    if isinstance(store, ShardSet):
        return inspect_shards(store, check_shards(store, workers))
    return inspect_folder(store, workers)


def _alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Whether the means of a few large blocks of two images are close on average."""
    coarse = [
        np.asarray(Image.fromarray(rgb).resize((_N_BLOCKS, _N_BLOCKS), Image.Resampling.BOX), float)
        for rgb in (one, other)
    ]
    return bool(np.abs(coarse[0] - coarse[1]).mean() <= _MAX_DIFFERENCE)


def _redrawn_otherwise(
    store: StoredSet, records: Sequence[Record], workers: int
) -> tuple[str, ...]:
    """Redraw images and return the files of those that differ from the record."""

    def is_same(record: Record, _: threading.Event) -> bool:
        try:
            pixels = record.redraw(record.width)
        except ValueError:
            return False
        if hashlib.sha256(pixels.data).hexdigest() == record.pixel_sha256:
            return True
        if is_exact(FAMILIES[record.family]):
            return False
        return _alike(pixels, to_rgb(store.read_image(record.file))[0])

    with OrderedPool(is_same, workers) as pool:
        same = list(pool.map(records))
    return tuple(record.file for record, equal in zip(records, same, strict=True) if not equal)
