"""Build a set: find what is missing, draw it, record it."""

import contextlib
import dataclasses
import itertools
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from fractalgen.bank.folder import CLASSES_FILE
from fractalgen.errors import ArgumentError, RecipeError, SetError
from fractalgen.files.downloader import Downloader
from fractalgen.files.urls import without_secrets
from fractalgen.mixing_set.building.shard_build import build_shards, repair_shards
from fractalgen.mixing_set.building.summary import BuildInterrupted, FamilySummary, Summary
from fractalgen.mixing_set.checking.findings import Findings
from fractalgen.mixing_set.checking.verify import inspect
from fractalgen.mixing_set.collecting.collect import CollectOptions, collect
from fractalgen.mixing_set.collecting.item import Refusal, Source
from fractalgen.mixing_set.collecting.sources import is_url, open_source
from fractalgen.mixing_set.engines.engine import Engine
from fractalgen.mixing_set.engines.local import LocalEngine
from fractalgen.mixing_set.recipes.family import FamilyRecipe, check_drawable
from fractalgen.mixing_set.recipes.keys import parse_image_file
from fractalgen.mixing_set.recipes.part import WHOLE, Part
from fractalgen.mixing_set.recipes.recipe import WHOLE_SET, Recipe
from fractalgen.mixing_set.stores.class_list import write_class_list
from fractalgen.mixing_set.stores.description import Description, Overwriting
from fractalgen.mixing_set.stores.folder_store import FolderStore, FolderTask
from fractalgen.mixing_set.stores.shard_plan import check_shard_size
from fractalgen.mixing_set.stores.store import is_sharded
from fractalgen.mixing_set.stores.task import Failure
from fractalgen.pool import Progress, check_workers
from fractalgen.registry import first_few, shown
from fractalgen.version import __version__

__all__ = ["Places", "build", "repair"]

Places = Mapping[str, str | Sequence[str]]
"""One or more sources of images by the set's folder to copy them to."""

UNKNOWN_LICENCE = "unknown"


def build(
    recipe: Recipe,
    out: str | Path,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    collected: Places | None = None,
    collecting: CollectOptions | None = None,
    progress: Progress | None = None,
    fetching: Progress | None = None,
    engine: Engine | None = None,
    part: Part | str = WHOLE,
    shards: bool = False,
    shard_size: int | None = None,
) -> Summary:
    """Draw a recipe's images into a folder or into shards, except those that exist already.

    The finished set depends only on the recipe, not on the number of workers or on how often the
    build was interrupted.

    Parameters
    ----------
    recipe : Recipe
        The images to draw. They are added to those of an existing set.
    out : str or Path
        The set's folder, created if necessary; or a URL such as ``s3://bucket/prefix``, for
        shards.
    workers : int or None
        Number of threads; None for one per CPU core.
    overwrite : bool
        Redraw the requested families. If the size, the seed, the format or the colour differs from
        the set's, or only one of the two is a class set, remove all generated images first. No
        other files are removed. After an interruption the same call resumes.
    collected : mapping of str to str or list of str, optional
        Sources of your own images, by the set's folder to copy them to: folders, archives, lists of
        URLs, or URLs. Such a folder replaces a family of the same name.
    collecting : CollectOptions or None
        How to collect them.
    progress : callable or None
        Called with the number of images done and the total.
    fetching : callable or None
        Called with the number of bytes downloaded and the total.
    engine : Engine or None
        Draws the images; None for threads of this process.
    part : Part or str
        Such as ``2/8``: draw only these images or shards, and leave the others to other jobs;
        `merge` joins their sets.
    shards : bool
        Write tar files of WebDataset's layout instead of a file per image. A set at a URL, or one
        that is in shards already, is always in shards.
    shard_size : int or None
        Number of images per shard; implies `shards`. None for the existing set's, or 1,000.

    Returns
    -------
    Summary

    Raises
    ------
    ArgumentError
        If `recipe` is not a Recipe, or `workers` is out of range.
    SetError
        If the folder holds a different set, is in use, is damaged, or cannot hold a set.
    RecipeError
        If the recipe comes from a release that draws different images.
    BuildInterrupted
        On Ctrl-C; the same call resumes.
    OSError
        If a file cannot be written.
    """
    began = time.monotonic()
    workers = check_workers(workers)
    if not isinstance(recipe, Recipe):
        raise ArgumentError(f"recipe must be a Recipe, not {shown(recipe)}")
    if not isinstance(part, Part):
        part = Part.parse(part)
    places = _as_lists(collected)
    requested = recipe.without(places).merged(
        Recipe(families=[FamilyRecipe(name, (), collected=True) for name in places])
    )
    for family in requested.families:
        if not family.collected:
            # Fail before anything is changed if it cannot be drawn.
            getattr(family.family, "prepare", lambda: None)()
    if shard_size is not None:
        check_shard_size(shard_size)
    engine = engine or LocalEngine(workers)
    getattr(engine, "prepare", lambda: None)()
    if shards or shard_size is not None or is_sharded(out):
        if places:
            raise SetError("a set in shards holds drawn images only; collect into a folder")
        return build_shards(
            requested,
            out,
            engine,
            shard_size=shard_size,
            part=part,
            overwrite=overwrite,
            progress=progress,
        )
    store = FolderStore(out)
    store.make_folder()
    with store.locked(), contextlib.ExitStack() as stack:
        store.read(overwrite=overwrite)
        existing = store.recipe
        requested = requested.with_settings_of(existing)
        if existing is None and not store.records:
            store.check_unused(requested.folders())
        overwriting = store.overwriting
        if overwrite:
            again = Overwriting.of(requested, places)
            # The same call was interrupted, and has already removed the images to replace.
            resumes = existing and again == overwriting and not existing.differences(requested)
            overwrite, overwriting = not resumes, again
        joined, replaced = _joined(existing, requested, store, overwrite=overwrite)
        requested = _with_equal_classes(requested, joined)
        store.prepare({*joined.folders()} | replaced)
        options = collecting or CollectOptions()
        sources, unopened = _open_sources(stack, places, store, options, fetching, replaced)
        store.check_nothing_foreign(requested)
        n_removed = store.remove(replaced) if replaced else 0
        work = _Work(store, joined, requested, overwriting, options, workers, progress, part=part)
        work.refused += unopened
        work.run(sources, engine)
        work.notes += _about_too_few(work, recipe, places)
        return work.summary(time.monotonic() - began, n_removed=n_removed)


