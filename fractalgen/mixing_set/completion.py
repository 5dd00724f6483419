"""Describe a set, carry out what is asked, and leave its files in their final order."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from fractalgen.mixing_set.inspection import Progress
from fractalgen.mixing_set.manifest import Manifest, canonical_order, write_manifest
from fractalgen.mixing_set.plan import plan
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.mixing_set.set_file import SetFile, write_set_file
from fractalgen.mixing_set.sources import BytesProgress, Source, open_source
from fractalgen.mixing_set.summary import Summary, summarize
from fractalgen.mixing_set.work import Site, carry_out, with_collected
from fractalgen.version import __version__

__all__ = ["complete", "open_sources"]


def open_sources(
    stack: contextlib.ExitStack,
    places: Mapping[str, str],
    folder: Path,
    fetching: BytesProgress | None,
) -> dict[str, Source]:
    """Open each place that pictures are collected from, until the stack is left."""
    return {
        name: stack.enter_context(open_source(place, folder, fetching))
        for name, place in places.items()
    }


def complete(
    site: Site,
    described: SetFile | None,
    asked: Recipe,
    manifest: Manifest,
    sources: Mapping[str, Source],
    workers: int | None,
    progress: Progress | None,
) -> Summary:
    """Write the description, do the work, put the manifest in order."""
    notes = []
    kept_any = bool(site.records) and described is not None
    drawn_with = described.drawn_with if described and kept_any else (__version__,)
    if __version__ not in drawn_with and any(plan(asked, site.records, site.on_disk)):
        notes.append(
            f"Begun with fractalgen {', '.join(drawn_with)}, continued with {__version__}: "
            "'fractalgen verify --redraw 100' tells whether both draw alike."
        )
        drawn_with = (*drawn_with, __version__)
    described = _describe(site, described, drawn_with)
    carry_out(site, asked, manifest, sources, workers, progress)
    write_manifest(site.folder, canonical_order(site.records))
    site.recipe = with_collected(site.recipe, site.records)
    empty = {family.name for family in site.recipe.families if not family.ranges}
    site.recipe = site.recipe.without(empty)
    _describe(site, described, drawn_with)
    return Summary(
        str(site.folder),
        summarize(asked, site.records.values(), site.n_written),
        seconds=0.0,
        n_missing=sum(1 for _ in plan(site.recipe, site.records, site.on_disk)),
        refused=tuple(site.refused),
        notes=tuple(notes),
    )


def _describe(site: Site, described: SetFile | None, drawn_with: tuple[str, ...]) -> SetFile:
    """Write set.json unless it says the same already; return what it says."""
    now = SetFile(site.recipe, drawn_with)
    if now != described:
        write_set_file(site.folder, now)
    return now
