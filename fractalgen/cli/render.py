"""``fractalgen render``."""

from pathlib import Path

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand, WrongUsage


@click.command("render", cls=PlainCommand)
@click.argument("image", type=options.PATH)
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
    type=options.PATH,
    help="A .png, .jpg or .webp file.  [default: such as ifs-000017-1024.png, here]",
)
def render(image: Path, size: int, output: Path | None) -> None:
    """Redraw an image at another size.

    IMAGE is a file in a set; it is drawn anew from its recorded parameters.
    """
    import threading

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from fractalgen.cli.saving import check_output, max_side, save
    from fractalgen.mixing_set.record import Record
    from fractalgen.mixing_set.redraw import find_record, redraw
    from fractalgen.pool import OrderedPool

    folder, record = find_record(image)
    path = output or Path(f"{image.absolute().parent.name}-{image.stem}-{size}.png")
    check_output(path, folder)
    most = max_side(path)
    if most and size > most:
        raise WrongUsage(f"{path.suffix} holds {most} pixels a side at most, not {size}")

    def draw(one: Record, _: threading.Event) -> NDArray[np.uint8]:
        return redraw(folder, one, size)

    # In a thread of its own, as a Ctrl-C would have to wait for the kernels.
    with OrderedPool(draw, 1) as pool:
        (rgb,) = pool.map([record])
    save(Image.fromarray(rgb), path)
    click.echo(f"{path}: {size} x {size} pixels")
