"""Export a set into the folders that other programs read."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fractalgen.errors import SetError
from fractalgen.files.atomic import is_leftover, remove_leftovers, write_atomically
from fractalgen.files.lock import LOCK_FILE, locked
from fractalgen.files.regular_file import file_hash
from fractalgen.mixing_set.checking.verify import inspect
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.folder_store import FolderStore
from fractalgen.mixing_set.stores.open_set import open_set
from fractalgen.mixing_set.stores.record import Record
from fractalgen.mixing_set.stores.shard_store import ShardStore
from fractalgen.mixing_set.stores.store import Store
from fractalgen.pool import Progress
from fractalgen.registry import Registry, first_few

__all__ = ["LAYOUTS", "Exported", "Layout", "export"]


@dataclass(frozen=True)
class Layout:
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


LAYOUTS: Registry[Layout] = Registry("layout")
LAYOUTS.add(
    "pixmix",
    Layout(
        others="fractals_and_fvis/fractals/images",
        folders=dict.fromkeys(
            ("features", "feature-vis"), "fractals_and_fvis/first_layers_resized256_onevis/images"
        ),
    ),
)


@dataclass(frozen=True)
class Exported:
    """A finished export.

    Attributes
    ----------
    folder : str
        Where the images are.
    n_linked, n_copied : int
        Images that this export hard-linked and copied.
    n_kept : int
        Images that an earlier export left there.
    folders : dict from str to int
        Number of images in each folder.
    """

    folder: str
    n_linked: int
    n_copied: int
    n_kept: int
    folders: dict[str, int]

    @property
    def n_images(self) -> int:
        """Number of images."""
        return self.n_linked + self.n_copied + self.n_kept

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, text and numbers."""
        return {
            "folder": self.folder,
            "images": self.n_images,
            "linked": self.n_linked,
            "copied": self.n_copied,
            "kept": self.n_kept,
            "folders": self.folders,
        }


def export(
    folder: str | Path,
    out: str | Path,
    *,
    layout: str = "pixmix",
    copy: bool = False,
    checking: Progress | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Hard-link or copy a set's images into the folders that other programs read.

    Every file in `out` is whole at any moment, and the same call continues after an interruption.

    Parameters
    ----------
    folder : str or Path
        The set's folder, or the URL of a set in shards. Nothing in it changes.
    out : str or Path
        The folder to write to: a new one, an empty one, or one with an earlier export of the set.
    layout : str
        ``"pixmix"``: ``fractals_and_fvis/first_layers_resized256_onevis/images`` holds features,
        and ``fractals_and_fvis/fractals/images`` the other families, as in PixMix's archive.
    copy : bool
        Copy all images. Otherwise they are hard-linked, which takes no space, and copied only
        where the file system has no links or `out` is on another one, or where the set lies in
        shards.
    checking, progress : callable or None
        Called with the number of images checked or exported, and the total.

    Returns
    -------
    Exported
        The number of images linked, copied, and already there.

    Raises
    ------
    UnknownNameError
        If the layout is unknown.
    SetError
        If `folder` is not a set or is incomplete, or if `out` holds other files.
    OSError
        If a file cannot be read or written.
    """
    plan = LAYOUTS[layout]
    store = open_set(folder)
    records = {plan.file(record): record for record in _sound_records(store, checking)}
    out = Path(out)
    target = out.resolve()
    if store.folder and store.folder.resolve() in (target, *target.parents):
        raise SetError(f"{out} is inside the set; export to a folder outside of it")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise SetError(f"{out} is not a folder, or is below a file; use another one") from None
    counts = {"linked": 0, "copied": 0, "kept": 0}
    existing = _existing(out, records)
    with locked(out):
        for place in {out, *((out / file).parent for file in records)}:
            remove_leftovers(place)
        _refuse(
            out,
            [file for file in existing if not _is_image_of(out / file, records[file], store)],
        )
        for number, (file, record) in enumerate(records.items(), 1):
            counts[_place(store, record, out / file, copy=copy)] += 1
            if progress:
                progress(number, len(records))
    folders: dict[str, int] = {}
    for file in records:
        name = file.rpartition("/")[0]
        folders[name] = folders.get(name, 0) + 1
    return Exported(str(out), counts["linked"], counts["copied"], counts["kept"], folders)


def _sound_records(store: FolderStore | ShardStore, checking: Progress | None) -> list[Record]:
    """Return the records of a complete, undamaged set; SetError for another."""
    recipe = store.recipe or Recipe(families=())
    if isinstance(store, FolderStore):
        store.check_folders([*recipe.folders()])
        store.manifest.require_sound()
    broken = inspect(store, progress=checking).broken
    if broken:
        raise SetError(
            f"{store.name} lacks images, or has damaged ones: {first_few(broken)}. "
            f"'fractalgen verify {store.name}' lists them"
        )
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


def _is_image_of(path: Path, record: Record, store: Store) -> bool:
    """Whether a file is a link to an image, or a copy."""
    if path.is_symlink() or not path.is_file():
        return False
    if isinstance(store, FolderStore) and path.samefile(store.path(record.file)):
        return True
    return path.stat().st_size == record.n_bytes and file_hash(path) == record.file_sha256


def _place(store: Store, record: Record, target: Path, *, copy: bool) -> str:
    """Link or copy an image, and say what was done: "linked", "copied" or "kept"."""
    source = store.path(record.file) if isinstance(store, FolderStore) else None
    if target.exists() and not (copy and source and target.samefile(source)):
        return "kept"
    target.parent.mkdir(parents=True, exist_ok=True)
    if source and not copy:
        try:
            os.link(source, target)
            return "linked"
        except OSError:  # many errors mean "no links here"; a full disk fails the copy too
            pass
    write_atomically(target, store.read_image(record.file))
    return "copied"
