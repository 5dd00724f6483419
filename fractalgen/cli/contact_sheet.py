"""``fractalgen contact-sheet``."""

from pathlib import Path

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand


@click.command("contact-sheet", cls=PlainCommand)
@options.SET
@click.option(
    "-o",
    "--output",
    type=options.PATH,
    default="contact-sheet.png",
    show_default=True,
    help="A .png, .jpg or .webp file.",
)
@click.option("--family", metavar="NAME", help="Images of this family alone.")
@click.option("--n", type=click.IntRange(min=1), default=60, show_default=True, help="Images.")
@click.option(
    "--columns", type=click.IntRange(min=1), default=10, show_default=True, help="In a row."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses the images.")
@click.option(
    "--tile",
    type=click.IntRange(8, 4096),
    default=128,
    show_default=True,
    help="Pixels a side of each image on the page.",
)
def contact_sheet(
    set_folder: Path, output: Path, family: str | None, n: int, columns: int, seed: int, tile: int
) -> None:
    """Lay out images of a set on one page.

    SET is ./ipmix-set if left out.
    """
    from fractalgen.cli.saving import check_output, max_side, save
    from fractalgen.mixing_set.contact_sheet import contact_sheet as lay_out

    check_output(output, set_folder)
    page = lay_out(
        set_folder,
        family=family,
        n=n,
        columns=columns,
        seed=seed,
        tile=tile,
        max_side=max_side(output),
    )
    save(page, output)
    click.echo(f"{output}: {page.width} x {page.height} pixels")