def repair(
    out: str | Path,
    *,
    workers: int | None = None,
    collected: Places | None = None,
    collecting: CollectOptions | None = None,
    progress: Progress | None = None,
    fetching: Progress | None = None,
    engine: Engine | None = None,
) -> Summary:
    """Redraw the missing, truncated or altered images of a set, and no others.

    Parameters
    ----------
    out : str or Path
        The set's folder or URL. Its own description says which images it should have. Of a set in
        shards, whole shards are redrawn.
    workers, collected, collecting, progress, fetching, engine
        As for `build`; collected images are repaired from their originals.

    Returns
    -------
    Summary
        Its notes list foreign files, which are left alone.

    Raises
    ------
    SetError, BuildInterrupted, OSError
        As for `build`.
    """
    began = time.monotonic()
    workers = check_workers(workers)
    engine = engine or LocalEngine(workers)
    getattr(engine, "prepare", lambda: None)()
    if is_sharded(out):
        if collected:
            raise SetError(f"{out} has no collected images, as no set in shards has")
        return repair_shards(out, engine, progress)
    store = FolderStore.open(out)  # before locking, which would leave a lock file in any folder
    with store.locked(), contextlib.ExitStack() as stack:
        store = FolderStore.open(out)
        recipe = store.recipe or Recipe(families=())
        for name in collected or {}:
            family = recipe.family(name)
            if family is None or not family.collected:
                raise SetError(f"{out} has no collected images in {name}; leave out --repair")
        store.prepare([*recipe.folders()])
        findings = inspect(store, recipe, workers)
        folders = {file.partition("/")[0] for file in findings.broken}
        drawn = [family for family in recipe.families if not family.collected]
        check_drawable(store.name, [one for one in drawn if not folders.isdisjoint(one.folders())])
        store.forget(findings.broken, recipe)
        options = collecting or CollectOptions()
        sources, unopened = _open_sources(stack, _as_lists(collected), store, options, fetching)
        work = _Work(
            store, recipe, recipe, store.overwriting, options, workers, progress, lost_only=True
        )
        work.refused += unopened
        work.run(sources, engine)
        if findings.foreign:
            work.notes.append(f"Left foreign files alone: {first_few(findings.foreign)}.")
        return work.summary(time.monotonic() - began, unrepaired=_unrepaired(work, findings))


def _as_lists(collected: Places | None) -> dict[str, list[str]]:
    return {
        name: [places] if isinstance(places, str) else list(places)
        for name, places in (collected or {}).items()
    }


