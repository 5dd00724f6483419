"""Build a set in shards: plan them, draw those that are missing."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

from fractalgen.bank.folder import MANIFEST_FILE, SET_FILE
from fractalgen.bank.shards import complete_shards, shard_file
from fractalgen.errors import DamagedSetError, RecipeError, SetError
from fractalgen.files.location import open_location
from fractalgen.mixing_set.building.summary import BuildInterrupted, FamilySummary, Summary
from fractalgen.mixing_set.checking.shard_check import check_shards
from fractalgen.mixing_set.engines.engine import Engine
from fractalgen.mixing_set.recipes.family import check_drawable
from fractalgen.mixing_set.recipes.part import WHOLE, Part
from fractalgen.mixing_set.recipes.recipe import WHOLE_SET, Recipe
from fractalgen.mixing_set.stores.description import Description, Overwriting
from fractalgen.mixing_set.stores.shard_plan import DEFAULT_SHARD_SIZE, ShardPlan
from fractalgen.mixing_set.stores.shard_store import ShardStore, ShardTask, StoredShard
from fractalgen.mixing_set.stores.task import Failure
from fractalgen.pool import Progress
from fractalgen.registry import first_few
from fractalgen.version import __version__

__all__ = ["build_shards", "repair_shards"]


def build_shards(
    recipe: Recipe,
    out: str | Path,
    engine: Engine,
    *,
    shard_size: int | None,
    part: Part,
    overwrite: bool,
    progress: Progress | None,
) -> Summary:
    """Draw a recipe's images in shards, except those that exist already; see `build`."""
    began = time.monotonic()
    store = ShardStore(open_location(out, writing=True))
    with store.locked():
        try:
            store.read()
        except DamagedSetError:
            if not overwrite:
                raise
        description, n_removed = _planned(store, recipe, shard_size, overwrite=overwrite)
        store.describe(description)
        store.remove_truncated()
        requested = {family.name for family in recipe.families}
        work = _Work(store, requested, part, progress)
        work.run(engine)
        work.finish()
        return work.summary(time.monotonic() - began, n_removed)


def repair_shards(out: str | Path, engine: Engine, progress: Progress | None) -> Summary:
    """Redraw the shards of a set that are missing, short, truncated or altered; see `repair`."""
    began = time.monotonic()
    with ShardStore.open(out).locked():
        store = ShardStore.open(out)
        checked = list(check_shards(store))
        broken = [one for one in checked if not one.is_sound]
        check_drawable(store.name, [one.shard.images for one in broken])
        store.remove(one.shard.number for one in broken if one.fault)
        description = store.description
        assert description is not None
        if store.fault_of_class_list():
            store.describe_classes(description.recipe)
        if broken:
            store.describe(_drawn_with_this(description))
        work = _Work(store, {one.name for one in description.recipe.families}, WHOLE, progress)
        work.run(engine)
        work.finish()
        foreign = store.foreign()
        notes = (f"Left foreign files alone: {first_few(foreign)}.",) if foreign else ()
        return dataclasses.replace(work.summary(time.monotonic() - began, 0), notes=notes)


def _drawn_with_this(description: Description) -> Description:
    if __version__ in description.drawn_with:
        return description
    return dataclasses.replace(description, drawn_with=(*description.drawn_with, __version__))


def _planned(
    store: ShardStore, recipe: Recipe, shard_size: int | None, *, overwrite: bool
) -> tuple[Description, int]:
    """Plan the shards; return the description, and the number of images removed.

    Raises
    ------
    SetError
        If another set lies there.
    """
    described = store.description
    if described is None:
        _clear_unused(store, overwrite=overwrite)
        requested = recipe.with_settings_of(None)
        plan = ShardPlan(shard_size or DEFAULT_SHARD_SIZE).extended(requested)
        return Description(requested, shards=plan), 0
    if described.shards is None:
        raise SetError(
            f"{store.location.name} is a set in folders, not in shards; use another folder"
        )
    existing, plan = described.recipe, described.shards
    requested = recipe.with_settings_of(existing)
    if shard_size not in (None, plan.size):
        raise SetError(
            f"{store.location.name} has {plan.size:,} images per shard, not {shard_size:,}; leave "
            "out --shard-size, or use another folder"
        )
    differences = existing.differences(requested)
    overwriting, n_removed = described.overwriting, 0
    again = Overwriting.of(requested, {})
    if overwrite and (differences or again != overwriting):  # else the same call was interrupted
        overwriting = again
        replaced = {family.name for family in requested.families}
        if any(difference.key in WHOLE_SET for difference in differences):
            replaced |= {family.name for family in existing.families}
        stored, names = store.stored(), store.location.sizes()
        gone = [shard for shard in plan if shard.family in replaced]
        # A tar file without an index, which a killed build left, goes too.
        store.remove(shard.number for shard in gone if shard.file in names)
        n_removed = sum(shard.n for shard in gone if shard.number in stored)
        existing, plan = existing.without(replaced), plan.without(replaced)
        joined = requested.merged(existing)
    elif differences:
        listed = "; ".join(map(str, differences))
        raise SetError(
            f"{store.location.name} holds a different set: {listed}. Use another folder, or "
            "--overwrite to replace the images."
        )
    else:
        try:
            joined = existing.merged(requested)
        except RecipeError as error:  # two families with the same classes
            raise SetError(
                f"{store.location.name} has other classes: {error}; or use another folder"
            ) from None
    for family in joined.families:
        family.check_distinct()
    planned = Description(joined, described.drawn_with, overwriting, plan.extended(joined))
    return _drawn_with_this(planned), n_removed


