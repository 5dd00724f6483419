"""``fractalgen render``."""

from pathlib import Path

import click

from fractalgen.cli.group import PlainCommand


@click.command("render", cls=PlainCommand)
@click.argument("picture", type=click.Path(path_type=Path))
@click.option(
    "--size",
    type=int,
    default=1024,
    show_default=True,
    help="Pixels a side, 16 to 16384.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="A .png, .jpg or .webp file.  [default: such as ifs-000017-1024.png, here]",
)
def render(picture: Path, size: int, output: Path | None) -> None:
    """Redraw a picture at another size.

    PICTURE is a file in a set; it is drawn anew from its recorded parameters.
    """
    from PIL import Image

    from fractalgen.cli.saving import check_output, save
    from fractalgen.mixing_set.redraw import find_record, redraw

    folder, record = find_record(picture)
    path = output or Path(f"{picture.absolute().parent.name}-{picture.stem}-{size}.png")
    check_output(path, folder)
    save(Image.fromarray(redraw(folder, record, size)), path)
    click.echo(f"{path}: {size} x {size} pixels")
