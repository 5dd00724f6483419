"""``fractalgen show-ipmix``."""

from pathlib import Path

import click

from fractalgen.cli import options
from fractalgen.cli.group import Failure, PlainCommand, WrongUsage


@click.command("show-ipmix", cls=PlainCommand)
@click.argument("image", type=options.PLACE)
@options.MIXING_SET
@options.image_output("figure.png")
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
def show_ipmix(image: str, mixing_set: str, output: Path, seed: int, size: int) -> None:
    """Draw a figure that shows what IPMix does to an image.

    IMAGE is an image file, of which the central square is used. The figure shows the mixing
    operations, the patches, two chains step by step, and results.
    """
    from fractalgen.augment.figure import MAX_IMAGES, figure
    from fractalgen.bank.few import few_images
    from fractalgen.bank.source import as_place
    from fractalgen.cli.output import check_output, save_image
    from fractalgen.errors import ImageError
    from fractalgen.images.crops import read_square

    if "://" in image:
        raise WrongUsage(f"{image}: IMAGE is an image file; give the set with --set")
    place, path = as_place("--set", mixing_set), Path(image)
    check_output(output, place, [path])
    try:
        pixels = read_square(path, size)
    except ImageError as error:
        raise Failure(f"cannot use {click.format_filename(image)}: {error}") from None
    others = few_images(place, MAX_IMAGES, size, seed)
    save_image(figure(pixels, others.array, others.names, seed), output)
