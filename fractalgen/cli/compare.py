"""``fractalgen compare``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import click
from click.core import ParameterSource

from fractalgen.cli import options
from fractalgen.cli.group import WrongUsage
from fractalgen.cli.measuring import MeasuringCommand

_OF_RUNS = ("runs", "out", "details", "markdown", "as_json", "quiet")
_MAX_LISTED = 5


class _Seeds(click.ParamType):  # type: ignore[type-arg] # generic in later releases alone
    """Comma-separated whole numbers."""

    name = "seeds"

    def get_metavar(self, *_: Any, **__: Any) -> str:
        return "N,..."

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).split(",") if part.strip()]
        if not parts or not all(part.isascii() and part.isdecimal() for part in parts):
            self.fail(f"'{value}' must be whole numbers from 0, such as 0,1,2", param, ctx)
        return tuple(map(int, parts))


class _CompareCommand(MeasuringCommand):
    """Measures every run on the same OOD images."""

    default_texts: ClassVar[dict[str, str]] = {"ood": "noise"}


@click.command("compare", cls=_CompareCommand)
@click.argument("runs", metavar="[RUN]...", nargs=-1, type=options.PATH)
@click.option(
    "--methods",
    type=options.NAMES,
    help="Train and evaluate these methods, such as vanilla,ipmix:jsd=false:epochs=5. Options "
    "follow after colons, lists with plus signs: ipmix:levels=image+patch. 'all' stands for every "
    "method of 'train-with-set'.",
)
@click.option(
    "--preset",
    metavar="NAME",
    help="A table of the paper: table2, table3, table5, table7, table8, table10, table11, table12, "
    "table15, table17 or table19. The other options replace its settings.",
)
@click.option("--dataset", "datasets", type=options.NAMES, help="Data sets.  [default: digits]")
@click.option("--model", "models", type=options.NAMES, help="Networks.  [default: the data set's]")
@click.option("--seeds", type=_Seeds(), help="Seeds of the runs.  [default: 0]")
@click.option("--sets", type=options.NAMES, help="Mixing sets.  [default: ipmix-set]")
@click.option("--metrics", type=options.NAMES, help="Figures of the table.  [default: all]")
@click.option(
    "--recipe",
    metavar="paper|official|fractalgen",
    help="Defaults of training.  [default: paper]",
)
@click.option("--epochs", type=click.IntRange(min=1), help="Epochs.  [default: the recipe's]")
@click.option(
    "--batch-size", type=click.IntRange(min=2), help="Images per step.  [default: the recipe's]"
)
@click.option("--learning-rate", type=float, help="Peak learning rate.  [default: the recipe's]")
@click.option("--weight-decay", type=float, help="Weight decay of SGD.  [default: the recipe's]")
@click.option(
    "--image-size",
    type=click.IntRange(8, 1024),
    help="Side of the images in pixels.  [default: the data set's]",
)
@click.option("--weights", metavar="FILE", help="Weights to start from, as in train-with-set.")
@click.option(
    "--hold-out",
    metavar="SHARE",
    type=click.FloatRange(0, 0.9),
    help="Share of the training images to leave out.  [default: 0]",
)
@click.option(
    "--images",
    type=click.Choice(["test", "validation"]),
    default="test",
    show_default=True,
    help="Images to measure on.",
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    help="Measure everything except the clean error on N test images.  [default: all]",
)
@click.option(
    "--measure-seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed for generated corruptions, sequences and attacks.",
)
@click.option(
    "--eval-batch-size",
    type=click.IntRange(min=1),
    default=128,
    show_default=True,
    help="Images per batch of the evaluation.",
)
@click.option(
    "--parallel",
    metavar="N",
    type=click.IntRange(min=1),
    help="Runs at once; each gets its share of the CPU cores.  [default: one per GPU, or 1]",
)
@click.option(
    "--out",
    metavar="DIR",
    type=options.PATH,
    help="Folder for the runs and the tables.  [default: comparison, or the preset's name]",
)
@options.DATA_DIR
@options.DEVICE
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    show_default=True,
    help="Number format for training.",
)
@click.option("--compile", "compiling", is_flag=True, help="Compile the networks.")
@click.option("--workers", type=click.IntRange(min=0), help="Worker processes of each run.")
@click.option("--details", is_flag=True, help="Also show each corruption and perturbation.")
@click.option("--markdown", is_flag=True, help="Print the table in Markdown.")
@options.QUIET
@options.JSON
@click.pass_context
def compare(ctx: click.Context, /, runs: tuple[Path, ...], **given: Any) -> None:
    """Compare runs, or train and evaluate them first.

    Each RUN is the folder of a run that 'fractalgen evaluate' has measured, such as runs/*; files
    and other folders are left out, with a note. Runs that differ only in their seed share a column,
    which shows the mean and the sample standard deviation. Notes below the table list differences
    in how the runs were measured; figures of a column that were measured differently are not
    averaged.

    With --methods or --preset, every method is trained and evaluated on every data set, model,
    mixing set and seed. The same command again does only what is missing. The folder DIR has the
    runs, and the tables as comparison.json, .md, .tex, .csv and .html; in .json and .csv, shares
    are fractions from 0 to 1, not percent.
    """
    if given["markdown"] and given["as_json"]:
        raise WrongUsage("--markdown and --json cannot be combined")
    chosen = [
        param
        for param in ctx.command.get_params(ctx)
        if param.name is not None
        and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    ]
    if runs:
        alien = [param.opts[0] for param in chosen if param.name not in _OF_RUNS]
        if {"--methods", "--preset"} & set(alien):
            raise WrongUsage(
                "give RUNs to compare, or --methods or --preset to train new ones, not both"
            )
        if alien:
            raise WrongUsage(
                f"{alien[0]} is for comparisons with --methods or --preset, not of RUNs"
            )
        _of_runs(runs, **{name: given[name] for name in _OF_RUNS if name != "runs"})
    elif given["methods"] is None and given["preset"] is None:
        raise WrongUsage(
            "give the folders of the runs to compare, or --methods or --preset to train them"
        )
    else:
        from fractalgen.cli.compare_grid import compare_grid

        ctx.exit(compare_grid({str(param.name) for param in chosen}, given))


def _of_runs(
    runs: tuple[Path, ...],
    *,
    out: Path | None,
    details: bool,
    markdown: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    from fractalgen.cli.output import print_json, print_text, terminal
    from fractalgen.evaluation.compare import compare as compare_runs

    runs, others = _told_apart(runs)
    if not runs:
        raise WrongUsage(_no_runs(others))
    if others and not quiet:
        names = ", ".join(map(str, others[:_MAX_LISTED]))
        more = f" and {len(others) - _MAX_LISTED} more" if len(others) > _MAX_LISTED else ""
        click.echo(f"left out, because they are not runs: {names}{more}", err=True)
    comparison = compare_runs(runs)
    if out is not None:
        from fractalgen.experiments.outputs import write_outputs

        write_outputs(out, comparison)
    if as_json:
        print_json(comparison.to_json())
    elif markdown:
        print_text(comparison.to_markdown(details=details))
    elif not quiet:
        width, bold = terminal()
        print_text(comparison.to_text(details=details, width=width, bold=bold))


def _told_apart(paths: Iterable[Path]) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return the runs, and what else is there: a pattern such as ``runs/*`` finds everything.

    What does not exist counts as a run, so that it is not overlooked.
    """
    from fractalgen.evaluation.compare import is_run

    runs: list[Path] = []
    others: list[Path] = []
    for path in paths:
        (runs if is_run(path) or not path.exists() else others).append(path)
    return tuple(runs), tuple(others)


def _no_runs(paths: Sequence[Path]) -> str:
    """Say what to type instead of paths none of which is a run."""
    from fractalgen.evaluation.compare import is_run
    from fractalgen.experiments.grid import RUNS

    what = f"{paths[0]} is not a run" if len(paths) == 1 else "none of these is a run"
    for path in paths:
        for place in (path, path / RUNS, path.parent / RUNS):
            if place.is_dir() and any(map(is_run, place.iterdir())):
                return f"{what}; 'fractalgen compare {place}/*' compares the runs in {place}"
    return f"{what}; give the folders that 'fractalgen train-with-set' wrote, such as runs/*"
