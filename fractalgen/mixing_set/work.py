"""The part of a build that takes time: collect, draw, and record one picture after the other."""

import contextlib
import dataclasses
import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fractalgen.mixing_set.collect import collect
from fractalgen.mixing_set.conversion import guarded
from fractalgen.mixing_set.drawing import Drawing, draw
from fractalgen.mixing_set.family_recipe import merge_ranges
from fractalgen.mixing_set.folder import remove_empty
from fractalgen.mixing_set.inspection import Progress
from fractalgen.mixing_set.manifest import Appender, Manifest
from fractalgen.mixing_set.plan import in_place, plan
from fractalgen.mixing_set.pool import OrderedPool, default_workers
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.mixing_set.record import Record
from fractalgen.mixing_set.sources import Source
from fractalgen.mixing_set.summary import Refusal

__all__ = ["BuildInterrupted", "Site", "carry_out", "with_collected"]

_BYTES_PER_PIXEL = 64  # that a picture being drawn takes at most, samples and fields included


class BuildInterrupted(KeyboardInterrupt):
    """A build was told to stop; what is on disk is valid, and the same build goes on from there."""

    def __init__(self, n_done: int, n_total: int) -> None:
        super().__init__(n_done, n_total)
        self.n_done = n_done
        self.n_total = n_total


@dataclass
class Site:
    """A set that is being built.

    Attributes
    ----------
    folder : Path
        Where it is.
    recipe : Recipe
        What shall be in it.
    records : dict from (family, index) to Record
        Its pictures.
    on_disk : dict from str to int
        Lengths of the files that are there, less those that are known to be altered.
    n_written : Counter of str
        Pictures drawn or copied by now, by family.
    refused : list of Refusal
        Of the user's own pictures.
    """

    folder: Path
    recipe: Recipe
    records: dict[tuple[str, int], Record]
    on_disk: dict[str, int]
    n_written: Counter[str] = field(default_factory=Counter)
    refused: list[Refusal] = field(default_factory=list)

    def take(self, record: Record, appender: Appender) -> None:
        """Note a picture whose file is in place."""
        appender.append(record)
        key = record.key
        self.records[key] = record
        self.on_disk[record.file] = record.n_bytes
        self.n_written[key[0]] += 1


class _Steps:
    """Counts pictures for whoever shows the progress."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.done = 0
        self.total = total
        self._progress = progress
        self._tell()

    def step(self) -> None:
        self.done += 1
        self._tell()

    def _tell(self) -> None:
        if self._progress:
            self._progress(self.done, self.total)


def carry_out(
    site: Site,
    asked: Recipe,
    manifest: Manifest,
    sources: Mapping[str, Source],
    workers: int | None,
    progress: Progress | None,
) -> None:
    """Collect and draw what is asked for and not in place.

    Raises
    ------
    BuildInterrupted
        At a Ctrl-C.
    OSError
        If something cannot be written. In both cases all pictures that are done are recorded.
    """
    todo = list(plan(asked, site.records, site.on_disk))
    n_candidates = sum(len(source.names()) for source in sources.values())
    steps = _Steps(len(todo) + n_candidates, progress)
    try:
        with Appender(site.folder, manifest) as appender:
            for family, source in sources.items():
                _collect(site, family, source, appender, workers or default_workers(), steps)
            _draw(site, asked, todo, appender, workers, steps)
    except KeyboardInterrupt:
        raise BuildInterrupted(steps.done, steps.total) from None
    finally:
        remove_empty(site.folder, [family.name for family in site.recipe.families])


def with_collected(recipe: Recipe, records: Mapping[tuple[str, int], Record]) -> Recipe:
    """Return the recipe with the indices of collected pictures that are on record."""
    families = []
    for family in recipe.families:
        if not family.collected:
            families.append(family)
            continue
        singles = [(index, index + 1) for name, index in records if name == family.name]
        ranges = merge_ranges((*family.ranges, *singles))
        families.append(dataclasses.replace(family, ranges=ranges))
    return dataclasses.replace(recipe, families=tuple(families))


def _collect(
    site: Site, family: str, source: Source, appender: Appender, workers: int, steps: _Steps
) -> None:
    sound = {
        record.file
        for record in site.records.values()
        if record.origin and in_place(record, site.recipe, site.on_disk)
    }
    results = collect(source, family, site.folder, site.recipe.format, site.records, sound, workers)
    with guarded(), contextlib.closing(results):
        for result in results:
            if isinstance(result, Refusal):
                site.refused.append(result)
            elif result is not None:
                site.take(result, appender)
            steps.step()


def _draw(
    site: Site,
    asked: Recipe,
    todo: list[tuple[str, int]],
    appender: Appender,
    workers: int | None,
    steps: _Steps,
) -> None:
    if not todo:
        return
    families = {family.name: family.family for family in asked.families if not family.collected}
    drawings = (
        Drawing(families[name], asked.seed, index, asked.size, asked.format) for name, index in todo
    )
    n_workers = workers or default_workers(_BYTES_PER_PIXEL * asked.size**2)
    work = functools.partial(draw, site.folder)
    with OrderedPool(work, min(n_workers, len(todo))) as pool:
        try:
            for record in pool.map(drawings):
                site.take(record, appender)
                steps.step()
        except BaseException:
            for record in pool.stop():
                with contextlib.suppress(OSError):
                    site.take(record, appender)
                    steps.step()
            raise
