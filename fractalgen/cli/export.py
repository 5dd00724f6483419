"""``fractalgen export``."""

from pathlib import Path

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand
from fractalgen.cli.output import images, print_json, progress_bar


@click.command("export", cls=PlainCommand)
@click.argument("set_folder", metavar="SET", type=options.FOLDER_OR_URL)
@click.argument("out", metavar="OUT", type=options.NEW_FOLDER_OR_URL)
@click.option(
    "--layout",
    metavar="NAME",
    default="pixmix",
    show_default=True,
    help="What to write: pixmix is fractals_and_fvis/fractals/images and "
    "fractals_and_fvis/first_layers_resized256_onevis/images; webdataset is tar shards.",
)
@click.option(
    "--shard-size",
    metavar="N",
    type=click.IntRange(1, 1_000_000),
    help="Images per shard, for the layout webdataset.  [default: an earlier export's, else 1,000]",
)
@click.option("--copy", is_flag=True, help="Copy the images, even where hard links are possible.")
@options.QUIET
@options.JSON
def export(
    set_folder: Path | str,
    out: Path | str,
    layout: str,
    shard_size: int | None,
    copy: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write a set in the layout of other programs.

    The layout pixmix is that of PixMix's archive: give OUT/fractals_and_fvis to PixMix or LayerMix
    as the mixing set. The images are hard-linked where possible, which takes no space, and copied
    otherwise.

    The layout webdataset makes a set in shards of a set in folders, with its collected images. OUT
    can be a URL such as s3://bucket/prefix.

    OUT must be new, empty, or hold an earlier export of the set. The same command resumes after an
    interruption.
    """
    if shard_size is not None and layout != "webdataset":
        raise click.UsageError("--shard-size needs --layout webdataset.")
    if copy and layout == "webdataset":
        raise click.UsageError("--copy needs --layout pixmix; shards are always copies.")

    from fractalgen.mixing_set.exporting.export import export as write

    with (
        progress_bar("checking", " images", quiet=quiet) as checking,
        progress_bar("exporting", " images", quiet=quiet) as progress,
    ):
        done = write(
            set_folder,
            out,
            layout=layout,
            copy=copy,
            shard_size=shard_size,
            checking=checking,
            progress=progress,
        )
    if as_json:
        print_json(done.as_json())
    elif not quiet:
        for folder, n in done.folders.items():
            click.echo(f"{folder}: {images(n)}")
        linked = "" if layout == "webdataset" else f"{done.n_linked:,} hard-linked, "
        click.echo(f"{done.folder}: {linked}{done.n_copied:,} copied, {done.n_kept:,} kept")