def _open_sources(
    stack: contextlib.ExitStack,
    places: Mapping[str, Sequence[str]],
    store: FolderStore,
    options: CollectOptions,
    fetching: Progress | None,
    replaced: Collection[str] = (),
) -> tuple[dict[str, list[Source]], list[Refusal]]:
    """Open the sources; a URL that fails is refused if another source of its folder is left."""
    downloader = stack.enter_context(Downloader(options.web))
    sources: dict[str, list[Source]] = {}
    refused = []
    for name, listed in places.items():
        recorded = {
            record.origin.path
            for key, record in store.records.items()
            if key[0] == name and name not in replaced and record.origin
            if store.on_disk.get(record.file) == record.n_bytes
        }
        opened = sources.setdefault(name, [])
        for number, place in enumerate(listed, 1):
            source = open_source(
                place, store.folder, downloader, fetching, options.max_bytes, recorded
            )
            try:
                opened.append(stack.enter_context(source))
            except SetError as error:
                if not is_url(place) or (number == len(listed) and not opened):
                    raise
                refused.append(Refusal(without_secrets(place), str(error)))
    return sources, refused


def _joined(
    existing: Recipe | None, requested: Recipe, store: FolderStore, *, overwrite: bool
) -> tuple[Recipe, set[str]]:
    """Merge the requested recipe with the existing one; return it, and the folders to remove.

    With `overwrite`, the requested families are redrawn. If the size, the seed, the format or the
    colour differs, or only one of the two is a class set, every generated image is removed.
    """
    if existing is None:  # a manifest alone does not say which set its images belong to
        return requested, {name for name, _ in store.records}
    differences = existing.differences(requested)
    if overwrite:
        replaced = {family.name for family in requested.families}
        if any(difference.key in WHOLE_SET for difference in differences):
            replaced |= {family.name for family in existing.families if not family.collected}
        gone = [family for family in existing.families if family.name in replaced]
        folders = {folder for family in gone for folder in family.folders()}
        return requested.merged(existing.without(replaced)), folders | replaced
    if existing.has_classes and all(family.collected for family in requested.families):
        raise SetError(
            f"{store.folder} is a class set, whose folders are its classes; collect into another "
            "folder"
        )
    if differences:
        way_out = "Use another folder, or --overwrite to replace the images."
        for difference in differences:
            if difference.existing == "collected":
                way_out = (
                    f"To keep the collected images, use 'fractalgen build-set' with "
                    f"--{difference.key} as before; or use another folder."
                )
        listed = "; ".join(map(str, differences))
        raise SetError(f"{store.folder} holds a different set: {listed}. {way_out}")
    try:
        return existing.merged(requested), set()
    except RecipeError as error:  # two families with the same classes
        raise SetError(
            f"{store.folder} has other classes: {error}; or use another folder"
        ) from None


def _with_equal_classes(requested: Recipe, joined: Recipe) -> Recipe:
    """Return the request, with all classes and instances that the set of its families then has."""
    if not requested.has_classes:
        return requested
    families = [joined.family(one.name) or one for one in requested.families]
    for family in families:
        family.check_distinct()
    return dataclasses.replace(requested, families=tuple(families))


