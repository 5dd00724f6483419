"""``fractalgen show-methods``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand


@click.command("show-methods", cls=PlainCommand)
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True, type=options.PATH)
@click.option(
    "--methods",
    type=options.NAMES,
    help="Training methods, with options as in 'compare --methods': augmix,ipmix:k=4,pixmix+cutmix."
    "  [default: 'all', those that change images without a network]",
)
@options.MIXING_SET
@options.image_output("methods.png")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of the first column; each other column has the next.",
)
@click.option(
    "--size",
    type=click.IntRange(16, 512),
    default=128,
    show_default=True,
    help="Side of the mixed images, in pixels. From 128 on, the methods have their options for "
    "ImageNet, otherwise those for CIFAR.",
)
def show_methods(
    photos: tuple[Path, ...],
    methods: tuple[str, ...] | None,
    mixing_set: str,
    output: Path,
    **given: Any,
) -> None:
    """Draw a page of what training methods do to photos.

    PHOTO is an image file, of which the central square is used; give one to eight. The page has a
    row for each method: the same photos, changed with eight seeds. Methods that need a network that
    is being trained, such as augmax and puzzlemix, are not shown. Give two photos or more to see
    what methods such as mixup and cutmix do, which join two images.
    """
    options.prepare_torch("show-methods")

    from fractalgen.bank.source import as_place
    from fractalgen.cli.output import check_output, save_image
    from fractalgen.experiments.method_page import show_methods as draw

    check_output(output, as_place("--set", mixing_set), photos)
    save_image(draw(photos, methods, mixing_set=mixing_set, **given), output)
