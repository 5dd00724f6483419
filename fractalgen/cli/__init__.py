"""The command line. Only Click is imported here; a command's body imports what it needs."""

import contextlib
import gc
import os
import sys
import warnings

import click

from fractalgen.cli.group import INTERRUPTED, CommandGroup, catch_signals
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
    """Draw the mixing set that IPMix-style augmentation needs, and train with it.

    'fractalgen build-set' draws the standard set into ./ipmix-set. Every image is a function of
    recorded parameters and in the public domain (CC0). 'fractalgen train-with-set' trains a
    classifier with the set, and 'fractalgen evaluate' measures how robust it is.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Run the command line: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    if not sys.warnoptions:  # respect -W and PYTHONWARNINGS
        warnings.filterwarnings("ignore", module=r"PIL\b")  # about images' odd metadata
    # Imports and compiled kernels leave many long-lived objects. At Python's default threshold of
    # 700, garbage collection takes a tenth of the time to the first image.
    gc.set_threshold(10_000)
    try:
        catch_signals()
        cli.main(prog_name="fractalgen")
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            # A thread may still be drawing a large image, and an ordinary exit would wait for it.
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(INTERRUPTED)
        raise
