"""``fractalgen export``."""

from pathlib import Path

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand
from fractalgen.cli.output import images, print_json, progress_bar


@click.command("export", cls=PlainCommand)
@click.argument("set_folder", metavar="SET", type=options.FOLDER_OR_URL)
@click.argument("out", metavar="DIR", type=options.PATH)
@click.option(
    "--layout",
    metavar="NAME",
    default="pixmix",
    show_default=True,
    help="Folders to write: pixmix is fractals_and_fvis/fractals/images and "
    "fractals_and_fvis/first_layers_resized256_onevis/images.",
)
@click.option("--copy", is_flag=True, help="Copy the images, even where hard links are possible.")
@options.QUIET
@options.JSON
def export(
    set_folder: Path, out: Path, layout: str, copy: bool, quiet: bool, as_json: bool
) -> None:
    """Write a set in the folder layout of another project.

    The layout pixmix is that of PixMix's archive: give DIR/fractals_and_fvis to PixMix or LayerMix
    as the mixing set. DIR must be new, empty, or hold an earlier export of the set. The images are
    hard-linked where possible, which takes no space, and copied otherwise. The same command
    resumes after an interruption.
    """
    from fractalgen.mixing_set.export import export as write

    with (
        progress_bar("checking", " images", quiet=quiet) as checking,
        progress_bar("exporting", " images", quiet=quiet) as progress,
    ):
        done = write(
            set_folder, out, layout=layout, copy=copy, checking=checking, progress=progress
        )
    if as_json:
        print_json(done.as_json())
    elif not quiet:
        for folder, n in done.folders.items():
            click.echo(f"{folder}: {images(n)}")
        click.echo(
            f"{done.folder}: {done.n_linked:,} hard-linked, {done.n_copied:,} copied, "
            f"{done.n_kept:,} kept"
        )
