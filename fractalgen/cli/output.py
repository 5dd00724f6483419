"""Output of the commands: progress on stderr, results on stdout, images in files."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fractalgen.cli.group import WrongUsage

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "check_output",
    "images",
    "in_units",
    "max_side",
    "print_json",
    "print_text",
    "printable",
    "progress_bar",
    "save_image",
    "terminal",
]

_PLAIN_SIGNS = {
    "±": "+/-",
    "\N{EN DASH}": "-",
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{DOWNWARDS ARROW}": "v",
    "\N{UPWARDS ARROW}": "^",
}
_FORMATS = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}


@contextlib.contextmanager
def progress_bar(
    what: str, unit: str, *, quiet: bool, in_bytes: bool = False
) -> Iterator[Callable[[int, int | None], None]]:
    """Show a labelled bar with rate and time left, unless `quiet` or stderr is not a terminal.

    Yields a function that takes the number done, and the total or None if it is unknown. With
    `in_bytes`, large numbers have unit prefixes.
    """
    from tqdm import tqdm

    bar: Any = None

    def show(done: int, total: int | None) -> None:
        nonlocal bar
        if quiet or sys.stderr is None:  # as after 2>&-
            return
        if bar is None:
            bar = tqdm(
                desc=what,
                unit=unit,
                total=total,
                disable=None,
                unit_scale=in_bytes,
                unit_divisor=1024,
                dynamic_ncols=True,
                leave=False,
            )
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object on stdout."""
    click.echo(json.dumps(value, indent=2))


def print_text(text: str) -> None:
    """Print a text on stdout, in the signs that it has."""
    click.echo(printable(text, sys.stdout.encoding))


def terminal() -> tuple[int | None, bool]:
    """Return the width of tables (None for no limit), and whether bold text can be shown."""
    is_terminal = sys.stdout.isatty()
    return (shutil.get_terminal_size().columns if is_terminal else None), is_terminal


def images(n: int) -> str:
    """Return a count with its noun, such as ``1 image`` or ``1,000 images``."""
    return f"{n:,} image{'' if n == 1 else 's'}"


def in_units(n_bytes: int) -> str:
    """Return a size such as 12.3 MB, in powers of 1,000."""
    value, unit = float(n_bytes), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"


def check_output(path: Path, set_place: Path | str | None, inputs: Sequence[Path] = ()) -> None:
    """Check, before anything is drawn, that an output file can and should be written."""
    if path.suffix.lower() not in _FORMATS:
        raise WrongUsage(f"{path}: the name must end in .png, .jpg or .webp")
    if path.is_dir():
        raise WrongUsage(f"{path} is a folder, not a file")
    if not path.absolute().parent.is_dir():
        raise WrongUsage(f"{path}: the folder {path.parent} does not exist")
    if isinstance(set_place, Path) and set_place.resolve() in path.resolve().parents:
        raise WrongUsage(f"{path} is inside the set; write it to another folder")
    if path.exists() and any(image.exists() and path.samefile(image) for image in inputs):
        raise WrongUsage(f"{path} is an input image; give another name with -o")


def max_side(path: Path) -> int | None:
    """Return the maximum side, in pixels, of the format in a file's name; None if unlimited."""
    from fractalgen.images.formats import MAX_SIDES

    return MAX_SIDES.get(_FORMATS[path.suffix.lower()])


def save_image(image: Image.Image, path: Path, *, quiet: bool = False) -> None:
    """Write an image in the format in the file's name, and print its path and size."""
    import numpy as np

    from fractalgen.files.atomic import write_atomically
    from fractalgen.images.formats import encode

    write_atomically(path, encode(np.asarray(image), _FORMATS[path.suffix.lower()]))
    if not quiet:
        click.echo(f"{path}: {image.width} x {image.height} pixels")


def printable(text: str, encoding: str | None) -> str:
    """Replace characters that an encoding lacks, such as undecodable bytes in file names."""
    encoding = encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for sign, instead in _PLAIN_SIGNS.items():
            text = text.replace(sign, instead)
        return text.encode(encoding, "replace").decode(encoding)
    return text
