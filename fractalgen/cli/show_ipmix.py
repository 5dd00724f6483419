"""``fractalgen show-ipmix``."""

from pathlib import Path

import click

from fractalgen.cli.group import Failure, PlainCommand, WrongUsage
from fractalgen.cli.options import PATH


@click.command("show-ipmix", cls=PlainCommand)
@click.argument("image", type=PATH)
@click.option(
    "--set",
    "set_folder",
    metavar="SET",
    type=PATH,
    default="ipmix-set",
    show_default=True,
    help="Folder of images to mix with: a mixing set or any other.",
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
def show_ipmix(image: Path, set_folder: Path, output: Path, seed: int, size: int) -> None:
    """Draw a figure that shows what IPMix does to an image.

    The central square of IMAGE, an image file, is used. The figure shows the mixing operations,
    the patches, two chains step by step, and results.
    """
    import numpy as np

    from fractalgen.augment.figure import MAX_IMAGES, figure
    from fractalgen.bank.folder import list_images
    from fractalgen.cli.output import check_output, save_image
    from fractalgen.errors import ImageError
    from fractalgen.images.decoding import read_square

    check_output(output, set_folder)
    if output.exists() and image.exists() and output.samefile(image):
        raise WrongUsage(f"{output} is the input image; give another name with -o")

    def read(path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
        try:
            return read_square(path, size)
        except ImageError as error:
            raise Failure(f"cannot use {click.format_filename(path)}: {error}") from None

    pixels = read(image)
    names = _spread([image.name for image in list_images(set_folder)], MAX_IMAGES, seed)
    set_images = np.stack([read(set_folder / name) for name in names])
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
