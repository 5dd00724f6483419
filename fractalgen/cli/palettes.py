"""``fractalgen palettes``."""

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand
from fractalgen.cli.output import print_json


@click.command("palettes", cls=PlainCommand)
@options.JSON
def palettes(as_json: bool) -> None:
    """List the shipped palettes and their colours.

    '--palette NAME' draws in one of them.
    """
    from fractalgen.color.palettes import load, names

    found = [load(name) for name in names()]
    if as_json:
        print_json({palette.name: list(palette.colors) for palette in found})
        return
    width = max(len(palette.name) for palette in found)
    for palette in found:
        click.echo(f"{palette.name:<{width}}  {','.join(palette.colors)}")
