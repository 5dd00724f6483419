"""Join sets in shards: copy each shard that is missing, and then its index."""

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fractalgen.bank.folder import MANIFEST_FILE
from fractalgen.bank.shards import complete_shards, index_file, read_shard
from fractalgen.errors import SetError
from fractalgen.mixing_set.building.summary import BuildInterrupted
from fractalgen.mixing_set.checking.shard_check import check_shard
from fractalgen.mixing_set.collecting.item import Refusal
from fractalgen.mixing_set.merging.likeness import check_alike
from fractalgen.mixing_set.merging.merged import Merged, Problems, described, joined_description
from fractalgen.mixing_set.stores.shard_plan import PlannedShard
from fractalgen.mixing_set.stores.shard_set import ShardSet
from fractalgen.mixing_set.stores.shard_store import ShardStore
from fractalgen.pool import OrderedPool, Progress, default_workers

__all__ = ["merge_shards"]

_HASH_ENDS = 256  # bytes; an index begins with the hash of its tar file


class _Offer(NamedTuple):
    part: ShardSet
    n_bytes: int
    short: bool


class _DamagedShardError(Exception):
    """A shard cannot be copied; the text is the fault."""


def merge_shards(out: ShardStore, parts: Sequence[ShardSet], progress: Progress | None) -> Merged:
    """Copy into a set what it lacks of the shards of parts; see `merge`."""
    out.make_folder()
    with out.locked():
        out.read()
        if out.description:
            check_alike(out, parts[0])
        elif any(name.startswith(("shard-", MANIFEST_FILE)) for name in out.location.sizes()):
            raise SetError(f"{out.name} has files that belong to no set; merge into another place")
        out.describe(joined_description(out.description, parts))
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
        problems = Problems()
        total, done = sum(shard.n for shard, _, _ in tasks), 0
        join = functools.partial(_join_shard, out, out.location.sizes())
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
            out.describe(dataclasses.replace(described(out), overwriting=None))
    return Merged(
        out.name,
        n_images - n_kept,
        n_kept,
        n_missing,
        tuple(problems.damaged),
        tuple(problems.differing),
    )


def _n_images(store: ShardSet) -> int:
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
    out: ShardStore,
    sizes: Mapping[str, int],
    task: tuple[PlannedShard, bool | None, Sequence[_Offer]],
    _: threading.Event,
) -> Problems:
    """Copy a shard if it is missing, or short and a part has all of it; compare the others.

    What lies in `out` already is compared by the sizes, and by the hashes of its indexes; `verify`
    reads it.
    """
    shard, held, offers = task
    problems = Problems()
    n_bytes = sizes.get(shard.file)
    for offer in offers:
        file = f"{offer.part.name}/{shard.file}"
        if held is None or (held and not offer.short):
            try:
                _copy_shard(out, sizes, shard, offer)
            except _DamagedShardError as error:
                problems.damaged.append(Refusal(file, str(error)))
            else:
                held, n_bytes = offer.short, offer.n_bytes
        elif held == offer.short:
            index = index_file(shard.number, short=held)
            heads = {one.location.read(index, 0, _HASH_ENDS) for one in (out, offer.part)}
            if len(heads) > 1 or n_bytes != offer.n_bytes:
                problems.differing.append(file)
    return problems


def _copy_shard(
    out: ShardStore, sizes: Mapping[str, int], shard: PlannedShard, offer: _Offer
) -> None:
    """Copy a shard and then its index, as `write_shard` writes them."""
    source, short = offer.part.location, offer.short
    recipe = described(out).recipe
    with out.location.writing(shard.file) as file:
        checked = check_shard(source, recipe, shard, offer.n_bytes, short=short, copy=file)
        if checked.fault:
            raise _DamagedShardError(checked.fault)
        if (short_index := index_file(shard.number, short=True)) in sizes:
            # As where a task stores a shard.
            with contextlib.suppress(PermissionError):
                out.location.remove(short_index)
    index = index_file(shard.number, short=short)
    with out.location.writing(index) as file:
        file.write(source.read(index))
