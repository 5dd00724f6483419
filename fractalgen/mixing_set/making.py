"""Make a set's images: collect, draw, and record one after the other; then put it in order."""

import contextlib
import functools
import hashlib
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fractalgen.families import render
from fractalgen.families.compilation import Compilation, n_compilations
from fractalgen.files.atomic import write_atomically
from fractalgen.images.formats import FORMATS, encode
from fractalgen.mixing_set.collect import collect
from fractalgen.mixing_set.layout import Key, image_file
from fractalgen.mixing_set.manifest import Appender, Manifest, canonical_order, write_manifest
from fractalgen.mixing_set.plan import in_place, plan
from fractalgen.mixing_set.preparation import remove_empty
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.mixing_set.record import Record, params_text
from fractalgen.mixing_set.set_file import Overwriting, SetFile, write_set_file
from fractalgen.mixing_set.sources import Source
from fractalgen.mixing_set.summary import Refusal, Summary, summarize
from fractalgen.pool import OrderedPool, Progress, Stopped, default_workers
from fractalgen.version import __version__

__all__ = ["BuildInterrupted", "UnfinishedSet", "finish"]


class BuildInterrupted(KeyboardInterrupt):
    """A build was told to stop; what is on disk is valid, and the same build goes on from there."""

    def __init__(self, n_done: int, n_total: int) -> None:
        super().__init__(n_done, n_total)
        self.n_done = n_done
        self.n_total = n_total


@dataclass
class UnfinishedSet:
    """A set that is being built.

    Attributes
    ----------
    folder : Path
        Where it is.
    described : SetFile or None
        What its description says.
    recipe : Recipe
        What shall be in it.
    manifest : Manifest
        As it was read; its records are kept up to date.
    on_disk : dict from str to int
        Lengths of the files that are there, less those that are known to be altered.
    n_written : Counter of str
        Images drawn or copied by now, by family.
    refused : list of Refusal
        Of the user's own images.
    overwriting : Overwriting or None
        What is being drawn anew.
    """

    folder: Path
    described: SetFile | None
    recipe: Recipe
    manifest: Manifest
    on_disk: dict[str, int]
    n_written: Counter[str] = field(default_factory=Counter)
    refused: list[Refusal] = field(default_factory=list)
    overwriting: Overwriting | None = None

    def take(self, record: Record, appender: Appender) -> None:
        """Note an image whose file is in place."""
        appender.append(record)
        self.manifest.records[record.key] = record
        self.on_disk[record.file] = record.n_bytes
        self.n_written[record.key[0]] += 1

    def has(self, key: Key) -> bool:
        """Whether an image is on record and in place."""
        record = self.manifest.records.get(key)
        return record is not None and in_place(record, self.recipe, self.on_disk)

    def end_overwriting(self, asked: Recipe) -> None:
        """Forget what was being drawn anew if it is there, now that `asked` is."""
        again = self.overwriting.asked if self.overwriting else asked
        collects = any(family.collected for family in again.families)
        missing = any(True for _ in plan(again, self.manifest.records, self.on_disk))
        if again == asked or not (collects or missing):
            self.overwriting = None

    def describe(self, drawn_with: tuple[str, ...]) -> None:
        """Write set.json unless it says the same already."""
        now = SetFile(self.recipe, drawn_with, self.overwriting)
        if now != self.described:
            write_set_file(self.folder, now)
            self.described = now


