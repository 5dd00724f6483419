"""A set as folders of images, hard-linked or copied."""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fractalgen.errors import ArgumentError, ImageError, SetError
from fractalgen.files.atomic import is_leftover, remove_leftovers, write_atomically
from fractalgen.files.location import make_folder, open_location
from fractalgen.files.lock import LOCK_FILE, locked
from fractalgen.files.regular_file import file_hash
from fractalgen.mixing_set.checking.folder_check import inspect_folder
from fractalgen.mixing_set.checking.shard_check import check_shards, inspect_shards
from fractalgen.mixing_set.exporting.exported import Exported, broken_set
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.folder_set import FolderSet
from fractalgen.mixing_set.stores.record import Record
from fractalgen.mixing_set.stores.shard_set import ShardSet
from fractalgen.mixing_set.stores.store import StoredSet
from fractalgen.pool import Progress
from fractalgen.registry import first_few

__all__ = ["ImageFolders"]


@dataclass(frozen=True)
class ImageFolders:
    """Where the images of each family go.

    Attributes
    ----------
    others : str
        Folder of the families that `folders` lacks, with forward slashes.
    folders : mapping from str to str
        Folders of families.
    """

    others: str
    folders: Mapping[str, str]

    def file(self, record: Record) -> str:
        """Return the path of an image, such as ``fractals/images/ifs-000017.jpg``."""
        folder = self.folders.get(record.family, self.others)
        return f"{folder}/{record.file.replace('/', '-')}"

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
        """Link or copy the images; see `export.export`."""
        if shard_size is not None:
            raise ArgumentError("this layout has no shards; leave out the number of images in one")
        folder = open_location(out).folder
        if folder is None:
            raise SetError(f"{out} is a URL, which can only hold shards; export to a folder")
        records = {self.file(record): record for record in _sound_records(store, checking)}
        out, target = folder, folder.resolve()
        if store.folder and store.folder.resolve() in (target, *target.parents):
            raise SetError(f"{out} is inside the set; export to a folder outside of it")
        make_folder(out)
        existing = _existing(out, records)
        with locked(out):
            for place in {out, *((out / file).parent for file in records)}:
                remove_leftovers(place)
            foreign = [one for one in existing if not _is_image_of(out / one, records[one], store)]
            _refuse(out, foreign)
            counts = _place_all(store, out, records, copy=copy, progress=progress)
        folders = Counter(file.rpartition("/")[0] for file in records)
        return Exported(str(out), counts["linked"], counts["copied"], counts["kept"], dict(folders))


def _sound_records(store: FolderSet | ShardSet, checking: Progress | None) -> list[Record]:
    """Return the records of a complete, undamaged set; SetError for another."""
    recipe = store.recipe or Recipe(families=())
    if isinstance(store, ShardSet):
        # Each image is compared with its hash as it is copied, so that shards are read once.
        checked = check_shards(store, progress=checking, contents=False)
        broken = inspect_shards(store, checked).broken
    else:
        store.check_folders([*recipe.folders()])
        store.manifest.require_sound()
        broken = inspect_folder(store, progress=checking).broken
    if broken:
        raise broken_set(store, [*broken])
    records = [one for one in store.records_in_order() if recipe.family_of(one.key[0])]
    if not records:
        raise SetError(f"{store.name} has no images yet")
    return records


def _existing(out: Path, records: Mapping[str, Record]) -> list[str]:
    """Return the exported files that exist; SetError if there are others. Nothing is written."""
    ours = {parent.as_posix() for file in records for parent in Path(file).parents}
    existing, foreign = [], []
    for place, folders, names in os.walk(out):
        within = Path(place).relative_to(out)
        for name in tuple(folders):
            file = (within / name).as_posix()
            if file not in ours or (out / file).is_symlink():
                foreign.append(file + "/")
                folders.remove(name)
        for name in names:
            file = (within / name).as_posix()
            if file in records:
                existing.append(file)
            elif file != LOCK_FILE and not is_leftover(name):
                foreign.append(file)
    _refuse(out, foreign)
    return existing


def _refuse(out: Path, foreign: list[str]) -> None:
    """Raise SetError if there are any foreign files."""
    if foreign:
        raise SetError(
            f"{out} holds other files than the set's: {first_few(sorted(foreign))}; "
            "export to a new folder"
        )


def _is_image_of(path: Path, record: Record, store: StoredSet) -> bool:
    """Whether a file is a link to an image, or a copy."""
    if path.is_symlink() or not path.is_file():
        return False
    if isinstance(store, FolderSet) and path.samefile(store.path(record.file)):
        return True
    return path.stat().st_size == record.n_bytes and file_hash(path) == record.file_sha256


def _place_all(
    store: FolderSet | ShardSet,
    out: Path,
    records: Mapping[str, Record],
    *,
    copy: bool,
    progress: Progress | None,
) -> Counter[str]:
    """Link or copy the images that are not there, and count what was done."""
    new = [file for file in records if not _is_there(store, records[file], out / file, copy=copy)]
    counts = Counter(kept=len(records) - len(new))
    if progress and counts["kept"]:
        progress(counts["kept"], len(records))
    readers = store.readers(records[file].file for file in new)
    for file, read in zip(new, readers, strict=True):
        counts[_place(store, records[file], out / file, read, copy=copy)] += 1
        if progress:
            progress(counts.total(), len(records))
    return counts


def _is_there(store: StoredSet, record: Record, target: Path, *, copy: bool) -> bool:
    """Whether an image is there, and is not a link where a copy is wanted."""
    if copy and isinstance(store, FolderSet):
        return target.exists() and not target.samefile(store.path(record.file))
    return target.exists()


def _place(
    store: StoredSet, record: Record, target: Path, read: Callable[[], bytes], *, copy: bool
) -> str:
    """Link or copy an image, and say what was done: "linked" or "copied"."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(store, FolderSet) and not copy:
        try:
            os.link(store.path(record.file), target)
            return "linked"
        except OSError:  # many errors mean "no links here"; a full disk fails the copy too
            pass
    try:
        data = read()
    except ImageError:
        raise broken_set(store, [record.file]) from None
    write_atomically(target, data)
    return "copied"
