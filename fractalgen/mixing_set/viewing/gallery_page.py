"""The page of a gallery: sheets of thumbnails, and the data that its script sorts and filters."""

import io
import json
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import jinja2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.mixing_set.stores.store import StoredSet
from fractalgen.mixing_set.viewing.gallery_entry import (
    HUES,
    N_COMPLEXITIES,
    NO_PALETTE,
    OTHER_PALETTE,
    Entry,
)

__all__ = ["PER_SHEET", "TILE", "gallery_page", "script_json", "sheet_of"]

TILE = 112  # pixels; a multiple of 16, so that JPEG's blocks do not cross tiles
_SHEET_SIDE = 10  # tiles
PER_SHEET = _SHEET_SIDE**2
_QUALITY = 70


def sheet_of(tiles: list[NDArray[np.uint8]]) -> bytes:
    """Return thumbnails as one JPEG, in rows; the last sheet is as large as the others."""
    sheet = np.zeros((_SHEET_SIDE, _SHEET_SIDE, TILE, TILE, 3), np.uint8)
    for place, tile in enumerate(tiles):
        sheet[divmod(place, _SHEET_SIDE)] = tile
    side = _SHEET_SIDE * TILE
    image = Image.fromarray(sheet.swapaxes(1, 2).reshape(side, side, 3))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=_QUALITY, optimize=True)
    return data.getvalue()


def gallery_page(
    store: StoredSet,
    entries: list[Entry],
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
    last = (OTHER_PALETTE, NO_PALETTE)
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
        "tile": TILE,
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
            hues=HUES,
            n_complexities=N_COMPLEXITIES,
            data=script_json(data),
            chunks=chunks,
            sheets=sheets,
        )
    )
    return pieces


def _details(store: StoredSet, n: int) -> list[str]:
    details = [f"{n:,} image{'' if n == 1 else 's'}"]
    if store.description:
        recipe = store.description.recipe
        details += [f"{recipe.size} px", f"seed {recipe.seed}"]
        details.append(f"drawn with fractalgen {', '.join(store.description.drawn_with)}")
    return details


def script_json(value: Any) -> str:
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
