"""``fractalgen evaluate``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand

_SHIFTS = options.together(
    click.option(
        "--corruptions",
        metavar="generate|DIR|none",
        multiple=True,
        default=("generate",),
        help="Make ImageNet-C's fifteen corruptions, at five severities, or read a published "
        "folder (CIFAR-C, C-bar, ImageNet-C); may be given several times.  [default: generate]",
    ),
    click.option(
        "--perturbations",
        metavar="generate|DIR|none",
        default="generate",
        help="Make CIFAR-P's ten sequences, or read a published folder.  [default: generate]",
    ),
    click.option(
        "--ood",
        metavar="noise|fractals|DATASET|DIR|none",
        multiple=True,
        help="Unknown images, to be told from the test images: one unknown image to five "
        "test images. May be given several times.  "
        "[default: noise, and fractals where a mixing set is]",
    ),
    click.option(
        "--shifted",
        metavar="DIR",
        type=options.PATH,
        multiple=True,
        help="Images of some of the classes from elsewhere, such as ImageNet-R or ImageNet-A; "
        "may be given several times.",
    ),
    click.option(
        "--imagenet-o",
        metavar="DIR",
        type=options.PATH,
        help="Images of none of the classes, in folders named as 200 of them, as ImageNet-O has "
        "it.",
    ),
)

_ATTACK = options.together(
    click.option(
        "--pgd-steps",
        type=click.IntRange(min=0),
        default=20,
        show_default=True,
        help="Of the adversarial attack; 0 leaves it out.",
    ),
    click.option(
        "--pgd-epsilon",
        type=click.FloatRange(min=0),
        default=2.0,
        show_default=True,
        help="The attack's greatest change, in 255ths of a pixel's range.",
    ),
    click.option(
        "--pgd-norm",
        type=click.Choice(["linf", "l2"]),
        default="linf",
        show_default=True,
        help="What the change is measured by.",
    ),
)


@click.command("evaluate", cls=PlainCommand)
@click.argument("run_folder", metavar="RUN", type=options.PATH)
@click.option(
    "--checkpoint",
    type=click.Choice(["last", "best"]),
    default="last",
    show_default=True,
    help="best was chosen by the test error, which flatters it.",
)
@_SHIFTS
@_ATTACK
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    help="Measure all but the clean error on N test images, the same for every run.  "
    "[default: all]",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of all that is drawn here; not the run's.",
)
@click.option(
    "--set",
    "set_folder",
    metavar="SET",
    type=options.PATH,
    help="The mixing set for fractals.  [default: the run's, else ipmix-set]",
)
@options.DATA_DIR
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=128,
    show_default=True,
    help="Images at a time.",
)
@options.DEVICE
@options.QUIET
@options.JSON
def evaluate(
    run_folder: Path,
    checkpoint: str,
    data_dir: Path,
    device: str,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure a trained classifier.

    RUN is a folder that 'fractalgen train-with-set' made. The table has the error on clean,
    corrupted and adversarial images, the calibration, the consistency under slow changes and
    the detection of unknown images. RUN/metrics.json keeps it, RUN/report.html shows it with
    images. What an earlier call measured of the same checkpoint, with the same --seed and
    --limit, stays there until it is measured again; earlier figures of others are kept under
    another name, such as metrics-last-200-0.json and report-last-200-0.html of 200 images and
    --seed 0.
    """
    options.prepare_torch("evaluate")

    import dataclasses
    import sys

    from fractalgen.cli.report import print_json
    from fractalgen.evaluation.evaluate import REPORT
    from fractalgen.evaluation.evaluate import evaluate as measure
    from fractalgen.evaluation.options import EvaluationOptions
    from fractalgen.evaluation.report.printing import printable
    from fractalgen.evaluation.report.table import table
    from fractalgen.training.hardware import Hardware, accelerator_for
    from fractalgen.training.run import load_run

    settings = EvaluationOptions(**{**given, "ood": given["ood"] or None})
    accelerator = accelerator_for(Hardware(device=device, precision="float32"))
    run = load_run(run_folder, checkpoint=checkpoint, data_dir=data_dir)
    usual = Path("ipmix-set")
    has_own = run.set_folder is not None and run.set_folder.is_dir()
    if settings.set_folder is None and not has_own and usual.is_dir():
        settings = dataclasses.replace(settings, set_folder=usual)
    elif settings.ood is None and settings.set_folder is None and not has_own and run.set_folder:
        _tell(
            f"fractals are left out: the run's mixing set, {run.set_folder}, is not there; "
            "name another by --set"
        )
    with _bars(quiet=quiet) as progress:
        results = measure(
            run,
            settings,
            data_dir=data_dir,
            accelerator=accelerator,
            progress=progress,
            tell=_tell,
        )
    if as_json:
        print_json(results.as_json())
    elif not quiet:
        text = f"{table(results)}\n\n{run_folder / REPORT} shows this with images."
        click.echo(printable(text, sys.stdout.encoding))


def _tell(line: str) -> None:
    """Print a line on stderr, above a bar that is there."""
    import sys

    from tqdm import tqdm

    from fractalgen.evaluation.report.printing import printable

    encoding = None if sys.stderr is None else sys.stderr.encoding
    with tqdm.external_write_mode(file=sys.stderr):
        click.echo(printable(line, encoding), err=True)


@contextlib.contextmanager
def _bars(*, quiet: bool) -> Iterator[Callable[[str, int, int | None], None]]:
    """Show a bar for what is being measured, and another for what comes next."""
    from fractalgen.cli.progress import progress_bar

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
