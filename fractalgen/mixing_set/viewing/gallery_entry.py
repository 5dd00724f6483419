"""An image of a gallery: what the page sorts, filters and shows it by."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.color import palettes
from fractalgen.mixing_set.measuring.image_measures import edge_density
from fractalgen.mixing_set.stores.record import Record

__all__ = ["HUES", "NO_PALETTE", "N_COMPLEXITIES", "OTHER_PALETTE", "Entry"]

HUES = (
    *("red", "orange", "yellow", "lime", "green", "emerald"),
    *("cyan", "azure", "blue", "violet", "magenta", "rose"),
)
_N_HUES = len(HUES)
_GREY = _N_HUES
_MAX_GREY_CHROMA = 20.0  # mean of a grey image, of 255
N_COMPLEXITIES = 20
OTHER_PALETTE = "random or custom"
NO_PALETTE = "none"
_LINE_LENGTH = 60
_HEX = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True)
class Entry:
    """An image on the page, without its pixels."""

    record: Record
    hue: int
    complexity: int
    colors: tuple[tuple[str, str, tuple[str, ...]], ...]  # where in the params, palette, colours

    @classmethod
    def of(cls, record: Record, rgb: NDArray[np.uint8]) -> "Entry":
        """Describe an image by its record and its pixels."""
        params = None if record.params is None else json.loads(record.params)
        complexity = min(N_COMPLEXITIES - 1, int(edge_density(rgb) * N_COMPLEXITIES))
        return cls(record, _hue(rgb), complexity, tuple(_colors(params)))

    @property
    def palettes(self) -> list[str]:
        """The names of the palettes of its colours."""
        names = {name for _, name, _ in self.colors}
        return sorted(names - {OTHER_PALETTE}) or sorted(names) or [NO_PALETTE]

    def large_view(self) -> dict[str, Any]:
        """Return what the large view shows. Long numbers are text: JavaScript would round them."""
        record = self.record
        shown: dict[str, Any] = {"size": f"{record.width} x {record.height} px"}
        if record.origin is not None:
            origin = (record.origin.path, record.origin.url)
            return shown | {"origin": " in ".join(text for text in origin if text)}
        shown |= {"seed": str(record.seed), "attempt": str(record.attempt), "colors": self.colors}
        return shown | {"params": _readable(json.loads(record.params or "{}"))}


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
    return OTHER_PALETTE


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
