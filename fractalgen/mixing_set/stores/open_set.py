"""Find what lies in a folder, at a URL or at an image's path: a set in files or in shards."""

import contextlib
import hashlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import RecipeError, SetError
from fractalgen.families import FAMILIES
from fractalgen.families.base import check_size, is_exact
from fractalgen.files.location import open_location
from fractalgen.mixing_set.stores.folder_set import FolderSet
from fractalgen.mixing_set.stores.record import Record
from fractalgen.mixing_set.stores.shard_set import ShardSet
from fractalgen.mixing_set.stores.store import StoredSet

__all__ = ["find_image", "is_as_drawn", "is_sharded", "open_set", "redraw"]


def is_sharded(out: str | Path) -> bool:
    """Whether a set lies, or would lie, in shards there without asking for them."""
    location = open_location(out)
    if location.folder is None:
        return True
    store = ShardSet(location)
    with contextlib.suppress(SetError, OSError):
        store.read()
    if store.description is None:  # lost or damaged
        return bool(store.stored())
    return store.description.shards is not None


def open_set(place: str | Path) -> FolderSet | ShardSet:
    """Open the set in a folder or at a URL; SetError if there is none."""
    return ShardSet.open(place) if is_sharded(place) else FolderSet.open(place)


def find_image(image: str | Path) -> tuple[StoredSet, Record]:
    """Find an image's set and record, by the path of the image's file.

    The file need not exist: an image in a shard is found by the path that it would have.

    Raises
    ------
    SetError
        If no set or no record is found.
    """
    text = str(image) if "://" in str(image) else str(Path(image).absolute())
    place, *within = text.replace(os.sep, "/").rsplit("/", 2)
    if len(within) == 2 and is_sharded(place):
        store = ShardSet.open(place)
        return store, store.record("/".join(within))
    return FolderSet.find(image)


def redraw(record: Record, size: int) -> NDArray[np.uint8]:
    """Redraw an image from its recorded parameters, `size` pixels a side.

    Raises
    ------
    SetError
        If the image was collected, not drawn, or if its record is damaged.
    RecipeError
        If `size` is out of its range.
    """
    try:
        check_size(size)
    except ValueError as error:
        raise RecipeError(str(error)) from None
    if record.origin is not None:
        raise SetError(
            f"{record.file} was collected, not drawn, so it cannot be redrawn from parameters; "
            f"its original is {record.origin.path}"
        )
    if record.family not in FAMILIES:
        raise SetError(f"this fractalgen does not have the family of {record.file}")
    try:
        return record.redraw(size)
    except ValueError as error:
        raise SetError(f"the recorded params of {record.file}: {error}") from None


def is_as_drawn(record: Record) -> bool:
    """Whether an image that was drawn has its recorded pixels when it is redrawn.

    True also for families whose pixels depend on the processor. Raises as `redraw` does.
    """
    if not is_exact(FAMILIES[record.family]):
        return True
    return hashlib.sha256(redraw(record, record.width).data).hexdigest() == record.pixel_sha256
