"""A page of images from a set."""

import random
from pathlib import Path

from PIL import Image, ImageOps

from fractalgen.arguments import whole_number
from fractalgen.errors import ImageError, RecipeError, SetError
from fractalgen.images.decoding import to_rgb
from fractalgen.mixing_set.recipes.keys import MAX_INDEX
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.open_set import open_set
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
    """Lay out random images of a set in rows and columns.

    In a class set, each row has images of one class.

    Parameters
    ----------
    folder : str or Path
        The set's folder, or the URL of a set in shards; the set can be unfinished.
    family : str or None
        Show only images of this family, or of this class's folder.
    n : int
        Number of images; fewer if the set has fewer.
    columns : int
        Images per row.
    seed : int
        Seed for choosing the images.
    tile : int
        Side of each image on the page, in pixels.
    max_side : int or None
        Maximum side of the page in pixels; None for 30,000.

    Returns
    -------
    PIL.Image.Image
        RGB.

    Raises
    ------
    ArgumentError
        If `n`, `columns` or `tile` is out of its range.
    SetError
        If `folder` is not a set, has no such images, or an image cannot be read.
    RecipeError
        If the set lacks the family, or the page would be larger than `max_side`.
    """
    n = whole_number("n", n, 1, MAX_INDEX)
    columns = whole_number("columns", columns, 1, MAX_INDEX)
    tile = whole_number("tile", tile, 8, _MAX_SIDE)
    store = open_set(folder)
    recipe = store.recipe or Recipe(families=())
    names = [one.name for one in recipe.families]
    folders = set(recipe.folders())
    if family is not None and family not in names and family not in folders:
        hint = nearest(family, names)
        raise RecipeError(f"{store.name} has no family called '{family}': {hint}")
    wanted = {
        folder
        for one in recipe.families
        for folder in one.folders()
        if family in (None, one.name, folder)
    }
    files = [file for file in store.files() if file.partition("/")[0] in wanted]
    if not files:
        raise SetError(f"{store.name} has no images yet")
    if recipe.has_classes:
        chosen = _rows_of_classes(files, n, columns, random.Random(seed))
    else:
        chosen = random.Random(seed).sample(files, min(n, len(files)))
    columns = min(columns, len(chosen))
    rows = -(-len(chosen) // columns)
    gap = max(1, round(tile * _GAP_SHARE))
    width, height = (count * (tile + gap) + gap for count in (columns, rows))
    if max(width, height) > min(max_side or _MAX_SIDE, _MAX_SIDE):
        raise RecipeError(f"a page of {width:,} x {height:,} pixels is too large; lower n or tile")
    page = Image.new("RGB", (width, height), _BACKGROUND)
    in_order = sorted(range(len(chosen)), key=lambda place: chosen[place])
    readers = store.readers(chosen[place] for place in in_order)
    for place, read in zip(in_order, readers, strict=True):
        row, column = divmod(place, columns)
        corner = (gap + column * (tile + gap), gap + row * (tile + gap))
        try:
            image = Image.fromarray(to_rgb(read())[0])
        except ImageError as error:
            raise SetError(f"cannot read {store.name}/{chosen[place]}: {error}") from None
        page.paste(ImageOps.fit(image, (tile, tile), Image.Resampling.LANCZOS), corner)
    return page


def _rows_of_classes(files: list[str], n: int, columns: int, rng: random.Random) -> list[str]:
    """Choose classes, and images of each for one row; the classes stay in order."""
    groups: dict[str, list[str]] = {}
    for file in files:
        groups.setdefault(file.partition("/")[0], []).append(file)
    columns = min(columns, n, *map(len, groups.values()))
    rows = min(max(1, n // columns), len(groups))
    return [
        file
        for folder in sorted(rng.sample(sorted(groups), rows))
        for file in rng.sample(groups[folder], columns)
    ]
