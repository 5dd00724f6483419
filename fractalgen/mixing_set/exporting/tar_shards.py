"""A set in folders as a set in shards, with its collected images."""

import functools
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fractalgen.bank.shards import index_file, read_shard
from fractalgen.errors import SetError
from fractalgen.files.location import open_location
from fractalgen.images.formats import FORMATS
from fractalgen.mixing_set.exporting.exported import Exported, broken_set
from fractalgen.mixing_set.recipes.keys import Key, image_file
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.description import Description
from fractalgen.mixing_set.stores.folder_set import FolderSet
from fractalgen.mixing_set.stores.record import Record
from fractalgen.mixing_set.stores.shard_plan import PlannedShard, ShardPlan, check_shard_size
from fractalgen.mixing_set.stores.shard_set import ShardSet
from fractalgen.mixing_set.stores.shard_store import ShardStore
from fractalgen.mixing_set.stores.task import Drawn, ShardTask
from fractalgen.pool import OrderedPool, Progress, Stopped, default_workers
from fractalgen.registry import first_few

__all__ = ["TarShards"]


class TarShards:
    """Tar files of WebDataset's layout, as `build` writes them: the result is a set in shards.

    Drawn images come first, so that their shards are, byte for byte, those that `build` writes;
    then the collected ones, whose records have their licence and origin.
    """

    def export(
        self,
        store: FolderSet | ShardSet,
        out: str | Path,
        *,
        copy: bool,
        shard_size: int | None,
        checking: Progress | None,
        progress: Progress | None,
    ) -> Exported:
        """Write the shards, and check each file as it is copied; see `export.export`."""
        if shard_size is not None:
            check_shard_size(shard_size)
        if isinstance(store, ShardSet):
            place = open_location(out)
            same = place.name == store.name
            if place.folder and store.folder:
                same = place.folder.resolve() == store.folder.resolve()
            copying = "" if same else f"; 'fractalgen merge {out} {store.name}' copies it"
            raise SetError(f"{store.name} is a set in shards already{copying}")
        recipe, records = _complete(store)
        target = ShardStore(open_location(out, writing=True), shard_size)
        _check_place(target, store)
        target.make_folder()
        with target.locked():
            target.read_to_add(overwrite=False)
            plan = _planned(target, recipe)
            kept = _kept(target, plan, records)
            target.describe(_described(target, store, recipe, plan))
            target.list_classes()
            n_kept = _write(target, store, recipe, records, kept, progress)
        families = {family.name: family.n for family in recipe.families}
        return Exported(target.name, 0, len(records) - n_kept, n_kept, families)


def _complete(store: FolderSet) -> tuple[Recipe, dict[Key, Record]]:
    """Return the recipe and the records of a set that lacks nothing; SetError for another.

    The contents of the files are checked when they are copied.
    """
    recipe = store.recipe or Recipe(families=())
    recipe = recipe.without([family.name for family in recipe.families if not family.n])
    store.check_folders([*recipe.folders()])
    store.manifest.require_sound()
    store.scan(recipe.folders())
    records, lacking = {}, []
    for key in (key for family in recipe.families for key in family.image_keys()):
        record = store.records.get(key)
        if record and store.has(key, recipe):
            records[key] = record
        else:
            usual = image_file(*key, FORMATS[recipe.format])
            lacking.append(record.file if record else usual)
    if lacking:
        raise broken_set(store, lacking)
    if not records:
        raise SetError(f"{store.name} has no images yet")
    return recipe, records


