"""``fractalgen contact-sheet``."""

from pathlib import Path
from typing import Any

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand
from fractalgen.cli.output import check_output, max_side, save_image


@click.command("contact-sheet", cls=PlainCommand)
@options.SET
@options.image_output("contact-sheet.png")
@click.option(
    "--family", metavar="NAME", help="Show only images of this family.  [default: all families]"
)
@click.option(
    "--n", type=click.IntRange(min=1), default=60, show_default=True, help="Number of images."
)
@click.option(
    "--columns", type=click.IntRange(min=1), default=10, show_default=True, help="Images per row."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed for choosing images.")
@click.option(
    "--tile",
    type=click.IntRange(8, 4096),
    default=128,
    show_default=True,
    help="Side of each image on the page, in pixels.",
)
def contact_sheet(set_folder: Path, output: Path, **given: Any) -> None:
    """Show random images of a set on one page.

    SET is the set's folder, by default ./ipmix-set.
    """
    from fractalgen.mixing_set.viewing.contact_sheet import contact_sheet as lay_out

    check_output(output, set_folder)
    save_image(lay_out(set_folder, max_side=max_side(output), **given), output)
