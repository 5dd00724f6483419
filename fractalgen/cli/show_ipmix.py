"""``fractalgen show-ipmix``."""

from pathlib import Path

import click

from fractalgen.cli.group import Failure, PlainCommand, WrongUsage
from fractalgen.cli.options import PATH, PLACE


@click.command("show-ipmix", cls=PlainCommand)
@click.argument("image", type=PATH)
@click.option(
    "--set",
    "mixing_set",
    metavar="SET",
    type=PLACE,
    default="ipmix-set",
    show_default=True,
    help="Images to mix with: a mixing set, any other folder, or the URL of a set in shards.",
)
@click.option(
    "-o",
    "--output",
    type=PATH,
    default="figure.png",
    show_default=True,
    help="File to write: .png, .jpg or .webp.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed for choosing images and operations.",
)
@click.option(
    "--size",
    type=click.IntRange(16, 1024),
    default=224,
    show_default=True,
    help="Side of the mixed images, in pixels.",
)
def show_ipmix(image: Path, mixing_set: str, output: Path, seed: int, size: int) -> None:
    """Draw a figure that shows what IPMix does to an image.

    IMAGE is an image file, of which the central square is used. The figure shows the mixing
    operations, the patches, two chains step by step, and results.
    """
    from collections.abc import Callable
    from functools import partial

    import numpy as np
    from numpy.typing import NDArray

    from fractalgen.augment.figure import MAX_IMAGES, figure
    from fractalgen.bank.source import as_place, open_source
    from fractalgen.cli.output import check_output, save_image
    from fractalgen.errors import ImageError
    from fractalgen.images.decoding import read_image_file, square

    place = as_place("--set", mixing_set)
    check_output(output, place)
    if output.exists() and image.exists() and output.samefile(image):
        raise WrongUsage(f"{output} is the input image; give another name with -o")

    def read(name: str, contents: Callable[[], bytes]) -> NDArray[np.uint8]:
        try:
            return square(contents(), size)
        except ImageError as error:
            raise Failure(f"cannot use {click.format_filename(name)}: {error}") from None

    pixels = read(str(image), lambda: read_image_file(image))
    source = open_source(place)
    images = {each.name: each for each in source.images}
    names = _spread(list(images), MAX_IMAGES, seed)
    set_images = np.stack(
        [read(f"{source.name}/{name}", partial(source.read, images[name])) for name in names]
    )
    page = figure(pixels, set_images, names, seed)
    save_image(page, output)


def _spread(names: list[str], n: int, seed: int) -> list[str]:
    """Choose names at random, cycling through the folders."""
    import random

    shuffled = random.Random(seed).sample(names, len(names))
    seen: dict[str, int] = {}
    turns = []
    for name in shuffled:
        folder = name.rpartition("/")[0]
        turns.append((seen.setdefault(folder, 0), folder, name))
        seen[folder] += 1
    return [name for _, _, name in sorted(turns)[:n]]
