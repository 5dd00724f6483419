"""Join the parts of a set that jobs drew without knowing of each other."""

import dataclasses
import functools
import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from fractalgen.bank.shards import complete_shards, index_file, read_shard
from fractalgen.errors import ArgumentError, SetError
from fractalgen.files.location import Location, open_location
from fractalgen.mixing_set.class_list import write_class_list
from fractalgen.mixing_set.description import Description
from fractalgen.mixing_set.family_recipe import FamilyRecipe
from fractalgen.mixing_set.item import Refusal
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.mixing_set.record import Record
from fractalgen.mixing_set.shard_check import check_shard
from fractalgen.mixing_set.shard_plan import PlannedShard
from fractalgen.mixing_set.shard_store import ShardStore
from fractalgen.mixing_set.store import Store
from fractalgen.mixing_set.stored_set import open_set
from fractalgen.mixing_set.summary import BuildInterrupted
from fractalgen.pool import OrderedPool, Progress, default_workers

__all__ = ["Merged", "merge"]

_HASH_ENDS = 256  # bytes; an index begins with the hash of its tar file


@dataclass(frozen=True)
class Merged:
    """A finished merge.

    Attributes
    ----------
    folder : str
        The joined set's folder or URL.
    n_copied, n_kept, n_missing : int
        Images that this merge copied, that were there before, and that no part has.
    damaged : tuple of Refusal
        Files of parts that were not copied because they are damaged, and the fault, as `Findings`
        calls it.
    differing : tuple of str
        Files of parts that differ from those of the same name in the joined set, which were kept.
    """

    folder: str
    n_copied: int
    n_kept: int
    n_missing: int
    damaged: tuple[Refusal, ...] = ()
    differing: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the joined set is complete, and nothing was damaged or differs."""
        return not (self.n_missing or self.damaged or self.differing)

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return {
            "folder": self.folder,
            "ok": self.ok,
            "images": self.n_copied + self.n_kept,
            "copied": self.n_copied,
            "kept": self.n_kept,
            "missing": self.n_missing,
            "damaged": [{"path": one.path, "reason": one.reason} for one in self.damaged],
            "differing": list(self.differing),
        }


def merge(
    out: str | Path, parts: Iterable[str | Path], *, progress: Progress | None = None
) -> Merged:
    """Join sets of the same recipe, such as those that `build` drew with `part`.

    The joined set is the one that a single build writes. Every image is checked against its hash
    while it is copied. The same call continues after an interruption.

    Parameters
    ----------
    out : str or Path
        The joined set: a new folder, one with some of its images, or, for shards, a URL.
    parts : iterable of str or Path
        The folders or URLs of the sets. Nothing in them changes.
    progress : callable or None
        Called with the number of images done and the total.

    Returns
    -------
    Merged

    Raises
    ------
    ArgumentError
        If there are no parts.
    SetError
        If a part is not a set or belongs to another one, or if `out` does, is among the parts or is
        in use.
    BuildInterrupted
        On Ctrl-C; the same call resumes.
    OSError
        If a file cannot be read or written.
    """
    places = [parts] if isinstance(parts, str | Path) else list(parts)
    if not places:
        raise ArgumentError("a merge needs at least one part")
    stores = [_open(place) for place in places]
    for store in stores[1:]:
        _check_alike(stores[0], store)
    target = open_location(out)
    for store in stores:
        _check_apart(target, store)
    folders = [store for store in stores if isinstance(store, Store)]
    if not folders:
        shards = [store for store in stores if isinstance(store, ShardStore)]
        return _merge_shards(ShardStore(open_location(out, writing=True)), shards, progress)
    if target.folder is None:
        raise SetError(
            f"{stores[0].name} is a set in folders, and a URL such as {target.name} can only hold "
            "shards; merge into a folder"
        )
    return _merge_folders(Store(target.folder), folders, progress)


def _open(place: str | Path) -> Store | ShardStore:
    store = open_set(open_location(place).folder or place)
    if isinstance(store, Store):
        store.check_folders([*_described(store).recipe.folders()])
    return store


def _described(store: Store | ShardStore) -> Description:
    assert store.description is not None
    return store.description


def _check_apart(target: Location, part: Store | ShardStore) -> None:
    """Raise SetError if the joined set would lie in a part, or a part in it."""
    same, nested = target.name.rstrip("/") == part.name.rstrip("/"), False
    if target.folder and part.folder:
        mine, theirs = target.folder.resolve(), part.folder.resolve()
        same, nested = mine == theirs, mine in theirs.parents or theirs in mine.parents
    if same:
        raise SetError(f"{target.name} is one of the parts; merge into another place")
    if nested:
        raise SetError(f"{target.name} and {part.name} lie in each other; merge into another place")


def _check_alike(one: Store | ShardStore, other: Store | ShardStore) -> None:
    """Raise SetError, which names what differs, unless two sets have the same description."""
    differences = list(_differences(one, other))
    if differences:
        raise SetError(
            f"{one.name} and {other.name} are parts of different sets: {'; '.join(differences)}"
        )


def _differences(one: Store | ShardStore, other: Store | ShardStore) -> Iterator[str]:
    mine, theirs = _described(one), _described(other)

    def difference(what: str, here: Any, there: Any) -> str:
        return f"{what} {here} in {one.name} and {there} in {other.name}"

    if (mine.shards is None) != (theirs.shards is None):
        yield difference("the images lie in", *map(_kind, (mine, theirs)))
    for found in mine.recipe.differences(theirs.recipe):
        values = json.dumps(found.existing), json.dumps(found.requested)
        yield difference(f"{found.key} is", *values)
    recipes = mine.recipe, theirs.recipe
    for name in dict.fromkeys(family.name for recipe in recipes for family in recipe.families):
        families = [recipe.family(name) for recipe in recipes]
        images = [family and (family.classes, family.ranges) for family in families]
        if images[0] != images[1]:
            counts = [f"{family.n:,} images" if family else "no images" for family in families]
            if counts[0] == counts[1]:
                counts = [_numbers(family) for family in families if family]
            yield difference(f"{name} has", *counts)
    if mine.shards and theirs.shards and mine.shards != theirs.shards:
        if mine.shards.size != theirs.shards.size:
            yield difference("the images per shard are", mine.shards.size, theirs.shards.size)
        elif mine.recipe == theirs.recipe:
            yield "they have grown in another order, so that their shards hold different images"


def _kind(description: Description) -> str:
    return "folders" if description.shards is None else "shards"


def _numbers(family: FamilyRecipe) -> str:
    """Return the numbers of a family's classes and images, such as ``images 0-99, 200-299``."""
    pairs = {"images": family.ranges, "classes": family.classes}
    texts = {
        what: ", ".join(f"{start}-{stop - 1}" for start, stop in ranges)
        for what, ranges in pairs.items()
    }
    return " of ".join(f"{what} {text}" for what, text in texts.items() if text)


