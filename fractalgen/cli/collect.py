"""``fractalgen collect``, and how ``build-set`` collects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand

if TYPE_CHECKING:
    from fractalgen.mixing_set.building.summary import Summary
    from fractalgen.mixing_set.collecting.collect import CollectOptions

__all__ = ["COLLECT", "collect", "collect_options", "print_collected", "print_refused"]

_MAX_SHOWN = 20  # refused images; more are shown by reason
_MIN_BYTES = 1000

COLLECT = options.together(
    click.option(
        "--licence", "--license", help="Licence of images for which the source gives none."
    ),
    click.option("--author", help="Author of images for which the source gives none."),
    click.option(
        "--skip-near-duplicates",
        is_flag=True,
        help="Leave out images that look like another one in the folder.  "
        "[default: only report them]",
    ),
    click.option(
        "--max-bytes",
        type=click.IntRange(min=_MIN_BYTES),
        help="Maximum size of a download.  [default: 64 MiB for an image of a list, else 8 GiB]",
    ),
    click.option(
        "--connections",
        type=click.IntRange(1, 256),
        default=16,
        show_default=True,
        help="Maximum number of downloads at the same time.",
    ),
    click.option(
        "--per-host",
        type=click.IntRange(1, 64),
        default=4,
        show_default=True,
        help="Maximum number of downloads from one host at the same time.",
    ),
    click.option(
        "--delay",
        metavar="SECONDS",
        type=click.FloatRange(0, 3600),
        default=0,
        show_default=True,
        help="Minimum time between two requests to a host; robots.txt can demand more.",
    ),
    click.option(
        "--timeout",
        metavar="SECONDS",
        type=click.FloatRange(1, 3600),
        default=60,
        show_default=True,
        help="Maximum time of a download; each 10 kB received adds a second.",
    ),
    click.option(
        "--retries",
        type=click.IntRange(0, 20),
        default=3,
        show_default=True,
        help="Number of retries after a temporary failure, such as a timeout.",
    ),
    click.option(
        "--allow-private",
        is_flag=True,
        help="Allow private and local addresses, and the proxy that the environment sets.",
    ),
)
"""How to collect."""


def collect_options(
    *,
    licence: str | None,
    author: str | None,
    skip_near_duplicates: bool,
    max_bytes: int | None,
    connections: int,
    **web: Any,
) -> CollectOptions:
    """Return what the options of `COLLECT` say."""
    from fractalgen.files.downloader import WebOptions
    from fractalgen.mixing_set.collecting.collect import CollectOptions

    return CollectOptions(
        licence, author, skip_near_duplicates, max_bytes, connections, WebOptions(**web)
    )


@click.command("collect", cls=PlainCommand)
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=options.PLACE)
@click.option(
    "--into",
    metavar="SET",
    type=options.PATH,
    default="ipmix-set",
    show_default=True,
    help="The set to add to; created if necessary.",
)
@click.option(
    "--name",
    default="extra",
    show_default=True,
    help="Folder in the set for the images; images in 'features' replace drawn features.",
)
@COLLECT
@options.WORKERS
@options.QUIET
@options.JSON
def collect(
    sources: tuple[str, ...],
    into: Path,
    name: str,
    workers: int | None,
    quiet: bool,
    as_json: bool,
    **collecting: Any,
) -> None:
    """Collect your own images into a set.

    SOURCE is a folder, an image, an archive (zip, tar, tar.gz, tar.bz2, tar.xz), the URL of an
    image or of an archive, or a list of URLs: one per line, or CSV with the column url, and
    optionally licence, author and hash.

    Each image is decoded to check it, and stored without metadata, as RGB or, in a grey set, as
    grey. The manifest records its origin, licence and author. The same command resumes after an
    interruption, and does not download images of a list again if the set has them. Images that
    cannot be used are listed with the reason, and the exit code is then 1.
    """
    from fractalgen.cli.build_set import run_build
    from fractalgen.mixing_set.recipes.recipe import Recipe

    run_build(
        Recipe(families=()),
        into,
        workers=workers,
        overwrite=False,
        quiet=quiet,
        as_json=as_json,
        collected={name: list(sources)},
        collecting=collect_options(**collecting),
    )


def print_refused(summary: Summary) -> None:
    """Print refused images on stderr, by reason if there are many."""
    if len(summary.refused) <= _MAX_SHOWN:
        for one in summary.refused:
            click.echo(f"Refused {_shown(one.path)}: {one.reason}", err=True)
        return
    width = max(len(f"{n:,}") for _, n, _ in summary.reasons)
    for reason, n, first in summary.reasons[:_MAX_SHOWN]:
        click.echo(f"Refused {n:>{width},}: {reason} (such as {_shown(first)})", err=True)
    n_left = sum(n for _, n, _ in summary.reasons[_MAX_SHOWN:])
    if n_left:
        click.echo(f"Refused {n_left:>{width},} for other reasons; --json lists all.", err=True)


def print_collected(summary: Summary) -> None:
    """Print near duplicates and licences on stdout."""
    n, n_left_out = len(summary.near_duplicates), summary.n_left_out
    if n:
        new, like = summary.near_duplicates[0]
        what = "1 image looks like another" if n == 1 else f"{n:,} images look like others"
        were = "was" if n == 1 else "were"
        left_out = f" and {were} left out" if n_left_out else ""
        example = f"{_shown(new)} like {like}"
        click.echo(f"{what}{left_out}: {'' if n == 1 else 'such as '}{example}.")
    if summary.licences:
        click.echo("Licences of the collected images:")
        width = max(len(f"{n:,}") for _, n in summary.licences)
        for licence, number in summary.licences:
            click.echo(f"  {number:>{width},}  {_shown(licence)}")


def _shown(text: str) -> str:
    """Return a text from outside without what a terminal would obey."""
    name = click.format_filename(text)
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name
    )