def _check_place(target: ShardStore, store: FolderSet) -> None:
    """Raise SetError if shards cannot lie there, or other files than those of shards do."""
    folder = target.folder
    if folder is not None:
        places = (folder.resolve(), *folder.resolve().parents)
        if store.folder.resolve() in places:
            raise SetError(f"{target.name} is inside the set; export to another place")
        if any(place.exists() and not place.is_dir() for place in places):
            raise SetError(f"{target.name} is not a folder, or is below a file; use another one")
    target.read_to_add(overwrite=False)
    if target.description is None:
        foreign = [name for name in target.location.sizes() if not name.startswith(".")]
        if folder is not None and folder.exists():
            foreign += [f"{one.name}/" for one in folder.iterdir() if one.is_dir()]
    else:
        foreign = target.foreign()
    if foreign:
        raise SetError(
            f"{target.name} holds other files than the set's: {first_few(sorted(foreign))}; "
            "export to a new place"
        )


def _planned(target: ShardStore, recipe: Recipe) -> ShardPlan:
    """Return which images each shard holds; SetError if another set's shards lie there."""
    if target.description:
        differences = [str(one) for one in target.description.recipe.differences(recipe)]
        for _, images in target.plan.sections:
            family = recipe.family(images.name)
            if family is None or images.without_images(family):
                differences.append(f"it has more images of {images.name}")
        if differences:
            raise SetError(
                f"{target.name} holds a different set: {'; '.join(dict.fromkeys(differences))}. "
                "Export to a new place"
            )
    drawn = recipe.without([family.name for family in recipe.families if family.collected])
    return target.shards_of(drawn, ()).extended(recipe)


def _kept(target: ShardStore, plan: ShardPlan, records: Mapping[Key, Record]) -> set[int]:
    """Return the shards that an earlier export left, whole by their sizes and indexes.

    Others are removed. SetError if they hold other images.
    """
    if target.description is None:
        return set()
    stored, sizes = target.stored(), target.location.sizes()
    kept, broken = set(), []
    for shard in plan:
        if stored.get(shard.number, True):
            if index_file(shard.number) in sizes:  # without its tar file
                broken.append(shard.number)
            continue
        keys = shard.keys()
        try:
            index = read_shard(target.location, shard.number)
        except SetError:
            index = None
        if index is None or index.n_bytes != sizes[shard.file]:
            broken.append(shard.number)
        elif index.lines != tuple(records[key].to_line() for key in keys):
            raise SetError(
                f"{target.name} holds other images than the set, in {shard.file}; export to a new "
                "place"
            )
        else:
            kept.add(shard.number)
    target.remove_shards(broken)
    return kept


def _described(
    target: ShardStore, store: FolderSet, recipe: Recipe, plan: ShardPlan
) -> Description:
    known = [one.drawn_with for one in (target.description, store.description) if one]
    releases = dict.fromkeys(release for some in known for release in some)
    return Description(recipe, tuple(releases), shards=plan)


def _write(
    target: ShardStore,
    store: FolderSet,
    recipe: Recipe,
    records: Mapping[Key, Record],
    kept: set[int],
    progress: Progress | None,
) -> int:
    """Write the shards that are missing; return the number of images that were there."""
    done = n_kept = sum(shard.n for shard in target.plan if shard.number in kept)
    if progress:
        progress(done, len(records))
    write = functools.partial(_write_shard, target, store, recipe, records)
    missing = [shard for shard in target.plan if shard.number not in kept]
    with OrderedPool(write, default_workers(), tasks_ahead=2) as pool:
        for shard, _ in zip(missing, pool.map(missing), strict=True):
            done += shard.n
            if progress:
                progress(done, len(records))
    return n_kept


def _write_shard(
    target: ShardStore,
    store: FolderSet,
    recipe: Recipe,
    records: Mapping[Key, Record],
    shard: PlannedShard,
    stopping: threading.Event,
) -> Sequence[object]:
    keys = shard.keys()

    def images() -> Iterator[Drawn]:
        for key in keys:
            if stopping.is_set():
                raise Stopped
            data, fault = store.read_checked(records[key], recipe)
            if fault:
                raise broken_set(store, [records[key].file])
            yield Drawn(records[key], data)

    return list(ShardTask(target.location, shard).store(images()))
