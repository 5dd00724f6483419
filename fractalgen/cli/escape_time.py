"""``fractalgen escape-time``."""

import click

from fractalgen.cli.family_command import family_command

escape_time = family_command(
    "escape-time",
    """Draw escape-time fractals with orbit traps.

    They go to OUT, ./ipmix-set if left out: Mandelbrot and Julia sets of several powers,
    Burning Ships and Tricorns. What is there already is kept, so that the same command goes on
    after an interruption.
    """,
    click.option(
        "--supersample",
        type=click.IntRange(1, 4),
        default=2,
        show_default=True,
        help="Samples per pixel along each side.",
    ),
)
