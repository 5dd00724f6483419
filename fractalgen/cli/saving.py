"""Save a single image where the user wants it."""

from pathlib import Path

import numpy as np
from PIL import Image

from fractalgen.cli.group import WrongUsage
from fractalgen.files.atomic import write_atomically
from fractalgen.images.formats import MAX_SIDES, encode

__all__ = ["check_output", "max_side", "save"]

_FORMATS = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}


def check_output(path: Path, set_folder: Path) -> None:
    """Refuse, before anything is drawn, a file that cannot or should not be written."""
    if path.suffix.lower() not in _FORMATS:
        raise WrongUsage(f"{path}: the name must end in .png, .jpg or .webp")
    if path.is_dir():
        raise WrongUsage(f"{path} is a folder, not a file")
    if not path.absolute().parent.is_dir():
        raise WrongUsage(f"{path}: there is no folder {path.parent}")
    within = path.resolve()
    if set_folder.resolve() in within.parents:
        raise WrongUsage(f"{path} lies in the set, where it would be foreign; give another place")


def max_side(path: Path) -> int | None:
    """Return how many pixels a side the format that the file's name asks for can hold."""
    return MAX_SIDES.get(_FORMATS[path.suffix.lower()])


def save(image: Image.Image, path: Path) -> None:
    """Write an image in the format that the file's name asks for."""
    write_atomically(path, encode(np.asarray(image), _FORMATS[path.suffix.lower()]))