def _joined_description(
    existing: Description | None, parts: Sequence[Store | ShardStore]
) -> Description:
    described: list[Description] = [*([existing] if existing else ()), *map(_described, parts)]
    releases = dict.fromkeys(release for one in described for release in one.drawn_with)
    overwriting = existing.overwriting if existing else None
    return dataclasses.replace(described[-1], drawn_with=tuple(releases), overwriting=overwriting)


@dataclass
class _Problems:
    damaged: list[Refusal] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)

    def add(self, other: "_Problems") -> None:
        self.damaged += other.damaged
        self.differing += other.differing


# Sets in folders

_Candidates = list[tuple[Store, Record]]


def _merge_folders(out: Store, parts: Sequence[Store], progress: Progress | None) -> Merged:
    recipe = _described(parts[0]).recipe
    out.make_folder()
    with out.locked():
        out.read(overwrite=False)
        if out.description:
            _check_alike(out, parts[0])
        else:
            out.check_unused(recipe.folders())
        out.prepare([*recipe.folders()])
        out.check_nothing_foreign(recipe)
        out.describe(_joined_description(out.description, parts))
        if recipe.has_classes:
            write_class_list(out.folder, recipe)
        problems = _Problems()
        for part in parts:
            for number, reason in part.manifest.bad_lines:
                problems.damaged.append(Refusal(f"{part.manifest.path}, line {number}", reason))
        planned = [key for family in recipe.families for key in family.image_keys()]
        wanted: list[_Candidates] = []
        n_kept = 0
        for key in planned:
            offered = [(part, part.records[key]) for part in parts if key in part.records]
            if out.has(key, recipe):
                n_kept += 1
                problems.differing += _unlike(out.records[key], offered)
            elif offered:
                wanted.append(offered)
        n_copied = _copy_images(out, recipe, wanted, problems, progress)
        n_missing = len(planned) - n_kept - n_copied
        if not n_missing:
            out.describe(dataclasses.replace(_described(out), overwriting=None))
    return Merged(
        out.name, n_copied, n_kept, n_missing, tuple(problems.damaged), tuple(problems.differing)
    )


def _unlike(record: Record, offered: _Candidates) -> list[str]:
    return [str(part.path(other.file)) for part, other in offered if other != record]