def finish(
    unfinished: UnfinishedSet,
    asked: Recipe,
    sources: Mapping[str, Source],
    workers: int | None,
    progress: Progress | None,
    *,
    lost_only: bool = False,
) -> Summary:
    """Write the description, make what is asked for and not in place, put the manifest in order.

    With `lost_only` no images are collected that the set has not had before.

    Raises
    ------
    BuildInterrupted
        At a Ctrl-C.
    OSError
        If something cannot be written. In both cases all images that are done are recorded.
    """
    folder, records, described = (
        unfinished.folder,
        unfinished.manifest.records,
        unfinished.described,
    )
    todo = list(plan(asked, records, unfinished.on_disk))
    notes = []
    drawn_with = described.drawn_with if described and records else (__version__,)
    if todo and __version__ not in drawn_with:
        notes.append(
            f"Begun with fractalgen {', '.join(drawn_with)}, continued with {__version__}: "
            "'fractalgen verify --redraw 100' tells whether both draw alike."
        )
        drawn_with = (*drawn_with, __version__)
    unfinished.describe(drawn_with)
    steps = _Steps(len(todo) + sum(len(source.names()) for source in sources.values()), progress)
    try:
        with Appender(folder, unfinished.manifest) as appender:
            for family, source in sources.items():
                notes += _collect(
                    unfinished, family, source, appender, workers, steps, lost_only=lost_only
                )
            _draw_all(unfinished, asked, todo, appender, workers, steps)
    except KeyboardInterrupt:
        raise BuildInterrupted(steps.done, steps.total) from None
    finally:
        remove_empty(folder, [family.name for family in unfinished.recipe.families])
    write_manifest(folder, canonical_order(records))
    recipe = unfinished.recipe.with_collected(records)
    unfinished.recipe = recipe.without([one.name for one in recipe.families if not one.ranges])
    unfinished.end_overwriting(asked)
    unfinished.describe(drawn_with)
    there = {key: record for key, record in records.items() if unfinished.has(key)}
    return Summary(
        str(folder),
        summarize(asked.with_collected(records), there, unfinished.n_written),
        seconds=0.0,
        n_missing=sum(1 for _ in plan(unfinished.recipe, records, unfinished.on_disk)),
        refused=tuple(unfinished.refused),
        notes=tuple(notes),
    )


class _Steps:
    """Counts images for whoever shows the progress."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.done = -1
        self.total = total
        self._progress = progress
        self.step()

    def step(self) -> None:
        self.done += 1
        if self._progress:
            self._progress(self.done, self.total)


def _collect(
    unfinished: UnfinishedSet,
    family: str,
    source: Source,
    appender: Appender,
    workers: int | None,
    steps: _Steps,
    *,
    lost_only: bool,
) -> list[str]:
    """Collect a family's images, and return what is to be said of them."""
    n_usable = 0
    results = collect(
        source,
        family,
        unfinished.folder,
        unfinished.recipe,
        unfinished.manifest.records,
        unfinished.on_disk,
        workers or default_workers(),
        lost_only=lost_only,
    )
    with contextlib.closing(results):
        for result in results:
            if isinstance(result, Refusal):
                unfinished.refused.append(result)
            else:
                n_usable += 1
                if result is not None:
                    unfinished.take(result, appender)
            steps.step()
    n_others = sum(name == family for name, _ in unfinished.manifest.records) - n_usable
    if lost_only or n_others <= 0:
        return []
    return [f"{family} also has {n_others:,} of an earlier source, which stay."]


def _draw_all(
    unfinished: UnfinishedSet,
    asked: Recipe,
    todo: list[Key],
    appender: Appender,
    workers: int | None,
    steps: _Steps,
) -> None:
    if not todo:
        return
    n_workers = min(workers or default_workers(asked.size), len(todo))
    # What is compiled soonest is drawn first.
    families = sorted({name for name, _ in todo}, key=n_compilations)
    todo = sorted(todo, key=lambda key: families.index(key[0]))
    with (
        Compilation(families, n_workers) as compilation,
        OrderedPool(
            functools.partial(_draw, unfinished.folder, asked, compilation), n_workers
        ) as pool,
    ):
        try:
            for record in pool.map(todo):
                unfinished.take(record, appender)
                steps.step()
        except BaseException:
            for record in pool.stop():
                if unfinished.manifest.records.get(record.key) is not record:
                    with contextlib.suppress(OSError):
                        unfinished.take(record, appender)
                        steps.step()
            raise


def _draw(
    folder: Path, recipe: Recipe, compilation: Compilation, key: Key, stopping: threading.Event
) -> Record:
    """Draw an image, put its file in place and return its record; Stopped if told to stop."""
    compilation.wait_for(key[0])
    if stopping.is_set():
        raise Stopped
    spec = recipe.spec(*key)
    if stopping.is_set():
        raise Stopped
    rgb = render(spec, size=recipe.size)
    data = encode(rgb, recipe.format)
    file = image_file(*key, FORMATS[recipe.format])
    record = Record(
        file,
        recipe.size,
        recipe.size,
        len(data),
        hashlib.sha256(rgb.data).hexdigest(),
        hashlib.sha256(data).hexdigest(),
        recipe.seed,
        spec.attempt,
        params_text(spec.params),
    )
    if stopping.is_set():
        raise Stopped
    write_atomically(folder / file, data)
    return record