class _Work:
    """Makes the requested images that are missing, and sums up the result.

    With `lost_only`, only images that the set had before are collected.
    """

    def __init__(
        self,
        store: FolderStore,
        recipe: Recipe,
        requested: Recipe,
        overwriting: Overwriting | None,
        options: CollectOptions,
        workers: int | None,
        progress: Progress | None,
        *,
        part: Part = WHOLE,
        lost_only: bool = False,
    ) -> None:
        self.store = store
        self.recipe = recipe
        self.requested = requested
        self.overwriting = overwriting
        self.notes: list[str] = []
        self.refused: list[Refusal] = []
        self.failed: list[Failure] = []
        self.near_duplicates: list[tuple[str, str]] = []
        self.n_left_out = 0
        self._part = part
        self._options = options
        self._workers = workers
        self._progress = progress
        self._lost_only = lost_only
        self._done = -1
        self._total: int | None = 0

    def run(self, sources: Mapping[str, Sequence[Source]], engine: Engine) -> None:
        """Write the description, make missing images, sort the manifest, update the description."""
        store = self.store
        tasks = store.tasks(self.requested, self._part)
        drawn_with = self._drawn_with(anything=bool(tasks))
        if store.has_class_list and not self.recipe.has_classes:
            store.path(CLASSES_FILE).unlink(missing_ok=True)
        store.describe(Description(self.recipe, drawn_with, self.overwriting))
        if self.recipe.has_classes:
            write_class_list(store.folder, self.recipe)
        self._total = sum(len(task.wanted) for task in tasks)
        for source in itertools.chain.from_iterable(sources.values()):
            known = self._total is not None and source.n_images is not None
            self._total = (self._total or 0) + (source.n_images or 0) if known else None
        self._step()
        try:
            with store.adding():
                for family, opened in sources.items():
                    self._collect(family, opened)
                self._draw(tasks, engine)
        except KeyboardInterrupt:
            raise BuildInterrupted(self._done, self._total) from None
        finally:
            store.remove_empty_folders(self.recipe.folders())
        recipe = self.recipe.with_collected(store.records)
        self.recipe = recipe.without([one.name for one in recipe.families if not one.ranges])
        store.describe(Description(self.recipe, drawn_with, self._unfinished_overwriting()))

    def _drawn_with(self, *, anything: bool) -> tuple[str, ...]:
        described = self.store.description
        if described is None or not self.store.records:
            return (__version__,)
        drawn_with = described.drawn_with
        if not anything or __version__ in drawn_with:
            return drawn_with
        self.notes.append(
            f"Started with fractalgen {', '.join(drawn_with)}, continued with {__version__}: "
            "'fractalgen verify --redraw 100' checks that both draw the same images."
        )
        return (*drawn_with, __version__)

    def _unfinished_overwriting(self) -> Overwriting | None:
        """Return the overwriting in progress; None if it is complete."""
        again = self.overwriting.requested if self.overwriting else self.requested
        collects = any(family.collected for family in again.families)
        unfinished = collects or any(True for _ in self.store.missing(again))
        return self.overwriting if unfinished and again != self.requested else None

    def _collect(self, family: str, sources: Sequence[Source]) -> None:
        n_usable = 0
        results = collect(
            self.store,
            sources,
            family,
            self.recipe,
            self._options,
            self._workers,
            lost_only=self._lost_only,
        )
        with contextlib.closing(results):
            for result in results:
                if isinstance(result, Refusal):
                    self.refused.append(result)
                else:
                    left_out = result.like and result.record is None
                    n_usable += not left_out
                    self.n_left_out += bool(left_out)
                    if result.record is not None:
                        self.store.add(result.record)
                    if result.like:
                        self.near_duplicates.append((result.name, result.like))
                self._step()
        n_others = sum(name == family for name, _ in self.store.records) - n_usable
        if n_others > 0 and not self._lost_only:
            self.notes.append(f"{family} keeps {n_others:,} other images, from an earlier source.")

    def _draw(self, tasks: Sequence[FolderTask], engine: Engine) -> None:
        with contextlib.closing(engine.run(self.requested, tasks)) as results:
            for result in results:
                if isinstance(result, Failure):
                    self.failed.append(result)
                else:
                    self.store.add(result)
                self._step()

    def _step(self) -> None:
        self._done += 1
        if self._progress:
            self._progress(self._done, self._total)

    def summary(
        self, seconds: float, *, n_removed: int = 0, unrepaired: tuple[str, ...] = ()
    ) -> Summary:
        """Count the requested images by family, and add everything else to report."""
        store = self.store
        return Summary(
            str(store.folder),
            tuple(self._family_summaries()),
            seconds,
            n_removed,
            sum(1 for _ in store.missing(self.recipe)),
            tuple(self.refused),
            tuple(self.near_duplicates),
            self.n_left_out,
            self._licences(),
            unrepaired,
            tuple(self.notes),
            tuple(self.failed),
        )

    def _licences(self) -> tuple[tuple[str, int], ...]:
        collected = {family.name for family in self.requested.families if family.collected}
        counts = Counter(
            record.origin.licence or UNKNOWN_LICENCE
            for key, record in self.store.records.items()
            if key[0] in collected and record.origin
        )
        return tuple(counts.most_common())

    def _family_summaries(self) -> Iterator[FamilySummary]:
        for family in self.requested.with_collected(self.store.records).families:
            keys = [
                *(family.image_keys() if family.collected else self._part.of(family.image_keys()))
            ]
            there = (key for key in keys if self.store.has(key, self.recipe))
            records = [self.store.records[key] for key in there]
            attempts = sum(record.attempt or 0 for record in records)
            n_drawn = self.store.n_added[family.name]
            yield FamilySummary(
                family.name,
                len(keys),
                n_drawn,
                len(records) - n_drawn,
                len(records) / attempts if attempts else None,
                sum(record.n_bytes for record in records),
                family.collected,
            )


def _about_too_few(work: _Work, recipe: Recipe, places: Collection[str]) -> Iterator[str]:
    for name in places:
        wanted = recipe.family(name)
        n_there = sum(family == name for family, _ in work.store.records)
        if wanted and n_there < wanted.n:
            yield f"{name} has {n_there:,} images; the recipe requests {wanted.n:,}."


def _unrepaired(work: _Work, findings: Findings) -> tuple[str, ...]:
    """Return the broken collected images that were not repaired."""
    collected = {family.name for family in work.recipe.families if family.collected}
    return tuple(
        file
        for file in findings.broken
        if file.partition("/")[0] in collected
        and not work.store.has(parse_image_file(file), work.recipe)
    )
