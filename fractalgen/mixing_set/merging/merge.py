"""Join the parts of a set that jobs drew without knowing of each other."""

from collections.abc import Iterable
from pathlib import Path

from fractalgen.errors import ArgumentError, SetError
from fractalgen.files.location import Location, open_location
from fractalgen.mixing_set.merging.folder_parts import merge_folders
from fractalgen.mixing_set.merging.likeness import check_alike
from fractalgen.mixing_set.merging.merged import Merged, described
from fractalgen.mixing_set.merging.shard_parts import merge_shards
from fractalgen.mixing_set.stores.folder_set import FolderSet
from fractalgen.mixing_set.stores.folder_store import FolderStore
from fractalgen.mixing_set.stores.open_set import open_set
from fractalgen.mixing_set.stores.shard_set import ShardSet
from fractalgen.mixing_set.stores.shard_store import ShardStore
from fractalgen.mixing_set.stores.store import StoredSet
from fractalgen.pool import Progress
from fractalgen.registry import shown

__all__ = ["merge"]


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
        If there are no parts, or one of the places is neither a path nor a URL.
    SetError
        If a part is not a set or belongs to another one, or if `out` does, is among the parts or is
        in use.
    BuildInterrupted
        On Ctrl-C; the same call resumes.
    OSError
        If a file cannot be read or written.
    """
    if not isinstance(parts, Iterable):
        raise ArgumentError(f"the parts must be paths or URLs, not {shown(parts)}")
    places = [parts] if isinstance(parts, str | Path) else list(parts)
    if not places:
        raise ArgumentError("a merge needs at least one part")
    target = open_location(out)
    stores = [_open(place) for place in places]
    for store in stores[1:]:
        check_alike(stores[0], store)
    for store in stores:
        _check_apart(target, store)
    folders = [store for store in stores if isinstance(store, FolderSet)]
    if not folders:
        shards = [store for store in stores if isinstance(store, ShardSet)]
        return merge_shards(ShardStore(open_location(out, writing=True)), shards, progress)
    if target.folder is None:
        raise SetError(
            f"{stores[0].name} is a set in folders, and a URL such as {target.name} can only hold "
            "shards; merge into a folder"
        )
    return merge_folders(FolderStore(target.folder), folders, progress)


def _open(place: str | Path) -> FolderSet | ShardSet:
    folder = open_location(place).folder
    if folder is not None and not folder.exists():
        raise SetError(f"{folder} does not exist; a part is a set that 'build-set --part' drew")
    store = open_set(folder or place)
    if isinstance(store, FolderSet):
        store.check_folders([*described(store).recipe.folders()])
    return store


def _check_apart(target: Location, part: StoredSet) -> None:
    """Raise SetError if the joined set would lie in a part, or a part in it."""
    same, nested = target.name.rstrip("/") == part.name.rstrip("/"), False
    if target.folder and part.folder:
        mine, theirs = target.folder.resolve(), part.folder.resolve()
        same, nested = mine == theirs, mine in theirs.parents or theirs in mine.parents
    if same:
        raise SetError(f"{target.name} is one of the parts; merge into another place")
    if nested:
        raise SetError(f"{target.name} and {part.name} lie in each other; merge into another place")
