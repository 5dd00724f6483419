"""``fractalgen compare``."""

from pathlib import Path

import click

from fractalgen.cli.group import PlainCommand, WrongUsage
from fractalgen.cli.options import JSON, PATH


@click.command(cls=PlainCommand)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=PATH)
@click.option("--details", is_flag=True, help="Show each corruption and perturbation too.")
@click.option("--markdown", is_flag=True, help="Print the table in Markdown.")
@JSON
def compare(runs: tuple[Path, ...], details: bool, markdown: bool, as_json: bool) -> None:
    """Set the figures of several runs beside each other.

    Each RUN is a folder that 'fractalgen evaluate' has measured. Runs that differ in their seed
    alone become one column, with the mean and the sample standard deviation. What was not
    measured alike, a note below the table names; within a column it has no mean.
    """
    import json
    import shutil
    import sys

    from fractalgen.evaluation.comparison import compare as compare_results
    from fractalgen.evaluation.report.comparison_table import as_markdown, as_text
    from fractalgen.evaluation.report.printing import printable
    from fractalgen.evaluation.results_file import read_results

    if markdown and as_json:
        raise WrongUsage("--markdown and --json do not go together")
    places = [run.resolve() for run in runs]
    for run, place in zip(runs, places, strict=True):
        if places.count(place) > 1:
            raise WrongUsage(f"{run} is given more than once")
    comparison = compare_results({str(run): read_results(run) for run in runs})
    if as_json:
        click.echo(json.dumps(comparison.as_json(), indent=2))
    elif markdown:
        click.echo(printable(as_markdown(comparison, details=details), sys.stdout.encoding))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        text = as_text(comparison, details=details, width=width)
        click.echo(printable(text, sys.stdout.encoding))