def _clear_unused(store: ShardStore, *, overwrite: bool) -> None:
    """Remove shards that no description mentions; SetError unless `overwrite`."""
    names = store.location.sizes()
    if MANIFEST_FILE in names:
        raise SetError(
            f"{store.location.name} has a {MANIFEST_FILE}, so it is not a set in shards; use "
            "another folder"
        )
    if any(name.startswith("shard-") for name in names):
        if not overwrite:
            raise SetError(
                f"{store.location.name} has shards but no {SET_FILE}; use another folder, or "
                "--overwrite to start over"
            )
        store.remove_all()


class _Work:
    """Draws the requested shards that are missing, and sums up the result."""

    def __init__(
        self, store: ShardStore, requested: set[str], part: Part, progress: Progress | None
    ) -> None:
        self._store = store
        self._progress = progress
        self._planned = [shard for shard in part.of(store.plan) if shard.family in requested]
        self._tasks: list[ShardTask] = store.tasks(requested, part)
        self._failed: list[Failure] = []
        self._drawn: list[StoredShard] = []
        self._n_done = 0
        self._n_total = sum(task.shard.n for task in self._tasks)

    def run(self, engine: Engine) -> None:
        recipe = self._store.recipe
        assert recipe is not None
        self._on_drawn(0)
        try:
            with contextlib.closing(engine.run(recipe, self._tasks, self._on_drawn)) as results:
                for result in results:
                    if isinstance(result, Failure):
                        self._failed.append(result)
                    else:
                        self._drawn.append(result)
        except KeyboardInterrupt:
            n_stored = sum(shard.n_images for shard in self._drawn)
            raise BuildInterrupted(n_stored, self._n_total) from None

    def finish(self) -> None:
        """Note in the description that an overwriting is complete, if it is."""
        description = self._store.description
        if description and description.overwriting and self._store.n_missing() == 0:
            self._store.describe(dataclasses.replace(description, overwriting=None))

    def _on_drawn(self, n: int) -> None:
        self._n_done += n
        if self._progress:
            self._progress(self._n_done, self._n_total)

    def summary(self, seconds: float, n_removed: int) -> Summary:
        """Count the requested images by family."""
        sizes = self._store.location.sizes()
        complete = {number for number, short in complete_shards(sizes).items() if not short}
        return Summary(
            self._store.location.name,
            tuple(self._family_summaries(sizes, complete)),
            seconds,
            n_removed,
            self._store.n_missing(),
            failed=tuple(self._failed),
        )

    def _family_summaries(
        self, sizes: dict[str, int], complete: set[int]
    ) -> Iterator[FamilySummary]:
        kept = complete - {shard.number for shard in self._drawn}  # or drawn by another build
        for name in dict.fromkeys(shard.family for shard in self._planned):
            own = [shard for shard in self._planned if shard.family == name]
            drawn = [shard for shard in self._drawn if shard.family == name]
            n_drawn = sum(shard.n_images for shard in drawn)
            n_attempts = sum(shard.n_attempts for shard in drawn)
            yield FamilySummary(
                name,
                sum(shard.n for shard in own),
                n_drawn,
                sum(shard.n for shard in own if shard.number in kept),
                n_drawn / n_attempts if n_attempts else None,
                sum(sizes.get(shard_file(shard.number), 0) for shard in own),
                collected=False,
            )