def _copy_images(
    out: Store,
    recipe: Recipe,
    wanted: Sequence[_Candidates],
    problems: _Problems,
    progress: Progress | None,
) -> int:
    """Copy an undamaged file of each image, and record it; return the number of images."""
    copy = functools.partial(_copy_image, out, recipe)
    n_copied = 0
    try:
        with out.adding(), OrderedPool(copy, default_workers()) as pool:
            results = zip(wanted, pool.map(wanted), strict=True)
            for done, (offered, (copied, damaged)) in enumerate(results, 1):
                problems.damaged += damaged
                if copied is not None:
                    out.add(copied)
                    n_copied += 1
                    sound = offered[len(damaged) :]
                    problems.differing += _unlike(copied, sound)
                if progress:
                    progress(done, len(wanted))
    except KeyboardInterrupt:
        raise BuildInterrupted(n_copied, len(wanted)) from None
    finally:
        out.remove_empty_folders(recipe.folders())
    return n_copied


def _copy_image(
    out: Store, recipe: Recipe, offered: _Candidates, _: threading.Event
) -> tuple[Record | None, list[Refusal]]:
    """Copy the first undamaged file; return its record, and those that are damaged."""
    damaged: list[Refusal] = []
    for part, record in offered:
        data, fault = part.read_checked(record, recipe)
        if not fault:
            out.write(record.file, data)
            return record, damaged
        damaged.append(Refusal(str(part.path(record.file)), fault))
    return None, damaged


# Sets in shards


class _Offer(NamedTuple):
    part: ShardStore
    n_bytes: int
    short: bool


class _DamagedShardError(Exception):
    """A shard cannot be copied; the text is the fault."""


def _merge_shards(
    out: ShardStore, parts: Sequence[ShardStore], progress: Progress | None
) -> Merged:
    with out.locked():
        out.read()
        if out.description:
            _check_alike(out, parts[0])
        elif any(not name.startswith(".") for name in out.location.sizes()):
            raise SetError(f"{out.name} has files that belong to no set; merge into another place")
        out.describe(_joined_description(out.description, parts))
        n_kept = _n_images(out)
        stored = out.stored()
        sizes = [part.location.sizes() for part in parts]
        complete = [complete_shards(one) for one in sizes]
        tasks = []
        for shard in out.plan:
            offers = [
                _Offer(part, of[shard.file], there[shard.number])
                for part, of, there in zip(parts, sizes, complete, strict=True)
                if shard.number in there
            ]
            if offers:
                offers.sort(key=lambda offer: offer.short)
                tasks.append((shard, stored.get(shard.number), offers))
        problems = _Problems()
        total, done = sum(shard.n for shard, _, _ in tasks), 0
        join = functools.partial(_join_shard, out)
        try:
            with OrderedPool(join, default_workers(), tasks_ahead=2) as pool:
                for (shard, _, _), found in zip(tasks, pool.map(tasks), strict=True):
                    problems.add(found)
                    done += shard.n
                    if progress:
                        progress(done, total)
        except KeyboardInterrupt:
            raise BuildInterrupted(done, total) from None
        n_images = _n_images(out)
        n_missing = sum(shard.n for shard in out.plan) - n_images
        if not n_missing:
            out.describe(dataclasses.replace(_described(out), overwriting=None))
    return Merged(
        out.name,
        n_images - n_kept,
        n_kept,
        n_missing,
        tuple(problems.damaged),
        tuple(problems.differing),
    )


def _n_images(store: ShardStore) -> int:
    """Return the number of images that are there; only the indexes of short shards are read."""
    stored = store.stored()
    return sum(
        len(read_shard(store.location, shard.number, short=True).lines)
        if stored[shard.number]
        else shard.n
        for shard in store.plan
        if shard.number in stored
    )


def _join_shard(
    out: ShardStore, task: tuple[PlannedShard, bool | None, Sequence[_Offer]], _: threading.Event
) -> _Problems:
    """Copy a shard if it is missing, or short and a part has all of it; compare the others."""
    shard, held, offers = task
    problems = _Problems()
    for offer in offers:
        file = f"{offer.part.name}/{shard.file}"
        if held is None or (held and not offer.short):
            try:
                _copy_shard(out, shard, offer)
            except _DamagedShardError as error:
                problems.damaged.append(Refusal(file, str(error)))
            else:
                held = offer.short
        elif held == offer.short:
            index = index_file(shard.number, short=held)
            heads = {one.location.read(index, 0, _HASH_ENDS) for one in (out, offer.part)}
            if len(heads) > 1:
                problems.differing.append(file)
    return problems


def _copy_shard(out: ShardStore, shard: PlannedShard, offer: _Offer) -> None:
    """Copy a shard and then its index, as `write_shard` writes them."""
    source, short = offer.part.location, offer.short
    recipe = _described(out).recipe
    with out.location.writing(shard.file) as file:
        checked = check_shard(source, recipe, shard, offer.n_bytes, short=short, copy=file)
        if checked.fault:
            raise _DamagedShardError(checked.fault)
        # Without its index, a short shard that is replaced counts as missing.
        out.location.remove(index_file(shard.number, short=True))
    index = index_file(shard.number, short=short)
    with out.location.writing(index) as file:
        file.write(source.read(index))
