"""``fractalgen render``."""

from pathlib import Path

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand, WrongUsage
from fractalgen.cli.output import check_output, max_side, save_image


@click.command("render", cls=PlainCommand)
@click.argument("image", type=options.FOLDER_OR_URL)
@click.option(
    "--size",
    type=int,
    default=1024,
    show_default=True,
    help="Side of the image in pixels, 16 to 16384.",
)
@click.option(
    "-o",
    "--output",
    type=options.PATH,
    help="File to write: .png, .jpg or .webp.  [default: FAMILY-NUMBER-SIZE.png, such as "
    "ifs-000017-1024.png]",
)
def render(image: Path | str, size: int, output: Path | None) -> None:
    """Redraw an image at another size.

    IMAGE is a file in a set. In shards, it is the path or URL that the file would have. It is
    redrawn from its recorded parameters; a warning says so if they now give another image.
    """
    import threading

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from fractalgen.mixing_set.stores.open_set import find_image, is_as_drawn, redraw
    from fractalgen.pool import OrderedPool

    store, record = find_image(image)
    folder, number = record.key
    path = output or Path(f"{folder}-{number:06d}-{size}.png")
    check_output(path, store.folder)
    limit = max_side(path)
    if limit and size > limit:
        raise WrongUsage(f"{path.suffix} images can have at most {limit} pixels a side, not {size}")

    def draw(side: int, _: threading.Event) -> tuple[NDArray[np.uint8], bool]:
        return redraw(record, side), is_as_drawn(record)

    # In its own thread, because a Ctrl-C would otherwise have to wait for the kernels.
    with OrderedPool(draw, 1) as pool:
        ((rgb, same),) = pool.map([size])
    save_image(Image.fromarray(rgb), path)
    if not same:
        click.echo(
            f"Warning: {path.name} differs from {record.file}. Another fractalgen drew that, with "
            "other pixels for the same parameters, or its record was changed.",
            err=True,
        )
