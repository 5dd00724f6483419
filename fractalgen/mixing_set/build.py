"""Build a set: find out what is missing, draw it, record it."""

import contextlib
import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path

from fractalgen.mixing_set.completion import complete, open_sources
from fractalgen.mixing_set.folder import (
    check_no_foreign,
    check_unused,
    clear,
    make_folder,
    prepare_families,
)
from fractalgen.mixing_set.inspection import Progress
from fractalgen.mixing_set.layout import MANIFEST_FILE, SET_FILE, SetError
from fractalgen.mixing_set.lock import locked
from fractalgen.mixing_set.manifest import (
    Manifest,
    read_manifest,
    require_sound,
)
from fractalgen.mixing_set.plan import decide, files_on_disk
from fractalgen.mixing_set.recipe import FamilyRecipe, Recipe
from fractalgen.mixing_set.set_file import DamagedSetError, SetFile, read_set_file
from fractalgen.mixing_set.sources import BytesProgress
from fractalgen.mixing_set.summary import Summary
from fractalgen.mixing_set.work import BuildInterrupted, Site, with_collected

__all__ = ["BuildInterrupted", "build"]


def build(
    recipe: Recipe,
    out: str | Path,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    collected: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    fetching: BytesProgress | None = None,
) -> Summary:
    """Draw the pictures of a recipe that are not in a folder yet.

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
        remove all generated pictures. Only files that the manifest knows are removed.
    collected : mapping of str to str, optional
        Folders within the set and where their pictures are taken from: a folder, a zip archive,
        or an address of one. Takes the place of a family of the same name.
    progress : callable or None
        Called with the number of pictures done and their total.
    fetching : callable or None
        Called with the bytes fetched from the web and their total.

    Returns
    -------
    Summary

    Raises
    ------
    SetError
        If the folder holds another set, is at work, is damaged, or cannot be a set.
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
    make_folder(folder)
    with locked(folder), contextlib.ExitStack() as stack:
        described = _described(folder, overwrite=overwrite)
        manifest = _manifest(folder, described, overwrite=overwrite)
        there = with_collected(described.recipe, manifest.records) if described else None
        if there is None and not manifest.records:
            check_unused(folder, [family.name for family in asked.families])
        decision = decide(there, asked, folder, overwrite=overwrite)
        sources = open_sources(stack, places, folder, fetching)
        names = {family.name for family in decision.recipe.families}
        replaced = decision.replaced
        if there is None:  # a manifest alone: nothing tells what its pictures belong to
            replaced |= {name for name, _ in manifest.records}
        prepare_families(folder, sorted(names | replaced))
        check_no_foreign(there, asked, manifest, files_on_disk(folder, sorted(names)))
        n_before = len(manifest.records)
        if replaced:
            manifest = clear(folder, manifest, replaced)
        site = Site(
            folder,
            decision.recipe,
            dict(manifest.records),
            files_on_disk(folder, sorted(names)),
        )
        summary = complete(site, described, asked, manifest, sources, workers, progress)
        return dataclasses.replace(
            summary,
            seconds=time.monotonic() - began,
            n_removed=n_before - len(manifest.records),
        )


def _described(folder: Path, *, overwrite: bool) -> SetFile | None:
    try:
        return read_set_file(folder)
    except DamagedSetError:
        if overwrite:
            return None
        raise


def _manifest(folder: Path, described: SetFile | None, *, overwrite: bool) -> Manifest:
    manifest = read_manifest(folder)
    if not overwrite:
        require_sound(folder, manifest)
        if described is None and manifest.records:
            raise SetError(
                f"{folder} has a {MANIFEST_FILE} but no {SET_FILE}; "
                "use another folder, or --overwrite to begin anew"
            )
    return manifest
