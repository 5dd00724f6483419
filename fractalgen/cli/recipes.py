"""``fractalgen recipes``."""

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand
from fractalgen.cli.output import images, in_units, print_json


@click.command("recipes", cls=PlainCommand)
@options.JSON
def recipes(as_json: bool) -> None:
    """List the recipes that 'build-set --recipe NAME' draws.

    Sizes on disk and drawing times are for JPEG images of 256 pixels. They are the recipe's numbers
    of images times the means of measured images.
    """
    from fractalgen.mixing_set.recipes.shipped import MEASURED_ON, shipped_recipes

    found = shipped_recipes()
    if as_json:
        print_json({"measured_on": MEASURED_ON, "recipes": [one.as_json() for one in found]})
        return
    width = max(len(one.name) for one in found)
    for one in found:
        counts = ", ".join(f"{family.n:,} {family.name}" for family in one.recipe.families)
        click.echo(
            f"{one.name:<{width}}  {images(one.n_images)}, {in_units(one.n_bytes)}, "
            f"{one.seconds:.0f} s: {counts}"
        )
        click.echo(f"{'':<{width}}  {one.description}")
    click.echo(f"For JPEG images of 256 pixels, measured on {MEASURED_ON}.")
