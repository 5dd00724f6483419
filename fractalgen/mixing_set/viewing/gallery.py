"""A page that shows every image of a set, and opens from disk without a server."""

import base64
import itertools
import os
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import ImageError, SetError
from fractalgen.files.atomic import atomic_file, remove_leftovers, write_atomically
from fractalgen.images.crops import square
from fractalgen.mixing_set.stores.folder_set import FolderSet
from fractalgen.mixing_set.stores.open_set import open_set
from fractalgen.mixing_set.stores.record import Record
from fractalgen.mixing_set.viewing.gallery_entry import Entry
from fractalgen.mixing_set.viewing.gallery_page import (
    PER_SHEET,
    TILE,
    gallery_page,
    script_json,
    sheet_of,
)
from fractalgen.pool import OrderedPool, Progress, default_workers

__all__ = ["GallerySummary", "gallery"]


_PAGE = "index.html"
_MARK = b'content="fractalgen gallery"'
_OWN_FOLDERS = {"sheets": re.compile(r"\d{4,}\.jpg"), "records": re.compile(r"\d{4,}\.js")}
_LEFTOVER = re.compile(r"\.fractalgen-.*\.part")


@dataclass(frozen=True)
class GallerySummary:
    """What `gallery` wrote.

    Attributes
    ----------
    page : Path
        The page to open.
    n_images : int
        Number of images on it.
    n_bytes : int
        Total size of its files.
    left_out : tuple of str
        Recorded images that are missing or damaged, with the reason.
    """

    page: Path
    n_images: int
    n_bytes: int
    left_out: tuple[str, ...]


_Decoded: TypeAlias = tuple[Entry, NDArray[np.uint8]]


def gallery(
    folder: str | Path,
    out: str | Path,
    *,
    single_file: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> GallerySummary:
    """Write a page that shows every image of a set.

    Parameters
    ----------
    folder : str or Path
        The set's folder, or the URL of a set in shards; the set can be unfinished.
    out : str or Path
        The folder to write ``index.html`` to. The page shows the set's own files at full size, by
        relative links; those of a set in shards it shows as thumbnails only.
    single_file : bool
        Write one HTML file, called `out`, that needs neither the set nor other files.
    overwrite : bool
        Replace an existing gallery.
    progress : callable or None
        Called with the number of images done and the total.

    Returns
    -------
    GallerySummary
        What was written, and which images were left out.

    Raises
    ------
    SetError
        If `folder` is not a set or has no images, or if `out` is inside it, exists (without
        `overwrite`), or holds other files.
    """
    store = open_set(folder)
    out = Path(out)
    _check_out(out, store.folder, single_file=single_file, overwrite=overwrite)
    records = list(store.records_in_order())
    left_out: list[str] = []

    def decode(one: tuple[Record, Callable[[], bytes]], _: threading.Event) -> _Decoded | str:
        record, read = one
        try:
            rgb = square(read(), TILE)
        except ImageError as error:
            return f"{record.file}: {error}"
        return Entry.of(record, rgb), rgb

    def decoded(pool: OrderedPool[Any, _Decoded | str]) -> Iterator[_Decoded]:
        readers = zip(records, store.readers(record.file for record in records), strict=True)
        for done, found in enumerate(pool.map(readers), 1):
            if isinstance(found, str):
                left_out.append(found)
            else:
                yield found
            if progress:
                progress(done, len(records))

    entries: list[Entry] = []
    chunks: list[str] = []
    sheets: list[bytes] = []
    n_bytes = 0
    with OrderedPool(decode, default_workers()) as pool:
        images = decoded(pool)
        for number in itertools.count():
            batch = list(itertools.islice(images, PER_SHEET))
            if not batch:
                break
            entries += [entry for entry, _ in batch]
            chunk = script_json([entry.large_view() for entry, _ in batch])
            sheet = sheet_of([rgb for _, rgb in batch])
            if single_file:
                chunks.append(chunk)
                sheets.append(sheet)
                continue
            if number == 0:
                _clear(out)
            script = f"galleryRecords({number}, {chunk});\n".encode()
            write_atomically(out / "records" / f"{number:04d}.js", script)
            write_atomically(out / "sheets" / f"{number:04d}.jpg", sheet)
            n_bytes += len(script) + len(sheet)
    if left_out and not entries:
        raise SetError(f"{store.name} has no readable images; run 'fractalgen verify {store.name}'")
    if not entries:
        raise SetError(f"{store.name} has no images yet")
    page = out if single_file else out / _PAGE
    encoded = (base64.b64encode(sheet).decode() for sheet in sheets)
    # Shards hold no files that a page could show.
    root = None
    if isinstance(store, FolderSet) and not single_file:
        root = _relative_url(store.folder, page.parent)
    with atomic_file(page) as file:
        for text in gallery_page(store, entries, root, chunks, encoded):
            file.write(text.encode())
    n_bytes += page.stat().st_size
    return GallerySummary(page, len(entries), n_bytes, tuple(left_out))


def _relative_url(folder: Path, base: Path) -> str:
    """Return the URL of a folder, with a final slash, for links on a page in `base`."""
    try:
        relative = os.path.relpath(folder.resolve(), base.resolve())
    except ValueError:  # on another drive
        return folder.resolve().as_uri() + "/"
    return urllib.parse.quote(os.fsencode(Path(relative).as_posix())) + "/"


def _check_out(out: Path, folder: Path | None, *, single_file: bool, overwrite: bool) -> None:
    """Raise SetError unless a gallery can be written to `out` without touching other files."""
    inside = out.resolve()
    if folder is not None and folder.resolve() in (inside, *inside.parents):
        raise SetError(f"{out} is inside the set; write the gallery to another folder")
    page = out if single_file else out / _PAGE
    if single_file:
        if out.is_dir():
            raise SetError(f"{out} is a folder, not a file")
        if not out.absolute().parent.is_dir():
            raise SetError(f"{out}: the folder {out.parent} does not exist")
        if out.exists() and not _is_gallery(out):
            raise SetError(f"{out} already exists and is not a gallery; use another name")
    elif out.exists():
        if not out.is_dir():
            raise SetError(f"{out} is not a folder; use another one, or --single-file")
        foreign = next(_foreign(out), None)
        if foreign is not None:
            raise SetError(f"{out} holds other files, such as {foreign.name}; use a new folder")
    if page.exists() and not overwrite:
        raise SetError(f"{out} already exists; --overwrite replaces the gallery")


def _foreign(out: Path) -> Iterator[Path]:
    """Yield what is in a folder and not part of a gallery."""
    for path in sorted(out.iterdir()):
        own = _OWN_FOLDERS.get(path.name)
        if own is not None and path.is_dir() and not path.is_symlink():
            for inner in sorted(path.iterdir()):
                if not (own.fullmatch(inner.name) or _LEFTOVER.fullmatch(inner.name)):
                    yield inner
        elif not (_LEFTOVER.fullmatch(path.name) or (path.name == _PAGE and _is_gallery(path))):
            yield path


def _is_gallery(page: Path) -> bool:
    if not page.is_file():
        return False
    with page.open("rb") as file:
        return _MARK in file.read(1000)


def _clear(out: Path) -> None:
    """Make the folder, and remove the files of the gallery that the new one replaces."""
    out.mkdir(parents=True, exist_ok=True)
    (out / _PAGE).unlink(missing_ok=True)
    remove_leftovers(out)
    for name in _OWN_FOLDERS:
        (out / name).mkdir(exist_ok=True)
        remove_leftovers(out / name)
        for path in (out / name).iterdir():
            path.unlink()
