"""Make anew the broken images of a set, and nothing else."""

import contextlib
import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path

from fractalgen.errors import SetError, UnknownNameError
from fractalgen.files.lock import locked
from fractalgen.mixing_set.findings import Findings, inspect
from fractalgen.mixing_set.layout import first_few, parse_image_file
from fractalgen.mixing_set.making import UnfinishedSet, finish
from fractalgen.mixing_set.manifest import Manifest, canonical_order, read_manifest, write_manifest
from fractalgen.mixing_set.preparation import files_on_disk, prepare_families
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.mixing_set.set_file import require_set_file
from fractalgen.mixing_set.sources import open_source
from fractalgen.mixing_set.summary import Summary
from fractalgen.pool import Progress, default_workers

__all__ = ["repair"]


def repair(
    out: str | Path,
    *,
    workers: int | None = None,
    collected: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    fetching: Progress | None = None,
) -> Summary:
    """Make anew the images of a set that are missing, truncated or altered, and only those.

    Parameters
    ----------
    out : str or Path
        The set. It says itself what shall be in it.
    workers, collected, progress, fetching
        As for `build`; of collected images the originals are needed.

    Returns
    -------
    Summary
        Its notes name foreign files, which are left alone.

    Raises
    ------
    SetError, BuildInterrupted, OSError
        As for `build`.
    """
    began = time.monotonic()
    folder = Path(out)
    require_set_file(folder)  # a folder that is no set gets no lock file either
    with locked(folder), contextlib.ExitStack() as stack:
        described = require_set_file(folder)
        manifest = read_manifest(folder)
        recipe = described.recipe.with_collected(manifest.records)
        _require_collected(folder, recipe, collected or {})
        prepare_families(folder, [family.name for family in recipe.families])
        findings = inspect(folder, recipe, manifest, workers or default_workers())
        _require_drawable(folder, recipe, findings)
        sources = {
            name: stack.enter_context(open_source(place, folder, fetching))
            for name, place in (collected or {}).items()
        }
        records = {
            key: record
            for key, record in manifest.records.items()
            if (family := recipe.family(key[0])) and key[1] in family
        }
        on_disk = files_on_disk(folder, [family.name for family in recipe.families])
        for file in findings.broken:
            on_disk.pop(file, None)
        length = manifest.sound_bytes
        if manifest.bad_lines:
            length = write_manifest(folder, canonical_order(records))
        manifest = Manifest(records, sound_bytes=length)
        unfinished = UnfinishedSet(
            folder, described, recipe, manifest, on_disk, overwriting=described.overwriting
        )
        summary = finish(unfinished, recipe, sources, workers, progress, lost_only=True)
        return dataclasses.replace(
            summary,
            seconds=time.monotonic() - began,
            unrepaired=_unrepaired(findings, unfinished),
            notes=(*summary.notes, *_about_foreign(findings)),
        )


def _require_collected(folder: Path, recipe: Recipe, collected: Mapping[str, str]) -> None:
    for name in collected:
        family = recipe.family(name)
        if family is None or not family.collected:
            raise SetError(f"{folder} has no collected images in {name}; leave --repair out")


def _require_drawable(folder: Path, recipe: Recipe, findings: Findings) -> None:
    """Raise SetError if images would be drawn anew that this fractalgen draws otherwise."""
    broken = {parse_image_file(file)[0] for file in findings.broken}
    for family in recipe.families:
        if family.name in broken and not family.collected:
            try:
                _ = family.family
            except (ValueError, UnknownNameError) as error:
                raise SetError(
                    f"{folder} cannot be repaired: {error}. Use the fractalgen that drew it, or "
                    "draw the family anew with --overwrite."
                ) from None


def _unrepaired(findings: Findings, unfinished: UnfinishedSet) -> tuple[str, ...]:
    """Return the collected images among the broken ones that are still not in place."""
    collected = {family.name for family in unfinished.recipe.families if family.collected}
    places = ((file, parse_image_file(file)) for file in findings.broken)
    return tuple(file for file, key in places if key[0] in collected and not unfinished.has(key))


def _about_foreign(findings: Findings) -> tuple[str, ...]:
    if not findings.foreign:
        return ()
    return (f"Foreign files are left alone: {first_few(findings.foreign)}.",)
