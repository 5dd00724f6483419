"""Options and arguments that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import click

__all__ = ["FORMATS", "JSON", "OUT", "QUIET", "SET", "WORKERS", "build_options", "recipe_options"]

F = TypeVar("F", bound=Callable[..., Any])


class Decorator(Protocol):
    """Adds an option to a command."""

    def __call__(self, function: F, /) -> F:
        """Return the function with the option."""


FORMATS = ("jpeg", "png", "webp")
_FOLDER = click.Path(path_type=Path)

OUT = click.argument("out", metavar="[OUT]", type=_FOLDER, default="ipmix-set")
SET = click.argument("set_folder", metavar="[SET]", type=_FOLDER, default="ipmix-set")
QUIET = click.option("--quiet", is_flag=True, help="Show neither progress nor summary.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
WORKERS = click.option(
    "--workers", type=click.IntRange(1, 1024), help="Threads.  [default: one per processor]"
)


class _Format(click.ParamType):  # type: ignore[type-arg] # generic in later releases alone
    """A picture format; a wrong name is answered with the nearest."""

    name = "format"

    def get_metavar(self, *_: Any, **__: Any) -> str:
        return "|".join(FORMATS)

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> str:
        name = str(value).lower()
        name = "jpeg" if name == "jpg" else name
        if name not in FORMATS:
            from fractalgen.registry import nearest

            hint = nearest(name, list(FORMATS))
            self.fail(f"no format is called '{value}': {hint}", param, ctx)
        return name


def recipe_options(*, with_defaults: bool) -> Decorator:
    """Return --size, --seed and --format; without defaults None stands for the recipe's own."""
    size, seed, format_ = (256, 0, "jpeg") if with_defaults else (None, None, None)
    shown = with_defaults
    return _together(
        click.option(
            "--size", type=int, default=size, show_default=shown, help="Pixels a side, 16 to 16384."
        ),
        click.option(
            "--seed", type=int, default=seed, show_default=shown, help="The set's seed, 0 or more."
        ),
        click.option(
            "--format",
            "format_",
            type=_Format(),
            default=format_,
            show_default=shown,
            help="JPEG at quality 95, or a format without loss.",
        ),
    )


def _together(*decorators: Callable[[Any], Any]) -> Decorator:
    """Make one decorator of several, whose options come in this order on the help page."""

    def decorate(function: F, /) -> F:
        decorated: Any = function
        for decorator in reversed(decorators):
            decorated = decorator(decorated)
        return cast(F, decorated)

    return decorate


def build_options() -> Decorator:
    """Return the options of every command that builds."""
    overwrite = click.option(
        "--overwrite",
        is_flag=True,
        help="Draw anew: replace the pictures of the families asked for, and if size, seed or "
        "format differ from the set's, all that were drawn.",
    )
    return _together(WORKERS, overwrite, QUIET, JSON)
