"""``fractalgen inspect``."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand, WrongUsage

_PARTS = {
    "limit": ("--limit", "tsne"),
    "n_cam": ("--cam-images", "cam"),
    "cam_folder": ("--cam-folder", "cam"),
}
"""Options that are for a part of the page alone."""


@click.command("inspect", cls=PlainCommand)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=options.PATH)
@click.option("--tsne", is_flag=True, help="Draw the features before the last layer by t-SNE.")
@click.option("--cam", is_flag=True, help="Draw the places that speak for a class, by Grad-CAM.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=10),
    default=1000,
    show_default=True,
    help="Test images for t-SNE.",
)
@click.option(
    "--cam-images",
    "n_cam",
    metavar="N",
    type=click.IntRange(1, 60),
    default=12,
    show_default=True,
    help="Number of images for Grad-CAM.",
)
@click.option(
    "--cam-folder",
    metavar="DIR",
    type=options.PATH,
    help="Folder of images for Grad-CAM, such as ImageNet-A.  [default: test images]",
)
@click.option(
    "--checkpoint",
    type=click.Choice(["last", "best"]),
    default="last",
    show_default=True,
    help="Checkpoint to inspect.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Seed for the choice of images and for t-SNE.",
)
@click.option(
    "--out", metavar="DIR", type=options.PATH, help="Folder of the page.  [default: the first RUN]"
)
@options.DATA_DIR
@options.QUIET
@click.pass_context
def inspect(
    ctx: click.Context, /, runs: tuple[Path, ...], tsne: bool, cam: bool, quiet: bool, **given: Any
) -> None:
    """Show what trained classifiers see.

    Writes tsne.png and cam.png into each RUN, and a page that shows those of all of them next to
    each other; the runs must be of the same data set. Without --tsne and --cam, draws both.

    The page shows what this command draws, and replaces that of an earlier one; --out keeps both.
    """
    chosen = "tsne" if tsne else "cam"
    for name, (flag, part) in _PARTS.items():
        is_given = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if is_given and tsne != cam and part != chosen:
            raise WrongUsage(f"{flag} is for --{part}")
    options.prepare_torch("inspect")

    from fractalgen.cli.output import print_text
    from fractalgen.evaluation.inspect import inspect as inspect_runs

    both = not tsne and not cam
    files = inspect_runs(runs, tsne=tsne or both, cam=cam or both, **given)
    if not quiet:
        print_text("\n".join(map(str, files)))
