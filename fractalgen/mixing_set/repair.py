"""Make anew the broken pictures of a set, and nothing else."""

import contextlib
import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path

from fractalgen.mixing_set.completion import complete, open_sources
from fractalgen.mixing_set.folder import prepare_families
from fractalgen.mixing_set.inspection import Findings, Progress, inspect
from fractalgen.mixing_set.layout import SetError, parse_picture_file
from fractalgen.mixing_set.lock import locked
from fractalgen.mixing_set.manifest import Manifest, canonical_order, read_manifest, write_manifest
from fractalgen.mixing_set.plan import files_on_disk
from fractalgen.mixing_set.pool import default_workers
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.mixing_set.set_file import require_set_file
from fractalgen.mixing_set.sources import BytesProgress
from fractalgen.mixing_set.summary import Summary
from fractalgen.mixing_set.work import Site, with_collected

__all__ = ["repair"]


def repair(
    out: str | Path,
    *,
    workers: int | None = None,
    collected: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    fetching: BytesProgress | None = None,
) -> Summary:
    """Make anew the pictures of a set that are missing, truncated or altered, and only those.

    Parameters
    ----------
    out : str or Path
        The set. It says itself what shall be in it.
    workers, collected, progress, fetching
        As for `build`; of collected pictures the originals are needed.

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
    described = require_set_file(folder)
    with locked(folder), contextlib.ExitStack() as stack:
        described = require_set_file(folder)
        manifest = read_manifest(folder)
        recipe = with_collected(described.recipe, manifest.records)
        _require_collected(folder, recipe, collected or {})
        prepare_families(folder, [family.name for family in recipe.families])
        findings = inspect(folder, recipe, manifest, workers or default_workers())
        sources = open_sources(stack, dict(collected or {}), folder, fetching)
        records = {
            key: record
            for key, record in manifest.records.items()
            if (family := recipe.family(key[0])) and key[1] in family
        }
        on_disk = files_on_disk(folder, [family.name for family in recipe.families])
        for file in findings.broken:
            on_disk.pop(file, None)
        site = Site(folder, recipe, records, on_disk)
        if manifest.bad_lines:
            length = write_manifest(folder, canonical_order(records))
            manifest = Manifest(records, sound_bytes=length)
        summary = complete(site, described, recipe, manifest, sources, workers, progress)
        return dataclasses.replace(
            summary,
            seconds=time.monotonic() - began,
            unrepaired=_unrepaired(findings, site),
            notes=(*summary.notes, *_about_foreign(findings)),
        )


def _require_collected(folder: Path, recipe: Recipe, collected: Mapping[str, str]) -> None:
    for name in collected:
        family = recipe.family(name)
        if family is None or not family.collected:
            raise SetError(f"{folder} has no collected pictures in {name}; leave --repair out")


def _unrepaired(findings: Findings, site: Site) -> tuple[str, ...]:
    """Return the collected pictures among the broken ones that are still not in place."""
    collected = {family.name for family in site.recipe.families if family.collected}
    return tuple(
        file
        for file in findings.broken
        if parse_picture_file(file)[0] in collected and file not in site.on_disk
    )


def _about_foreign(findings: Findings) -> tuple[str, ...]:
    if not findings.foreign:
        return ()
    listed = ", ".join(findings.foreign[:5])
    more = f" and {len(findings.foreign) - 5:,} more" if len(findings.foreign) > 5 else ""
    return (f"Foreign files are left alone: {listed}{more}.",)
