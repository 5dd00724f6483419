"""Options and arguments that several commands share."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import click

from fractalgen.images.formats import FORMATS
from fractalgen.mixing_set.engines import ENGINES

__all__ = [
    "BUILD",
    "DATA_DIR",
    "DEVICE",
    "FOLDER_OR_URL",
    "JSON",
    "MIXING_SET",
    "NAMES",
    "NEW_FOLDER_OR_URL",
    "OUT",
    "PATH",
    "PLACE",
    "QUIET",
    "RECIPE",
    "SET",
    "WORKERS",
    "Names",
    "image_output",
    "prepare_torch",
    "together",
]

F = TypeVar("F", bound=Callable[..., Any])


class Decorator(Protocol):
    """Adds an option to a command."""

    def __call__(self, function: F, /) -> F:
        """Return the function with the option."""


class _Path(click.Path):
    """A path that must not be empty."""

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("the path is empty", param, ctx)
        return super().convert(value, param, ctx)


PATH = _Path(path_type=Path, readable=False)
PLACE = _Path(path_type=str, readable=False)
"""A path or a URL."""


class _PartType(_Path):
    """A text such as 2/8; the Part is made without loading it for the help page."""

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        from fractalgen.errors import ArgumentError
        from fractalgen.mixing_set.recipes.part import Part

        try:
            return value if isinstance(value, Part) else Part.parse(value)
        except ArgumentError as error:
            self.fail(str(error), param, ctx)


_ONE_SLASH = re.compile(r"(s3|gs|abfs|memory|file):/[^/]")


class _FolderOrUrl(_Path):
    """A folder as a Path, or the URL of an object store as text, because a Path would alter it."""

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        text = super().convert(value, param, ctx)
        if isinstance(text, str) and _ONE_SLASH.match(text) and not Path(text).exists():
            scheme, _, rest = text.partition(":/")
            self.fail(f"a URL has two slashes: {scheme}://{rest}", param, ctx)
        return text if isinstance(text, str) and "://" in text else Path(text)


class _NewFolderOrUrl(_FolderOrUrl):
    """A place where a set is written."""

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        place = super().convert(value, param, ctx)
        if isinstance(place, str) and place.lower().startswith("memory:"):
            self.fail(
                "memory:// ends with this command, and the set with it; use a folder or a URL "
                "such as s3://bucket/prefix",
                param,
                ctx,
            )
        return place


FOLDER_OR_URL = _FolderOrUrl(path_type=str, readable=False)
NEW_FOLDER_OR_URL = _NewFolderOrUrl(path_type=str, readable=False)

OUT = click.argument("out", metavar="[OUT]", type=NEW_FOLDER_OR_URL, default="ipmix-set")
SET = click.argument("set_folder", metavar="[SET]", type=FOLDER_OR_URL, default="ipmix-set")
MIXING_SET = click.option(
    "--set",
    "mixing_set",
    metavar="SET",
    type=PLACE,
    default="ipmix-set",
    show_default=True,
    help="Images to mix with: a mixing set, any other folder, or the URL of a set in shards.",
)
QUIET = click.option("--quiet", is_flag=True, help="Hide the progress bar and the summary.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
WORKERS = click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    help="Number of threads.  [default: one per CPU core]",
)


DATA_DIR = click.option(
    "--data-dir",
    type=PATH,
    default="data",
    show_default=True,
    help="Folder for data sets; missing ones are downloaded to it.",
)
DEVICE = click.option(
    "--device",
    default="auto",
    show_default=True,
    help="Device to run on: cpu, cuda, mps, ...; auto picks the fastest.",
)


class Names(click.ParamType):  # type: ignore[type-arg] # generic in later releases alone
    """Comma-separated names."""

    name = "names"

    def get_metavar(self, *_: Any, **__: Any) -> str:
        """Return what stands for a value on the help page."""
        return "NAME,..."

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> tuple[str, ...]:
        """Split a value at its commas."""
        if isinstance(value, tuple):
            return value
        return tuple(name.strip() for name in str(value).split(",") if name.strip())


class _SomeNames(Names):
    """One name or more; a lone comma would otherwise stand for the default."""

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> tuple[str, ...]:
        names = super().convert(value, param, ctx)
        if not names and not isinstance(value, tuple):
            self.fail(f"'{value}' has no names", param, ctx)
        return names


NAMES = _SomeNames()


def image_output(default: str) -> Callable[[F], F]:
    """Make the option for the image file that a command writes."""
    return click.option(
        "-o",
        "--output",
        type=PATH,
        default=default,
        show_default=True,
        help="File to write: .png, .jpg or .webp.",
    )


def prepare_torch(command: str) -> None:
    """Check that torch is installed, and set what must be set before it is imported.

    Torch's waiting threads sleep instead of spinning. This makes a run up to twice as fast while
    another program is running, and no slower otherwise.
    """
    import importlib.util
    import os

    from fractalgen.cli.group import Failure

    needed = ("accelerate", "safetensors", "sklearn", "torch", "torchvision")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise Failure(
            f"{command} needs {', '.join(missing)}; install the extra 'train': "
            "pip install 'fractalgen-ipmix[train]', or '.[train]' in a checkout"
        )
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


class _Format(click.ParamType):  # type: ignore[type-arg] # generic in later releases alone
    """An image format; for an unknown name the error suggests the nearest one."""

    name = "format"

    def get_metavar(self, *_: Any, **__: Any) -> str:
        return "|".join(FORMATS)

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> str:
        name = str(value).lower()
        name = "jpeg" if name == "jpg" else name
        if name not in FORMATS:
            from fractalgen.registry import nearest

            hint = nearest(name, list(FORMATS))
            self.fail(f"unknown format '{value}': {hint}", param, ctx)
        return name


def together(*decorators: Callable[[Any], Any]) -> Decorator:
    """Combine decorators into one; their options keep this order on the help page."""

    def decorate(function: F, /) -> F:
        decorated: Any = function
        for decorator in reversed(decorators):
            decorated = decorator(decorated)
        return cast(F, decorated)

    return decorate


RECIPE = together(
    click.option(
        "--size",
        type=int,
        help="Side of the images in pixels, 16 to 16384.  [default: the existing set's, else 256]",
    ),
    click.option(
        "--seed",
        type=int,
        help="Seed of the set, 0 or more.  [default: the existing set's, else 0]",
    ),
    click.option(
        "--format",
        type=_Format(),
        help="Image format. JPEG uses quality 95; PNG and WebP are lossless.  [default: the "
        "existing set's, else jpeg]",
    ),
    click.option(
        "--gray/--color",
        default=None,
        help="Draw in grey; such JPEG and PNG files are smaller.  [default: the existing set's, "
        "else color]",
    ),
)
"""Settings that apply to a whole set."""

BUILD = together(
    WORKERS,
    click.option(
        "--engine",
        metavar="|".join(ENGINES),
        default="local",
        show_default=True,
        help="; ".join(f"{name}: {text}" for name, text in ENGINES.summaries.items()) + ".",
    ),
    click.option(
        "--address",
        metavar="auto|HOST:PORT",
        help="The Ray cluster to use; auto is the one that this machine belongs to.  "
        "[default: start Ray on this machine, with --workers CPUs]",
    ),
    click.option(
        "--overwrite",
        is_flag=True,
        help="Replace existing images of the requested families, or all drawn images if the size, "
        "seed, format or colour changes. After an interruption the same command resumes.",
    ),
    click.option(
        "--shards",
        is_flag=True,
        help="Write tar files of WebDataset's layout instead of a file per image. OUT can then be "
        "a URL such as s3://bucket/prefix.",
    ),
    click.option(
        "--shard-size",
        metavar="N",
        type=click.IntRange(1, 1_000_000),
        help="Images per shard; implies --shards.  [default: the existing set's, else 1,000]",
    ),
    click.option(
        "--part",
        metavar="I/N",
        type=_PartType(),
        help="Draw only part I of N of the set, and leave the others to other jobs; "
        "'fractalgen merge' joins the parts.",
    ),
    QUIET,
    JSON,
)
"""The options of every command that builds."""
