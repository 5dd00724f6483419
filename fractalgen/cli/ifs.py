"""``fractalgen ifs``."""

import click

from fractalgen.cli.family_command import family_command

ifs = family_command(
    "ifs",
    """Draw fractals of iterated function systems.

    They go to OUT, ./ipmix-set if left out. Each picture has its own random system, colours
    and background. What is there already is kept, so that the same command goes on after an
    interruption.
    """,
    click.option(
        "--objects",
        type=click.IntRange(1, 5),
        default=1,
        show_default=True,
        help="Fractals in a picture.",
    ),
)
