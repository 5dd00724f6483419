"""Build or repair a set: find what is missing, draw it, record it."""

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from fractalgen.errors import ArgumentError, SetError, UnknownNameError
from fractalgen.files.location import open_location
from fractalgen.mixing_set.building.plan import Plan
from fractalgen.mixing_set.building.summary import Summary
from fractalgen.mixing_set.building.work import Work
from fractalgen.mixing_set.checking.verify import inspect
from fractalgen.mixing_set.collecting.collect import CollectOptions
from fractalgen.mixing_set.collecting.collector import Collector
from fractalgen.mixing_set.engines.choice import chosen_engine
from fractalgen.mixing_set.engines.engine import Engine
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.part import WHOLE, Part
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.folder_store import FolderStore
from fractalgen.mixing_set.stores.open_set import is_sharded
from fractalgen.mixing_set.stores.shard_plan import check_shard_size
from fractalgen.mixing_set.stores.shard_store import ShardStore
from fractalgen.pool import Progress, check_workers
from fractalgen.registry import first_few, shown

__all__ = ["Places", "build", "repair"]

Places = Mapping[str, str | Sequence[str]]
"""One or more sources of images by the set's folder to copy them to."""


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
    engine: Engine | str | None = None,
    address: str | None = None,
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
        Number of threads, or of CPUs if Ray is started on this machine; None for one per CPU core.
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
    engine : str, Engine or None
        What draws the images: ``local`` or None for threads of this process, or ``ray`` for a Ray
        cluster.
    address : str or None
        The Ray cluster's ``HOST:PORT``, or ``auto`` for the one that this machine belongs to; None
        to start Ray on this machine, and stop it afterwards.
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
        If `recipe` is not a Recipe, `out` is neither a path nor a URL, `workers` is out of range,
        or there is no such engine.
    MissingPackageError
        If Ray is chosen and not installed.
    SetError
        If the folder holds a different set, is in use, is damaged, or cannot hold a set; or if no
        Ray cluster answers.
    RecipeError
        If the recipe comes from a release that draws different images.
    BuildInterrupted
        On Ctrl-C; the same call resumes.
    OSError
        If a file cannot be written.
    """
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
    drawing = chosen_engine(engine, workers, address)
    getattr(drawing, "prepare", lambda: None)()
    store: FolderStore | ShardStore
    if shards or shard_size is not None or is_sharded(out):
        if places:
            raise SetError(
                "images are collected into folders, not into shards; 'fractalgen export --layout "
                "webdataset' then makes shards of the set"
            )
        store = ShardStore(open_location(out, writing=True), shard_size)
    else:
        store = FolderStore(out)
    store.make_folder()
    with store.locked(), contextlib.ExitStack() as stack:
        store.read_to_add(overwrite=overwrite)
        plan = Plan.to_add(store, requested, places, part, overwrite=overwrite)
        store.make_ready(plan.recipe, plan.requested, plan.replaced)
        collector = None
        if isinstance(store, FolderStore):
            collector = Collector(store, collecting or CollectOptions(), workers)
            stack.enter_context(collector.opened(places, fetching, plan.replaced))
        n_removed = store.remove(plan.replaced) if plan.replaced else 0
        work = Work(store, plan, collector, part, progress)
        work.run(drawing)
        if collector:
            collector.note_what_lacks(recipe)
        return work.summary(n_removed)


def repair(
    out: str | Path,
    *,
    workers: int | None = None,
    collected: Places | None = None,
    collecting: CollectOptions | None = None,
    progress: Progress | None = None,
    fetching: Progress | None = None,
    engine: Engine | str | None = None,
    address: str | None = None,
) -> Summary:
    """Redraw the missing, truncated or altered images of a set, and no others.

    Of a part of a set, the images of other parts are not drawn.

    Parameters
    ----------
    out : str or Path
        The set's folder or URL. Its own description says which images it should have. Of a set in
        shards, whole shards are redrawn.
    workers, collected, collecting, progress, fetching, engine, address
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
    workers = check_workers(workers)
    drawing = chosen_engine(engine, workers, address)
    getattr(drawing, "prepare", lambda: None)()
    places = _as_lists(collected)
    if places and is_sharded(out):
        raise SetError(
            f"{out} is in shards, and images are collected into folders; repair the set in "
            "folders, and export it again"
        )
    # Opened before it is locked, which would leave a lock file in any folder.
    kind: type[FolderStore] | type[ShardStore] = ShardStore if is_sharded(out) else FolderStore
    with kind.open(out).locked(), contextlib.ExitStack() as stack:
        store = kind.open(out)
        assert store.description is not None
        plan = Plan.to_repair(store.description, store.recipe or store.description.recipe)
        for name in places:
            family = plan.recipe.family(name)
            if family is None or not family.collected:
                raise SetError(f"{out} has no collected images in {name}; leave out --repair")
        findings = inspect(store, workers)
        _check_drawable(store.name, store.parts_of(findings.broken))
        store.make_ready(plan.recipe)
        store.forget(findings.broken)
        collector = None
        if isinstance(store, FolderStore):
            options = collecting or CollectOptions()
            collector = Collector(store, options, workers, lost_only=True)
            stack.enter_context(collector.opened(places, fetching))
        work = Work(store, plan, collector, plan.description.part, progress)
        work.run(drawing)
        if findings.foreign:
            work.notes.append(f"Left foreign files alone: {first_few(findings.foreign)}.")
        summary = work.summary()
        if isinstance(store, ShardStore):
            shards = store.collected_among(findings.broken)
            return dataclasses.replace(summary, unrepaired_shards=shards)
        images = collector.unrepaired(findings.broken) if collector else ()
        return dataclasses.replace(summary, unrepaired=images)


def _as_lists(collected: Places | None) -> dict[str, list[str]]:
    return {
        name: [places] if isinstance(places, str) else list(places)
        for name, places in (collected or {}).items()
    }


def _check_drawable(place: str, families: Iterable[FamilyRecipe]) -> None:
    """Raise SetError if this release would redraw the images of a family in a set differently."""
    for family in families:
        try:
            _ = family.family
        except (ValueError, UnknownNameError) as error:  # noqa: PERF203 - there are few
            raise SetError(
                f"{place} cannot be repaired: {error}. Use the fractalgen that drew it, or redraw "
                "the family with --overwrite."
            ) from None
