"""``fractalgen evaluate``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from fractalgen.cli import options
from fractalgen.cli.measuring import MeasuringCommand


@click.command("evaluate", cls=MeasuringCommand)
@click.argument("run_folder", metavar="RUN", type=options.PATH)
@click.option(
    "--checkpoint",
    type=click.Choice(["last", "best"]),
    default="last",
    show_default=True,
    help="Checkpoint to measure. 'best' was selected by test error, so its results are optimistic.",
)
@click.option(
    "--images",
    type=click.Choice(["test", "validation"]),
    default="test",
    show_default=True,
    help="Images to measure on: the test images, or the training images that --hold-out left out.",
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    help="Measure everything except the clean error on N test images, the same for every run.  "
    "[default: all]",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed for generated corruptions, sequences and attacks.",
)
@click.option(
    "--set",
    "set_folder",
    metavar="SET",
    type=options.PLACE,
    help="Mixing set for '--ood fractals'.  [default: the run's, else ipmix-set]",
)
@options.DATA_DIR
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=128,
    show_default=True,
    help="Images per batch.",
)
@options.DEVICE
@options.QUIET
@options.JSON
def evaluate(
    run_folder: Path,
    checkpoint: str,
    set_folder: str | None,
    data_dir: Path,
    device: str,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure a trained classifier.

    RUN is a folder written by 'fractalgen train-with-set'. The table shows the error on clean,
    corrupted and adversarial images, the calibration, the consistency under gradual changes and
    the detection of out-of-distribution (OOD) images. The results go to RUN/metrics.json and,
    with images, to RUN/report.html.

    Earlier results with the same checkpoint, --seed and --limit stay there until they are measured
    again. Other results are kept under names such as metrics-last-200-0.json and
    report-last-200-0.html, for the last checkpoint, --limit 200 and --seed 0.
    """
    options.prepare_torch("evaluate")

    import sys

    from fractalgen.bank.source import is_there
    from fractalgen.cli.output import print_json, printable
    from fractalgen.evaluation.evaluate import evaluate as measure
    from fractalgen.evaluation.evaluate import options_from
    from fractalgen.evaluation.metrics_file import REPORT
    from fractalgen.training.hardware import Hardware, accelerator_for
    from fractalgen.training.run import load_run

    general = {name: given.pop(name) for name in ("images", "limit", "seed", "batch_size")}
    options_from(given)
    accelerator = accelerator_for(Hardware(device=device, precision="float32"))
    run = load_run(run_folder, checkpoint=checkpoint, data_dir=data_dir)
    usual = "ipmix-set"
    has_own = run.set_folder is not None and is_there(run.set_folder)
    if set_folder is None and not has_own and Path(usual).is_dir():
        set_folder = usual
    with _bars(quiet=quiet) as progress:
        results = measure(
            run,
            set_folder=set_folder,
            data_dir=data_dir,
            accelerator=accelerator,
            progress=progress,
            tell=_tell,
            **general,
            **given,
        )
    if as_json:
        print_json(results.to_json())
    elif not quiet:
        text = f"{results.to_text()}\n\n{run_folder / REPORT} shows this with images."
        click.echo(printable(text, sys.stdout.encoding))


def _tell(line: str) -> None:
    """Print a line on stderr, above the progress bar if there is one."""
    import sys

    from tqdm import tqdm

    from fractalgen.cli.output import printable

    encoding = None if sys.stderr is None else sys.stderr.encoding
    with tqdm.external_write_mode(file=sys.stderr):
        click.echo(printable(line, encoding), err=True)


@contextlib.contextmanager
def _bars(*, quiet: bool) -> Iterator[Callable[[str, int, int | None], None]]:
    """Show one progress bar after the other, one for each measurement."""
    from fractalgen.cli.output import progress_bar

    shown: str | None = None
    update: Callable[[int, int | None], None] | None = None
    with contextlib.ExitStack() as stack:

        def show(what: str, done: int, total: int | None) -> None:
            nonlocal shown, update
            if update is None or what != shown:
                stack.close()
                bar = progress_bar(what, " images", quiet=quiet)
                shown, update = what, stack.enter_context(bar)
            update(done, total)

        yield show
