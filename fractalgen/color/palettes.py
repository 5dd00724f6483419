"""Palettes: shipped ones, a user's own files, and random ones."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from fractalgen.color.random_colors import random_colors
from fractalgen.errors import PaletteError, UnknownNameError
from fractalgen.files.regular_file import open_regular
from fractalgen.registry import nearest, shown

__all__ = [
    "Palette",
    "PaletteError",
    "choose",
    "load",
    "names",
    "random_palette",
    "read_gpl",
    "resolve",
]

_SUFFIX = ".gpl"
_COUNT_RANGE = (2, 256)
_MAX_BYTES = 1 << 20
_DRAWN = ("any", "random")
# The shipped palettes that "any" draws from, listed so that a new file changes no image. If this
# list or the colours of one of these palettes change, increment every family's version.
_ANY = tuple(
    """
    absinthe agate amethyst aurora bluebell blueprint brass canyon cirrus citron clover
    cobalt daguerreotype delft dragonfly dusk-choir ember emerald-mine fern garnet
    glacier graphite heather heron honeycomb ink-stone iris kingfisher koi lacquer
    lagoon lichen magpie malachite marmalade midnight-oil mint-julep mulberry
    night-market orchid peacock peony petrel pistachio plum-blossom pomegranate
    poppy-field rose-window saddle seville terracotta thunderhead tide-pool verdigris
    wheat-field wisteria
    """.split()  # noqa: SIM905 - a list literal would take a page
)

_NUMBER = re.compile(r"[0-9]{1,3}")
_HEX = re.compile(r"#?([0-9a-f]{6}|[0-9a-f]{3})", re.IGNORECASE)


@dataclass(frozen=True)
class Palette:
    """Colours in the order of a gradient.

    Attributes
    ----------
    name : str
        The palette's name.
    colors : tuple of str
        Two or more colours as ``"#rrggbb"``, in lower case.
    """

    name: str
    colors: tuple[str, ...]


def _folder() -> Path:
    """Return the folder of the shipped palettes, in the installed package or in the checkout."""
    package = Path(__file__).parents[1]
    installed = package / "palette_files"
    return installed if installed.is_dir() else package.parent / "assets" / "palettes"


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """Return the names of the shipped palettes, sorted."""
    return tuple(sorted(path.stem for path in _folder().glob(f"*{_SUFFIX}")))


@lru_cache(maxsize=256)
def load(name: str) -> Palette:
    """Return a shipped palette; an UnknownNameError suggests the nearest name."""
    if name not in names():
        raise UnknownNameError(_unknown(name, name))
    file = name + _SUFFIX
    return Palette(name, _parse((_folder() / file).read_bytes(), file)[1])


def read_gpl(path: str | Path) -> Palette:
    """Read a palette in GIMP's format, which GIMP, Inkscape, Krita and Aseprite write.

    Its name comes from the ``Name:`` line, else from the file. The alpha of Aseprite's ``Channels:
    RGBA`` files is ignored. A PaletteError names the file and the line that is wrong.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise PaletteError(f"cannot read the palette {path}: {error.strerror or error}") from error
    if len(data) > _MAX_BYTES:
        raise PaletteError(f"{path} is too large for a palette: more than 1 MiB")
    name, colors = _parse(data, str(path))
    return Palette(name or path.stem, colors)


def resolve(text: str) -> str:
    """Turn a user's palette into an option that no longer needs a file.

    Parameters
    ----------
    text : str
        ``"any"``, ``"random"``, a shipped palette's name, the path of a .gpl file, or two or more
        hex colours joined by commas. A shipped palette wins over a file of the same name.

    Returns
    -------
    str
        `text` itself, or ``"#rrggbb,#rrggbb,..."`` for colours and files.

    Raises
    ------
    PaletteError
        If `text` is not a string, a file cannot be read as a palette, or a hex colour is wrong.
    UnknownNameError
        If `text` is not one of these; the message suggests the nearest shipped name.
    """
    if not isinstance(text, str):
        raise PaletteError(f"a palette must be text, not {shown(text)}")
    text = text.strip()
    if text in _DRAWN or text in names():
        return text
    path = Path(text)
    is_path = path.suffix.lower() == _SUFFIX or path.name != text
    if text and (is_path or _exists(path)):
        if not _exists(path):
            raise PaletteError(_unknown(text, path.stem, "no palette file"))
        return ",".join(read_gpl(path).colors)
    if "," in text or text.startswith("#"):
        return ",".join(_hex_colors(text))
    raise UnknownNameError(_unknown(text, text))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long for a file
        return False


