"""A group that loads commands on first use, and commands that turn exceptions into messages."""

import errno
import importlib
import os
import signal
import sys
import time
from typing import IO, Any

import click

from fractalgen.families import FAMILIES

__all__ = [
    "COMMANDS",
    "INTERRUPTED",
    "CommandGroup",
    "Failure",
    "PlainCommand",
    "WrongUsage",
    "catch_signals",
]

INTERRUPTED = 130
"""The exit code after a Ctrl-C."""

_PATIENCE_SECONDS = 2.0
_MOMENT_SECONDS = 0.01

COMMANDS = {
    "build-set": "build_set:build_set",
    **dict.fromkeys(FAMILIES, "families:FamilyCommand"),
    "collect": "collect:collect",
    "merge": "merge:merge",
    "recipes": "recipes:recipes",
    "palettes": "palettes:palettes",
    "verify": "verify:verify",
    "contact-sheet": "contact_sheet:contact_sheet",
    "stats": "stats:stats",
    "export": "export:export",
    "gallery": "gallery:gallery",
    "render": "render:render",
    "show-ipmix": "show_ipmix:show_ipmix",
    "show-methods": "show_methods:show_methods",
    "train-with-set": "train_with_set:train_with_set",
    "corrupt": "corrupt:corrupt",
    "evaluate": "evaluate:evaluate",
    "compare": "compare:compare",
    "inspect": "inspect:inspect",
}
"""The module and function (or class) of each command, in the order of the help page."""


def catch_signals() -> None:
    """Raise KeyboardInterrupt at the first SIGINT or SIGTERM only.

    A second one would interrupt the cleanup after the first. A signal that comes more than two
    seconds after the first ends the process at once.

    What is raised in a destructor, or in a callback of the interpreter, is lost there. Then it is
    raised again a moment later.
    """
    first: float | None = None
    report = sys.unraisablehook

    def handle(_number: int, _frame: Any) -> None:
        nonlocal first
        now = time.monotonic()
        if first is None:
            first = now
            raise KeyboardInterrupt
        if now - first > _PATIENCE_SECONDS:
            os._exit(INTERRUPTED)

    def raise_again(lost: Any) -> None:
        nonlocal first
        if lost.exc_type is KeyboardInterrupt and hasattr(signal, "setitimer"):
            first = None
            signal.setitimer(signal.ITIMER_REAL, _MOMENT_SECONDS)
        else:
            report(lost)

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as it is in a shell's background jobs
            signal.signal(number, handle)
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, handle)
    sys.unraisablehook = raise_again


class Failure(click.ClickException):
    """The command failed."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message on stderr."""
        click.echo(f"Error: {self.message}", file=file, err=file is None)


class SilentFailure(Failure):
    """The command failed for a reason that another process prints."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print nothing."""


class WrongUsage(Failure):
    """The command was called with wrong or contradictory arguments."""

    exit_code = 2


class Interrupted(Failure):
    """The command was interrupted."""

    exit_code = INTERRUPTED

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message on stderr, on a line below the terminal's ``^C``."""
        click.echo(f"\n{self.message}", file=file, err=file is None)


class PlainCommand(click.Command):
    """A command that reports exceptions as one-line messages."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and turn exceptions into messages and exit codes."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt as error:
            raise Interrupted(_how_to_resume(error, ctx)) from None
        except MemoryError:
            what = "--batch-size" if "batch_size" in ctx.params else "--size"
            raise Failure(f"not enough memory; try a smaller {what} or fewer --workers") from None
        except Exception as error:
            failure = _in_words(error)
            if failure is None and _follows_interruption(error):
                raise Interrupted(_how_to_resume(KeyboardInterrupt(), ctx)) from None
            if failure is None:
                raise
            raise failure from error


class CommandGroup(click.Group):
    """A group that imports a command's module when the command is used."""

    command_class = PlainCommand

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command's module; every family in the registry has a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        found = getattr(importlib.import_module(f"{__package__}.{module}"), name)
        command: click.Command = found(cmd_name) if cmd_name in FAMILIES else found
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the nearest to an unknown one."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from fractalgen.registry import nearest

            hint = nearest(args[0], list(COMMANDS))
            raise WrongUsage(f"unknown command '{args[0]}': {hint}")
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command line and exit; an error is one line."""
        try:
            code = super().main(*args, **{**extra, "standalone_mode": False})
        except click.UsageError as error:
            way_out = f" See '{error.ctx.command_path} --help'." if error.ctx else ""
            message = error.format_message()
            end = "" if message.endswith((".", "?")) else "."
            click.echo(f"Error: {message}{end}{way_out}", err=True)
            sys.exit(error.exit_code)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(INTERRUPTED)
        except OSError as error:
            # The reader closed the pipe, or stdout cannot be written. Drop the buffered output,
            # or flushing it would fail again when the interpreter exits.
            _discard_output()
            if not isinstance(error, BrokenPipeError):
                click.echo(f"Error: {error.strerror or error}", err=True)
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)


def _follows_interruption(error: BaseException) -> bool:
    """Whether a Ctrl-C came first, in the middle of what then could not be completed.

    As in Python's own locks: "release unlocked lock".
    """
    cause = error.__context__
    return cause is not None and (
        isinstance(cause, KeyboardInterrupt) or _follows_interruption(cause)
    )


def _in_words(error: Exception) -> Failure | None:
    """Return the failure to report for an exception; None for a bug."""
    from fractalgen import errors

    usage = (
        errors.ArgumentError,
        errors.PaletteError,
        errors.RecipeError,
        errors.RunUsageError,
        errors.UnknownNameError,
    )
    if isinstance(error, errors.OtherProcessError):
        return SilentFailure(str(error))
    if isinstance(error, usage):
        return WrongUsage(str(error))
    if isinstance(error, OSError):
        if error.filename is None:
            return Failure(f"{error.strerror or error}")
        if isinstance(error, FileExistsError) and not os.path.isdir(error.filename):  # noqa: PTH112
            return Failure(f"{error.filename} is not a folder")
        way_out = _WAYS_OUT.get(error.errno or 0, "")
        return Failure(f"{error.filename}: {error.strerror}.{way_out}")
    if isinstance(error, errors.FractalgenError):
        return Failure(str(error))
    return None


_WAYS_OUT = {
    errno.ENOSPC: " Free some space and run it again.",
    errno.EDQUOT: " Free some space and run it again.",
    errno.EISDIR: " Move it away first.",
}


def _how_to_resume(error: KeyboardInterrupt, ctx: click.Context) -> str:
    if "resume" in ctx.params:
        instead = ", without --overwrite" if ctx.params.get("overwrite") else ""
        return f"Interrupted. Run the same command again with --resume{instead} to continue."
    done = getattr(error, "n_done", None)
    if done is None:
        return "Interrupted. Run the same command again."
    total: int | None = error.n_total  # type: ignore[attr-defined]
    of = f"{done:,} images" if total is None else f"{done:,} of {total:,} images"
    return f"Interrupted after {of}. Run the same command again to continue."


def _discard_output() -> None:
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 1)
