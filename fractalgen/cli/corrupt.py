"""``fractalgen corrupt``."""

from __future__ import annotations

from pathlib import Path

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand
from fractalgen.cli.output import images, print_json, progress_bar
from fractalgen.images.formats import FORMATS


@click.command("corrupt", cls=PlainCommand)
@click.argument("dataset", metavar="DATASET")
@click.argument("out", metavar="OUT", type=options.PATH)
@click.option(
    "--suite",
    metavar="NAME",
    default="generate",
    show_default=True,
    help="Suite of corruptions: 'generate', the common corruptions, or 'cbar', C-bar's ten.",
)
@click.option(
    "--corruptions",
    type=options.NAMES,
    default=(),
    help="Make only these corruptions, such as snow,fog. 'all' also makes the extra ones, which "
    "no mean corruption error includes: speckle_noise, gaussian_blur, spatter and saturate.  "
    "[default: all but the extra ones]",
)
@click.option(
    "--strengths",
    metavar="cifar|tiny|imagenet",
    help="Table of strengths: CIFAR-C's (32 pixels), Tiny-ImageNet-C's (64) or ImageNet-C's (224). "
    "Its lengths in pixels are scaled to the size of the images.  [default: the table for the "
    "nearest size]",
)
@click.option(
    "--layout",
    metavar="cifar-c|imagenet-c",
    help="Write an .npy file per corruption, or folders of image files.  [default: imagenet-c for "
    "folder:DIR, else cifar-c]",
)
@click.option(
    "--format",
    "image_format",
    metavar="|".join(FORMATS),
    default="jpeg",
    show_default=True,
    help="Format of image files: jpeg has quality 85 as in ImageNet-C; the others are lossless.",
)
@click.option(
    "--image-size",
    type=click.IntRange(8, 1024),
    help="Side of the images in pixels.  [default: the data set's]",
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    help="Corrupt only the N test images that 'evaluate --limit N' measures.  [default: all]",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of the corruptions.",
)
@options.DATA_DIR
@options.WORKERS
@options.QUIET
@options.JSON
def corrupt(
    dataset: str,
    out: Path,
    suite: str,
    corruptions: tuple[str, ...],
    strengths: str | None,
    layout: str | None,
    image_format: str,
    image_size: int | None,
    limit: int | None,
    seed: int,
    data_dir: Path,
    workers: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write a data set's test images with common corruptions.

    DATASET is the name of a data set, or folder:DIR, as for 'train-with-set --dataset'; of DIR,
    only val/ is needed. OUT gets the layout of CIFAR-C or ImageNet-C, so other programs can read
    it, and so can 'evaluate --corruptions OUT'. Each corruption has five severities.

    The same command resumes after an interruption; with other --corruptions it adds to OUT. OUT
    must be new, empty, or written with the same settings.
    """
    from fractalgen.evaluation.corruptions.corrupted_folder import write_corruptions
    from fractalgen.evaluation.corruptions.generated import SUITES
    from fractalgen.training.datasets import load_data

    chosen = SUITES[suite]
    with progress_bar("loading", "", quiet=quiet, in_bytes=True) as loading:
        data = load_data(
            dataset,
            data_dir=data_dir,
            image_size=image_size,
            progress=loading,
            only_tests=True,
        )
    done = write_corruptions(
        data,
        out,
        chosen,
        names=corruptions,
        layout=layout,
        table=strengths,
        seed=seed,
        limit=limit,
        image_format="jpeg" if image_format == "jpg" else image_format,
        workers=workers,
        progress=lambda name: progress_bar(name.replace("_", " "), " images", quiet=quiet),
    )
    if as_json:
        print_json(done.as_json())
    elif not quiet:
        n = len(done.corruptions)
        click.echo(
            f"{done.folder}: {n} corruption{'' if n == 1 else 's'} of {images(done.n)} at 5 "
            f"severities, {done.source}; {done.n_made:,} made, {done.n_kept:,} kept"
        )
