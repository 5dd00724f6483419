"""``fractalgen gallery``."""

from pathlib import Path

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand
from fractalgen.cli.output import images, in_units, progress_bar


@click.command("gallery", cls=PlainCommand)
@options.SET
@click.option(
    "-o",
    "--output",
    type=options.PATH,
    help="Folder to write, or with --single-file the file.  [default: gallery, or gallery.html]",
)
@click.option(
    "--single-file",
    is_flag=True,
    help="Write one HTML file that needs no other files. It shows thumbnails only.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing gallery.")
@options.QUIET
def gallery(
    set_folder: Path, output: Path | None, single_file: bool, overwrite: bool, quiet: bool
) -> None:
    """Write a web page that shows every image of a set.

    SET is the set's folder, by default ./ipmix-set. The page opens from disk, without a server. It
    links to the set's images, so keep the set where it is.
    """
    from fractalgen.mixing_set.viewing.gallery import gallery as write

    out = output or Path("gallery.html" if single_file else "gallery")
    with progress_bar("gallery", " images", quiet=quiet) as show:
        summary = write(
            set_folder, out, single_file=single_file, overwrite=overwrite, progress=show
        )
    if summary.left_out:
        first = summary.left_out[0]
        n = images(len(summary.left_out))
        click.echo(f"Left out {n}: {first}. Run 'fractalgen verify {set_folder}'.", err=True)
    if not quiet:
        click.echo(f"{summary.page}: {images(summary.n_images)}, {in_units(summary.n_bytes)}")
