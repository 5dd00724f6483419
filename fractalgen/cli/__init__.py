"""The command line. Only Click is imported here; a command's body imports what it needs."""

import contextlib
import gc
import os
import sys
import warnings

import click

from fractalgen.cli.group import CommandGroup
from fractalgen.cli.interruption import INTERRUPTED, catch_signals
from fractalgen.version import __version__

__all__ = ["cli", "main"]


@click.group(
    cls=CommandGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="fractalgen", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Draw the mixing set of images that IPMix-style augmentation needs, and train with it.

    'fractalgen build-set' draws all of it into ./ipmix-set. Every image is a function of
    recorded parameters, and free of anyone's rights (CC0). 'fractalgen train-with-set' trains a
    classifier with it, and 'fractalgen evaluate' measures how robust that is.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Run the command line: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    if not sys.warnoptions:  # this process is ours, but for what -W or PYTHONWARNINGS asks for
        warnings.filterwarnings("ignore", module=r"PIL\b")  # of images' odd metadata
    # Imports and compiled kernels are many objects that stay: looking through them for garbage at
    # Python's default of 700 new ones takes a tenth of a first image's time.
    gc.set_threshold(10_000)
    try:
        catch_signals()
        cli.main(prog_name="fractalgen")
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            # A thread may be inside a large image, and an ordinary exit would wait for it.
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(INTERRUPTED)
        raise
