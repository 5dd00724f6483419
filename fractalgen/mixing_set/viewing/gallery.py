"""A page that shows every image of a set, and opens from disk without a server."""

import base64
import io
import itertools
import json
import os
import re
import shlex
import threading
import urllib.parse
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import jinja2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.color import palettes
from fractalgen.errors import ImageError, SetError
from fractalgen.files.atomic import atomic_file, remove_leftovers, write_atomically
from fractalgen.images.decoding import square
from fractalgen.mixing_set.measuring.image_measures import edge_density
from fractalgen.mixing_set.stores.folder_store import FolderStore
from fractalgen.mixing_set.stores.open_set import open_set
from fractalgen.mixing_set.stores.record import Record
from fractalgen.mixing_set.stores.store import Store
from fractalgen.pool import OrderedPool, Progress, default_workers

__all__ = ["GallerySummary", "gallery"]

_TILE = 112  # pixels; a multiple of 16, so that JPEG's blocks do not cross tiles
_SHEET_SIDE = 10  # tiles
_PER_SHEET = _SHEET_SIDE**2
_QUALITY = 70

_PAGE = "index.html"
_MARK = b'content="fractalgen gallery"'
_OWN_FOLDERS = {"sheets": re.compile(r"\d{4,}\.jpg"), "records": re.compile(r"\d{4,}\.js")}
_LEFTOVER = re.compile(r"\.fractalgen-.*\.part")

_HUES = (
    *("red", "orange", "yellow", "lime", "green", "emerald"),
    *("cyan", "azure", "blue", "violet", "magenta", "rose"),
)
_N_HUES = len(_HUES)
_GREY = _N_HUES
_MAX_GREY_CHROMA = 20.0  # mean of a grey image, of 255
_N_COMPLEXITIES = 20

_OTHER_PALETTE = "random or custom"
_NO_PALETTE = "none"
_LINE_LENGTH = 60
_HEX = re.compile(r"#[0-9a-f]{6}")


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


@dataclass(frozen=True)
class _Entry:
    """An image on the page, without its pixels."""

    record: Record
    hue: int
    complexity: int
    colors: tuple[tuple[str, str, tuple[str, ...]], ...]  # where in the params, palette, colours

    @property
    def palettes(self) -> list[str]:
        names = {name for _, name, _ in self.colors}
        return sorted(names - {_OTHER_PALETTE}) or sorted(names) or [_NO_PALETTE]


_Decoded: TypeAlias = tuple[_Entry, NDArray[np.uint8]]


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

    def decode(record: Record, _: threading.Event) -> _Decoded | str:
        try:
            rgb = square(store.read_image(record.file), _TILE)
        except ImageError as error:
            return f"{record.file}: {error}"
        return _entry(record, rgb), rgb

    def decoded(pool: OrderedPool[Record, _Decoded | str]) -> Iterator[_Decoded]:
        for done, found in enumerate(pool.map(records), 1):
            if isinstance(found, str):
                left_out.append(found)
            else:
                yield found
            if progress:
                progress(done, len(records))

    entries: list[_Entry] = []
    chunks: list[str] = []
    sheets: list[bytes] = []
    n_bytes = 0
    with OrderedPool(decode, default_workers()) as pool:
        images = decoded(pool)
        for number in itertools.count():
            batch = list(itertools.islice(images, _PER_SHEET))
            if not batch:
                break
            entries += [entry for entry, _ in batch]
            chunk = _script_json([_large_view(entry) for entry, _ in batch])
            sheet = _sheet([rgb for _, rgb in batch])
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
    if isinstance(store, FolderStore) and not single_file:
        root = _relative_url(store.folder, page.parent)
    with atomic_file(page) as file:
        for text in _page(store, entries, root, chunks, encoded):
            file.write(text.encode())
    n_bytes += page.stat().st_size
    return GallerySummary(page, len(entries), n_bytes, tuple(left_out))


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


def _entry(record: Record, rgb: NDArray[np.uint8]) -> _Entry:
    params = None if record.params is None else json.loads(record.params)
    complexity = min(_N_COMPLEXITIES - 1, int(edge_density(rgb) * _N_COMPLEXITIES))
    return _Entry(record, _hue(rgb), complexity, tuple(_colors(params)))


def _hue(rgb: NDArray[np.uint8]) -> int:
    """Return which twelfth of the hue circle most of an image's chroma is in, or grey."""
    hue, saturation, value = np.moveaxis(
        np.asarray(Image.fromarray(rgb).convert("HSV"), np.float64), -1, 0
    )
    chroma = saturation * value / 255
    if chroma.mean() < _MAX_GREY_CHROMA:
        return _GREY
    sectors = np.rint(hue * _N_HUES / 256).astype(np.int64) % _N_HUES
    return int(np.bincount(sectors.ravel(), chroma.ravel(), _N_HUES).argmax())


def _colors(value: Any, where: str = "") -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield every list of colours in an image's params: where it is, its palette, its colours."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _colors(inner, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list):
        if len(value) > 1 and all(isinstance(one, str) and _HEX.fullmatch(one) for one in value):
            colors = tuple(value)
            yield where, _palette_name(colors), colors
        else:
            for inner in value:
                yield from _colors(inner, where)


