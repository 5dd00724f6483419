"""Draw one picture into a set."""

import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fractalgen.families import Family, sample_spec
from fractalgen.mixing_set.layout import FORMATS, picture_file
from fractalgen.mixing_set.pool import Stopped
from fractalgen.mixing_set.record import Record, params_text
from fractalgen.mixing_set.writer import encode, write_atomically

__all__ = ["Drawing", "draw"]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture that is to be drawn.

    Attributes
    ----------
    family : Family
        With its options.
    seed, index : int
        The set's seed and the picture's number.
    size : int
        Pixels a side.
    format : str
        Name of the file's format.
    """

    family: Family[Any]
    seed: int
    index: int
    size: int
    format: str


def draw(folder: Path, drawing: Drawing, stopping: threading.Event) -> Record:
    """Draw a picture, put its file in place and return its record.

    Raises
    ------
    Stopped
        If `stopping` was set before the file was written.
    OSError
        If the file could not be written.
    """
    family = drawing.family
    spec = sample_spec(family, drawing.seed, drawing.index)
    if stopping.is_set():
        raise Stopped
    rgb = family.render(spec.params, drawing.size)
    data = encode(rgb, drawing.format)
    file = picture_file(family.name, drawing.index, FORMATS[drawing.format])
    record = Record(
        file,
        drawing.size,
        drawing.size,
        len(data),
        hashlib.sha256(rgb.data).hexdigest(),
        hashlib.sha256(data).hexdigest(),
        drawing.seed,
        spec.attempt,
        params_text(spec.params),
    )
    if stopping.is_set():
        raise Stopped
    write_atomically(folder / file, data)
    return record
