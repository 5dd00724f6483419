"""``fractalgen train-with-set``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand

if TYPE_CHECKING:
    from fractalgen.training.config import Config
    from fractalgen.training.train import Outcome

_IPMIX = options.together(
    click.option("--k", type=int, help="IPMix: chains.  [default: 3]"),
    click.option("--t", type=int, help="IPMix: steps of a chain at most.  [default: 3]"),
    click.option(
        "--beta",
        type=float,
        help="IPMix: the mixing's strength, smaller mixes more.  [default: the recipe's]",
    ),
    click.option(
        "--severity",
        type=float,
        help="IPMix: the image operations' greatest level.  [default: the recipe's]",
    ),
    click.option("--framework", metavar="chain|linear|input", help="IPMix: what follows what."),
    click.option("--levels", type=options.NAMES, help="IPMix: of image, patch, pixel."),
    click.option(
        "--mixing-ops",
        type=options.NAMES,
        help="IPMix: of add, multiply, random-pixels, random-elements.",
    ),
    click.option("--patch-shapes", type=options.NAMES, help="IPMix: of square, scar."),
)


@click.command("train-with-set", cls=PlainCommand)
@options.SET
@click.option(
    "--dataset",
    default="digits",
    show_default=True,
    metavar="NAME",
    help="digits (comes with scikit-learn), fashion-mnist, cifar10, cifar100, or folder:DIR with "
    "train/ and val/.",
)
@click.option(
    "--model",
    metavar="NAME",
    help="resnet-8, wrn-16-1, resnet-18, wrn-40-4, wrn-28-10, resnext-29-4x32; for folders "
    "resnet-50, vit-small.  [default: as suits the data]",
)
@click.option(
    "--method",
    metavar="ipmix|vanilla",
    default="ipmix",
    show_default=True,
    help="vanilla: crops and mirror images alone; it needs no set.",
)
@click.option(
    "--recipe",
    metavar="paper|official",
    default="paper",
    show_default=True,
    help="Whose settings hold where nothing else is said: the paper's, or its public code's.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="[default: the recipe's]")
@click.option(
    "--batch-size",
    type=click.IntRange(min=2),
    help="Images of a step, over all processes.  [default: the recipe's]",
)
@click.option("--learning-rate", type=float, help="The first.  [default: the recipe's]")
@click.option("--weight-decay", type=float, help="[default: the recipe's]")
@click.option(
    "--jsd/--no-jsd",
    default=True,
    show_default=True,
    help="Learn from the clean image and two views, and keep the predictions for them together; "
    "or from one mixed view.",
)
@_IPMIX
@click.option(
    "--image-size", type=click.IntRange(8, 1024), help="Pixels a side.  [default: the data's own]"
)
@click.option(
    "--weights",
    metavar="FILE",
    help="Start from these: a file, a run's folder, or 'pretrained', as published runs on ImageNet "
    "do.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of the run."
)
@click.option(
    "--out",
    metavar="RUN",
    type=options.PATH,
    help="The run's folder.  [default: runs/DATASET-MODEL-SEED]",
)
@options.DATA_DIR
@click.option("--resume", is_flag=True, help="Go on with the run that is in the folder.")
@click.option("--overwrite", is_flag=True, help="Start anew in a folder that holds a run.")
@options.DEVICE
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    show_default=True,
    help="auto: bfloat16 where a graphics card has it.",
)
@click.option("--compile", "compiling", is_flag=True, help="Compile the network first.")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    help="Processes that make batches.  [default: none on a CPU, else as many as there are "
    "processors to spare, 8 at most]",
)
@options.QUIET
@options.JSON
def train_with_set(
    set_folder: Path,
    out: Path | None,
    data_dir: Path,
    resume: bool,
    overwrite: bool,
    device: str,
    precision: str,
    compiling: bool,
    workers: int | None,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Train an image classifier with a mixing set.

    SET is ./ipmix-set if left out; any folder of images will do. A run's configuration, log and
    checkpoints lie in one folder. If it is stopped, the same command with --resume goes on. Under
    'accelerate launch' or 'torchrun' it uses all the cards there are.
    """
    options.prepare_torch("train-with-set")

    from fractalgen.cli.output import print_json
    from fractalgen.cli.training_progress import training_progress
    from fractalgen.training.hardware import Hardware
    from fractalgen.training.recipes import configure
    from fractalgen.training.run_folder import default_run_folder
    from fractalgen.training.train import train

    config = configure(**given)
    folder = out or default_run_folder(config)
    hardware = Hardware(device, precision, workers, compiling)
    with training_progress(config, quiet=quiet) as listeners:
        outcome = train(
            config,
            folder,
            set_folder=None if config.ipmix is None else set_folder,
            data_dir=data_dir,
            hardware=hardware,
            resume=resume,
            overwrite=overwrite,
            listeners=listeners,
        )
    if outcome is None:
        return
    if as_json:
        print_json(outcome.as_json())
    elif not quiet:
        _print_training(outcome, config)


def _print_training(outcome: Outcome, config: Config) -> None:
    """Print what a run came to, and how to go on, on stdout."""
    if not outcome.records:
        click.echo(f"{outcome.folder}: all of its epochs are done; their log is lost.")
        return
    last = outcome.records[-1]
    best = min(outcome.records, key=lambda record: record.test_error)
    seconds = sum(record.seconds for record in outcome.records)
    if outcome.epochs_before == config.epochs:
        click.echo(f"{outcome.folder}: all of its epochs were done already.")
    click.echo(
        f"{outcome.folder}: {config.model} on {config.dataset}, {config.method}, "
        f"test error {last.test_error:.2%} after epoch {last.epoch} "
        f"(least {best.test_error:.2%} after epoch {best.epoch}), {seconds:.1f} s of training"
    )
    click.echo(f"'fractalgen evaluate {outcome.folder}' measures how robust it is.")
    if config.dataset == "digits":
        click.echo(
            "Other data: --dataset fashion-mnist, cifar10, cifar100, or folder:DIR for your own."
        )
