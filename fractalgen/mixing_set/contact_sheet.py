"""A page of images from a set, to look at."""

import random
from pathlib import Path

from PIL import Image, ImageOps

from fractalgen.errors import ImageError, RecipeError, SetError
from fractalgen.files.regular_file import read_regular
from fractalgen.images.decoding import to_rgb
from fractalgen.mixing_set.manifest import canonical_order, read_manifest
from fractalgen.mixing_set.set_file import require_set_file
from fractalgen.registry import nearest

__all__ = ["contact_sheet"]

_BACKGROUND = (18, 18, 20)
_GAP_SHARE = 0.04
_MAX_SIDE = 30_000


def contact_sheet(
    folder: str | Path,
    *,
    family: str | None = None,
    n: int = 60,
    columns: int = 10,
    seed: int = 0,
    tile: int = 128,
    max_side: int | None = None,
) -> Image.Image:
    """Lay out images of a set, chosen at random, in rows and columns.

    Parameters
    ----------
    folder : str or Path
        The set; it may be unfinished.
    family : str or None
        Take images of this family alone.
    n : int
        Number of images, fewer if the set has not as many.
    columns : int
        Images in a row.
    seed : int
        Chooses the images: the same seed shows the same ones.
    tile : int
        Pixels a side of each image on the page.
    max_side : int or None
        The most pixels that the page may have a side; 30,000 by default.

    Returns
    -------
    PIL.Image.Image
        RGB.

    Raises
    ------
    SetError
        If `folder` is no set, has no such images, or one of them cannot be read.
    RecipeError
        If the set has no such family, or the page would be larger than `max_side`.
    """
    folder = Path(folder)
    recipe = require_set_file(folder).recipe
    names = [one.name for one in recipe.families]
    if family is not None and family not in names:
        hint = nearest(family, names)
        raise RecipeError(f"{folder} has no family called '{family}': {hint}")
    files = [
        record.file
        for record in canonical_order(read_manifest(folder).records)
        if family in (None, record.key[0]) and (folder / record.file).is_file()
    ]
    if not files:
        raise SetError(f"{folder} has no images yet")
    chosen = random.Random(seed).sample(files, min(n, len(files)))
    columns = min(columns, len(chosen))
    rows = -(-len(chosen) // columns)
    gap = max(1, round(tile * _GAP_SHARE))
    width, height = (count * (tile + gap) + gap for count in (columns, rows))
    if max(width, height) > min(max_side or _MAX_SIDE, _MAX_SIDE):
        raise RecipeError(f"a page of {width:,} x {height:,} pixels is too large; lower n or tile")
    page = Image.new("RGB", (width, height), _BACKGROUND)
    for place, file in enumerate(chosen):
        row, column = divmod(place, columns)
        corner = (gap + column * (tile + gap), gap + row * (tile + gap))
        page.paste(_thumbnail(folder / file, tile), corner)
    return page


def _thumbnail(path: Path, tile: int) -> Image.Image:
    try:
        image = Image.fromarray(to_rgb(read_regular(path))[0])
    except (OSError, ImageError) as error:
        raise SetError(f"cannot read {path}: {getattr(error, 'strerror', '') or error}") from None
    return ImageOps.fit(image, (tile, tile), Image.Resampling.LANCZOS)
