"""``fractalgen compare``."""

from pathlib import Path

import click

from fractalgen.cli.group import PlainCommand, WrongUsage
from fractalgen.cli.options import JSON, PATH


@click.command(cls=PlainCommand)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=PATH)
@click.option("--details", is_flag=True, help="Also show each corruption and perturbation.")
@click.option("--markdown", is_flag=True, help="Print the table in Markdown.")
@JSON
def compare(runs: tuple[Path, ...], details: bool, markdown: bool, as_json: bool) -> None:
    """Compare the results of several runs.

    Each RUN is the folder of a run that 'fractalgen evaluate' has measured. Runs that differ only
    in their seed share a column, which shows the mean and the sample standard deviation. Notes
    below the table list differences in how the runs were measured; figures of a column that were
    measured differently are not averaged.
    """
    import json
    import shutil
    import sys

    from fractalgen.cli.output import printable
    from fractalgen.evaluation.compare import compare as compare_runs

    if markdown and as_json:
        raise WrongUsage("--markdown and --json cannot be combined")
    comparison = compare_runs(runs)
    if as_json:
        click.echo(json.dumps(comparison.to_json(), indent=2))
    elif markdown:
        text = comparison.to_markdown(details=details)
        click.echo(printable(text, sys.stdout.encoding))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        text = comparison.to_text(details=details, width=width)
        click.echo(printable(text, sys.stdout.encoding))
