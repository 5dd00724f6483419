"""Build a set: find out what is missing, draw it, record it."""

import contextlib
import dataclasses
import time
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

from fractalgen.bank.folder import MANIFEST_FILE, SET_FILE
from fractalgen.errors import DamagedSetError, SetError
from fractalgen.files.lock import locked
from fractalgen.mixing_set.making import BuildInterrupted, UnfinishedSet, finish
from fractalgen.mixing_set.manifest import Manifest, read_manifest, require_sound
from fractalgen.mixing_set.plan import decide
from fractalgen.mixing_set.preparation import (
    check_no_foreign,
    check_unused,
    clear,
    files_on_disk,
    make_folder,
    prepare_families,
)
from fractalgen.mixing_set.recipe import FamilyRecipe, Recipe
from fractalgen.mixing_set.set_file import Overwriting, SetFile, read_set_file
from fractalgen.mixing_set.sources import open_source
from fractalgen.mixing_set.summary import Summary
from fractalgen.pool import Progress

__all__ = ["BuildInterrupted", "build"]


def build(
    recipe: Recipe,
    out: str | Path,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    collected: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    fetching: Progress | None = None,
) -> Summary:
    """Draw the images of a recipe that are not in a folder yet.

    The finished set depends on the recipe alone: not on the number of workers, nor on how often
    it was interrupted and begun again.

    Parameters
    ----------
    recipe : Recipe
        What is asked for. It is joined to what the set has.
    out : str or Path
        The set's folder, made if it is not there.
    workers : int or None
        Threads; None for one per processor.
    overwrite : bool
        Draw the families asked for anew, and if the size, the seed or the format is another,
        remove all generated images. No other files are removed. After an interruption the same
        call goes on with what it had drawn.
    collected : mapping of str to str, optional
        Folders within the set and where their images are taken from: a folder, a zip archive,
        or an address of one. Takes the place of a family of the same name.
    progress : callable or None
        Called with the number of images done and their total.
    fetching : callable or None
        Called with the bytes fetched from the web and their total.

    Returns
    -------
    Summary

    Raises
    ------
    SetError
        If the folder holds another set, is at work, is damaged, or cannot be a set.
    RecipeError
        If the recipe is of another release, which draws other images.
    BuildInterrupted
        At a Ctrl-C; the same call goes on.
    OSError
        If something cannot be written.
    """
    began = time.monotonic()
    folder = Path(out)
    places = dict(collected or {})
    asked = recipe.without(places).merged(
        Recipe(families=tuple(FamilyRecipe(name, (), collected=True) for name in places))
    )
    for family in asked.families:
        if not family.collected:
            _ = family.family  # fails here if it cannot be drawn, before anything is touched
    make_folder(folder)
    with locked(folder), contextlib.ExitStack() as stack:
        described = _read_description(folder, overwrite=overwrite)
        manifest = _read_manifest(folder, described, overwrite=overwrite)
        there = described.recipe.with_collected(manifest.records) if described else None
        if there is None and not manifest.records:
            check_unused(folder, [family.name for family in asked.families])
        overwriting = described.overwriting if described else None
        if overwrite:
            again = Overwriting.of(asked, places)
            # An interrupted call of the same kind has removed what was to be replaced.
            overwrite = again != overwriting or there is None or bool(there.differences(asked))
            overwriting = again
        decision = decide(there, asked, folder, overwrite=overwrite)
        sources = {
            name: stack.enter_context(open_source(place, folder, fetching))
            for name, place in places.items()
        }
        names = {family.name for family in decision.recipe.families}
        replaced = decision.replaced
        if there is None:  # a manifest alone: nothing tells what its images belong to
            replaced |= {name for name, _ in manifest.records}
        prepare_families(folder, sorted(names | replaced))
        on_disk = files_on_disk(folder, sorted(names | replaced))
        check_no_foreign(there, asked, manifest, on_disk)
        n_before = len(manifest.records)
        if replaced:
            manifest = clear(folder, there, manifest, replaced, on_disk)
            on_disk = files_on_disk(folder, sorted(names))
        n_removed = n_before - len(manifest.records)
        unfinished = UnfinishedSet(
            folder, described, decision.recipe, manifest, on_disk, overwriting=overwriting
        )
        summary = finish(unfinished, asked, sources, workers, progress)
        return dataclasses.replace(
            summary,
            seconds=time.monotonic() - began,
            n_removed=n_removed,
            notes=(*summary.notes, *_about_too_few(summary, recipe, places)),
        )


def _about_too_few(summary: Summary, recipe: Recipe, places: Container[str]) -> Iterator[str]:
    for family in summary.families:
        wanted = recipe.family(family.name)
        if family.name in places and wanted and family.asked < wanted.n:
            yield f"{family.name} has {family.asked:,} where the recipe has {wanted.n:,}."


def _read_description(folder: Path, *, overwrite: bool) -> SetFile | None:
    try:
        return read_set_file(folder)
    except DamagedSetError:
        if overwrite:
            return None
        raise


def _read_manifest(folder: Path, described: SetFile | None, *, overwrite: bool) -> Manifest:
    manifest = read_manifest(folder)
    if not overwrite:
        require_sound(folder, manifest)
        if described is None and manifest.records:
            raise SetError(
                f"{folder} has a {MANIFEST_FILE} but no {SET_FILE}; "
                "use another folder, or --overwrite to begin anew"
            )
    return manifest
