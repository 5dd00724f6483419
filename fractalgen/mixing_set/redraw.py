"""Redraw an image of a set, at any size, from its recorded parameters."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.bank.folder import MANIFEST_FILE
from fractalgen.errors import RecipeError, SetError
from fractalgen.families import FAMILIES
from fractalgen.families.base import check_size
from fractalgen.mixing_set.layout import parse_image_file
from fractalgen.mixing_set.manifest import read_manifest
from fractalgen.mixing_set.record import Record

__all__ = ["find_record", "redraw"]


def find_record(image: str | Path) -> tuple[Path, Record]:
    """Find the set that an image is in, and the image's record.

    Parameters
    ----------
    image : str or Path
        A file in a set, such as ``ipmix-set/ifs/000017.jpg``. Its record is enough: the file
        itself may be gone.

    Returns
    -------
    folder : Path
        The set.
    record : Record
        The image's.

    Raises
    ------
    SetError
        If no set or no record is found.
    """
    image = Path(image).absolute()
    folder = image.parent.parent
    file = f"{image.parent.name}/{image.name}"
    if not (folder / MANIFEST_FILE).exists():
        raise SetError(f"{image} is not an image of a set: {folder} has no {MANIFEST_FILE}")
    try:
        key = parse_image_file(file)
    except ValueError as error:
        raise SetError(f"{image} is not an image of a set: {error}") from None
    record = read_manifest(folder).records.get(key)
    if record is None or record.file != file:
        raise SetError(f"{folder / MANIFEST_FILE} has no record of {file}")
    return folder, record


def redraw(folder: Path, record: Record, size: int) -> NDArray[np.uint8]:
    """Redraw an image from its recorded parameters.

    Parameters
    ----------
    folder : Path
        The set, for messages.
    record : Record
        From `find_record`.
    size : int
        Pixels a side, 16 to 16384.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
        RGB.

    Raises
    ------
    SetError
        If the image was collected and not drawn, or if its record is damaged.
    RecipeError
        If `size` is out of its range.
    """
    try:
        check_size(size)
    except ValueError as error:
        raise RecipeError(str(error)) from None
    if record.origin is not None:
        raise SetError(
            f"{record.file} was collected, not drawn, so it has no parameters to redraw it from; "
            f"its original is {record.origin.path}"
        )
    if record.key[0] not in FAMILIES:
        raise SetError(f"this fractalgen does not know the family of {record.file}")
    try:
        return record.redraw(size)
    except ValueError as error:
        raise SetError(f"{folder / MANIFEST_FILE}: params of {record.file}: {error}") from None