def choose(option: str, rng: np.random.Generator) -> Palette:
    """Draw the palette of one image from an option that `resolve` returned.

    ``"any"`` picks a shipped palette half of the time, and draws a random one otherwise. Only
    ``"any"`` and ``"random"`` advance `rng`.
    """
    if option == "random" or (option == "any" and rng.random() < 0.5):
        return random_palette(rng)
    if option == "any":
        return load(_ANY[rng.integers(len(_ANY))])
    if "," in option or option.startswith("#"):
        return Palette("custom", _hex_colors(option))
    return load(option)


def random_palette(rng: np.random.Generator) -> Palette:
    """Draw a palette of 4 to 8 colours in OKLCH; see `fractalgen.color.random_colors`."""
    return Palette("random", random_colors(rng))


def _unknown(text: str, name: str, what: str = "unknown palette") -> str:
    known = [*names(), *_DRAWN]
    if difflib.get_close_matches(name, known):
        return f"{what} {shown(text)}: {nearest(name, known)}"
    near = difflib.get_close_matches(name, known, cutoff=0)
    return (
        f"{what} {shown(text)}: the nearest are {', '.join(near)}; 'fractalgen palettes' lists all "
        f"{len(names())}"
    )


def _hex_colors(text: str) -> tuple[str, ...]:
    """Read hex colours joined by commas; three digits stand for six."""
    colors = []
    for item in text.split(","):
        match = _HEX.fullmatch(item.strip())
        if not match:
            raise PaletteError(
                f"expected a palette of colours such as #1a2b3c, found {shown(item.strip())}"
            )
        digits = match[1].lower()
        colors.append("#" + (digits if len(digits) == 6 else "".join(d + d for d in digits)))
    _check_count(len(colors), "a palette of hex colours")
    return tuple(colors)


def _check_count(count: int, what: str) -> None:
    low, high = _COUNT_RANGE
    if not low <= count <= high:
        noun = "colour" if count == 1 else "colours"
        raise PaletteError(f"{what} has {count} {noun}; a palette has from {low} to {high}")


def _parse(data: bytes, source: str) -> tuple[str, tuple[str, ...]]:
    """Read a palette file's name ("" if it has none) and its colours."""
    lines = _lines(data, source)
    if next(lines, (1, ""))[1].rstrip() != "GIMP Palette":
        raise PaletteError(f"{source}, line 1: a palette file must start with 'GIMP Palette'")
    name, n_channels = "", 3
    colors: list[str] = []
    for number, line in lines:
        key, colon, value = line.partition(":")
        if not line or line.startswith("#"):
            continue
        if colon and not colors and key.lower() in ("name", "columns", "channels"):
            if key.lower() == "name":
                name = value.strip()
            elif key.lower() == "channels":
                n_channels = 4 if value.strip().upper() == "RGBA" else 3
            continue
        colors.append(_color(line, n_channels, f"{source}, line {number}"))
    _check_count(len(colors), source)
    return name, tuple(colors)


def _lines(data: bytes, source: str) -> Iterator[tuple[int, str]]:
    """Return a text file's lines, stripped and numbered from 1, with any line ending."""
    if b"\0" in data:
        raise PaletteError(f"{source} is not a palette file: it is not plain text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:  # older programs write names in a local code page
        text = data.decode("latin-1")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return enumerate((line.strip() for line in lines), start=1)


def _color(line: str, n_channels: int, where: str) -> str:
    """Read one colour's line: its numbers, optionally followed by its name."""
    numbers = line.split()[:n_channels]
    valid = [int(word) for word in numbers if _NUMBER.fullmatch(word) and int(word) <= 255]
    if len(valid) != n_channels:
        wanted = "three" if n_channels == 3 else "four"
        found = line if len(line) <= 40 else line[:40] + "..."
        raise PaletteError(f"{where}: expected {wanted} numbers from 0 to 255, found '{found}'")
    return "#{:02x}{:02x}{:02x}".format(*valid[:3])