@lru_cache(maxsize=4096)
def _palette_name(colors: tuple[str, ...]) -> str:
    """Return the name of the shipped palette that has these colours; families may drop some."""
    for name in palettes.names():
        if set(colors) <= set(palettes.load(name).colors):
            return name
    return _OTHER_PALETTE


def _sheet(tiles: list[NDArray[np.uint8]]) -> bytes:
    """Return thumbnails as one JPEG, in rows; the last sheet is as large as the others."""
    sheet = np.zeros((_SHEET_SIDE, _SHEET_SIDE, _TILE, _TILE, 3), np.uint8)
    for place, tile in enumerate(tiles):
        sheet[divmod(place, _SHEET_SIDE)] = tile
    side = _SHEET_SIDE * _TILE
    image = Image.fromarray(sheet.swapaxes(1, 2).reshape(side, side, 3))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=_QUALITY, optimize=True)
    return data.getvalue()


def _large_view(entry: _Entry) -> dict[str, Any]:
    """Return what the large view shows. Numbers are text, because JavaScript rounds long ones."""
    record = entry.record
    shown: dict[str, Any] = {"size": f"{record.width} x {record.height} px"}
    if record.origin is not None:
        origin = (record.origin.path, record.origin.url)
        return shown | {"origin": " in ".join(text for text in origin if text)}
    shown |= {"seed": str(record.seed), "attempt": str(record.attempt), "colors": entry.colors}
    return shown | {"params": _readable(json.loads(record.params or "{}"))}


def _readable(value: Any, indent: int = 0) -> str:
    """Return JSON with one line for each flat list, and for each part that fits on one."""
    line = json.dumps(value, ensure_ascii=False)
    nested = isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(one, (dict, list)) for one in value)
    )
    if len(line) + indent <= _LINE_LENGTH or not nested:
        return line
    inner = indent + 2
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {_readable(one, inner)}" for key, one in value.items()]
    else:
        parts = [_readable(one, inner) for one in value]
    margin = "\n" + " " * inner
    body = f",{margin}".join(parts)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}{margin}{body}\n{' ' * indent}{closing}"


def _page(
    store: Store,
    entries: list[_Entry],
    root: str | None,
    chunks: list[str],
    sheets: Iterable[str],
) -> Iterator[str]:
    """Yield the page's text.

    `root` is the URL of the set's files if they can be shown, and `chunks` and `sheets` are what
    the page holds itself.
    """
    families = Counter(entry.record.key[0] for entry in entries)
    counts = Counter(name for entry in entries for name in entry.palettes)
    last = (_OTHER_PALETTE, _NO_PALETTE)
    names = sorted(set(counts) - set(last)) + [name for name in last if name in counts]
    numbers = {name: number for number, name in enumerate(names)}
    runs: list[list[Any]] = []  # family, extension, first index, number of images
    for entry in entries:
        family, index = entry.record.key
        extension = entry.record.file.rpartition(".")[2]
        if runs and runs[-1][:2] == [family, extension] and sum(runs[-1][2:]) == index:
            runs[-1][3] += 1
        else:
            runs.append([family, extension, index, 1])
    path = store.name
    data = {
        "root": root,
        "command": shlex.quote(f"./{path}" if path.startswith("-") else path),
        "tile": _TILE,
        "side": _SHEET_SIDE,
        "runs": runs,
        "paletteNames": names,
        "palettes": [[numbers[name] for name in entry.palettes] for entry in entries],
        "hue": [entry.hue for entry in entries],
        "complexity": [entry.complexity for entry in entries],
    }
    pieces: Iterator[str] = (
        _environment()
        .get_template("gallery.html")
        .generate(
            title=store.folder.resolve().name if store.folder else store.name,
            details=_details(store, len(entries)),
            families=families,
            palettes=[(name, counts[name]) for name in names],
            hues=_HUES,
            n_complexities=_N_COMPLEXITIES,
            data=_script_json(data),
            chunks=chunks,
            sheets=sheets,
        )
    )
    return pieces


def _relative_url(folder: Path, base: Path) -> str:
    """Return the URL of a folder, with a final slash, for links on a page in `base`."""
    try:
        relative = os.path.relpath(folder.resolve(), base.resolve())
    except ValueError:  # on another drive
        return folder.resolve().as_uri() + "/"
    return urllib.parse.quote(os.fsencode(Path(relative).as_posix())) + "/"


def _details(store: Store, n: int) -> list[str]:
    details = [f"{n:,} image{'' if n == 1 else 's'}"]
    if store.description:
        recipe = store.description.recipe
        details += [f"{recipe.size} px", f"seed {recipe.seed}"]
        details.append(f"drawn with fractalgen {', '.join(store.description.drawn_with)}")
    return details


def _script_json(value: Any) -> str:
    """Return JSON that is safe inside a script element, whatever texts it holds."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("fractalgen.mixing_set.viewing"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
