"""``fractalgen train-with-set``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand
from fractalgen.methods import DEFAULT_METHOD, METHODS
from fractalgen.training.datasets import DATASETS
from fractalgen.training.models import MODELS

if TYPE_CHECKING:
    from fractalgen.training.run import Run

_IPMIX = options.together(
    click.option(
        "--jsd/--no-jsd",
        default=None,
        help="IPMix: train on the clean image and two mixed views with the Jensen-Shannon "
        "consistency loss, or on one mixed view.  [default: jsd]",
    ),
    click.option("--k", type=int, help="IPMix: number of chains.  [default: 3]"),
    click.option("--t", type=int, help="IPMix: maximum steps per chain.  [default: 3]"),
    click.option(
        "--beta",
        type=float,
        help="IPMix: strength of the mixing operations; smaller mixes more.  [default: the "
        "recipe's]",
    ),
    click.option(
        "--severity",
        type=float,
        help="IPMix: maximum level of the image operations, 0.1 to 10.  [default: the recipe's]",
    ),
    click.option(
        "--framework",
        metavar="chain|linear|input",
        help="IPMix: how to combine the chains: in parallel (chain), as a single chain (linear), "
        "or each on the last one's result (input).  [default: chain]",
    ),
    click.option(
        "--levels",
        type=options.NAMES,
        help="IPMix: levels to mix at: image, patch, pixel.  [default: all]",
    ),
    click.option(
        "--mixing-ops",
        type=options.NAMES,
        help="IPMix: mixing operations: add, multiply, random-pixels, random-elements.  "
        "[default: all]",
    ),
    click.option(
        "--patch-shapes",
        type=options.NAMES,
        help="IPMix: patch shapes: square, scar (long and thin).  [default: both]",
    ),
)


@click.command("train-with-set", cls=PlainCommand)
@options.SET
@click.option(
    "--dataset",
    default="digits",
    show_default=True,
    metavar="NAME",
    help=f"Data set to train on: {', '.join(DATASETS)}, or folder:DIR for a folder with train/ "
    "and val/.",
)
@click.option(
    "--model",
    metavar="NAME",
    help=f"Network to train: {', '.join(MODELS)}.  [default: the data set's]",
)
@click.option(
    "--method",
    metavar="|".join(METHODS),
    default=DEFAULT_METHOD,
    show_default=True,
    help="Training method; vanilla only crops and mirrors the images, and needs no set.",
)
@click.option(
    "--recipe",
    metavar="paper|official",
    default="paper",
    show_default=True,
    help="Use the defaults of the IPMix paper or those of its public code.",
)
@click.option(
    "--epochs", type=click.IntRange(min=1), help="Number of epochs.  [default: the recipe's]"
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=2),
    help="Images per step, summed over all processes.  [default: the recipe's]",
)
@click.option("--learning-rate", type=float, help="Peak learning rate.  [default: the recipe's]")
@click.option("--weight-decay", type=float, help="Weight decay of SGD.  [default: the recipe's]")
@_IPMIX
@click.option(
    "--image-size",
    type=click.IntRange(8, 1024),
    help="Side of the images in pixels.  [default: the data set's]",
)
@click.option(
    "--weights",
    metavar="FILE",
    help="Start from these weights: a file, a run's folder, or 'pretrained' for torchvision's.  "
    "[default: random weights]",
)
@click.option(
    "--hold-out",
    metavar="SHARE",
    type=click.FloatRange(0, 0.9),
    default=0.0,
    show_default=True,
    help="Share of the training images to leave out. 'fractalgen evaluate' then fits the "
    "temperature of the confidences on them, and can measure on them.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="Seed for all randomness in the run.",
)
@click.option(
    "--out",
    metavar="RUN",
    type=options.PATH,
    help="Folder to write the run to.  [default: runs/DATASET-MODEL-SEED]",
)
@options.DATA_DIR
@click.option("--resume", is_flag=True, help="Continue the run in the output folder.")
@click.option("--overwrite", is_flag=True, help="Replace the run in the output folder.")
@options.DEVICE
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    show_default=True,
    help="Number format for training; auto uses bfloat16 if the accelerator supports it.",
)
@click.option(
    "--compile", "compiling", is_flag=True, help="Compile the network with torch.compile."
)
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    help="Worker processes that prepare batches.  [default: 0 on a CPU, else one per spare CPU "
    "core, up to 8]",
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

    SET is a mixing set or any other folder of images, by default ./ipmix-set. A run keeps its
    configuration, log and checkpoints in one folder. To continue an interrupted run, use the same
    command with --resume. To train on several GPUs, use 'accelerate launch' or 'torchrun'.
    """
    options.prepare_torch("train-with-set")

    from accelerate import PartialState

    from fractalgen.cli.output import print_json
    from fractalgen.cli.training_progress import training_progress
    from fractalgen.training.config import configure
    from fractalgen.training.train import train

    config = configure(**given)
    with training_progress(config, quiet=quiet) as callbacks:
        run = train(
            config,
            out=out,
            mixing_set=set_folder,
            data_dir=data_dir,
            device=device,
            precision=precision,
            workers=workers,
            compile=compiling,
            resume=resume,
            overwrite=overwrite,
            callbacks=callbacks,
        )
    if not PartialState().is_main_process:
        return
    if as_json:
        print_json(run.as_json())
    elif not quiet:
        _print(run)


def _print(run: Run) -> None:
    """Print a run's results, and what to do next, on stdout."""
    config = run.config
    if not run.history:
        click.echo(f"{run.folder}: all epochs are done, but the log is missing.")
        return
    last = run.history[-1]
    best = min(run.history, key=lambda record: record.test_error)
    seconds = sum(record.seconds for record in run.history)
    if run.epochs_before == config.epochs:
        click.echo(f"{run.folder}: all epochs were already done.")
    click.echo(
        f"{run.folder}: {config.model} on {config.dataset}, {config.method.name}, "
        f"test error {last.test_error:.2%} after epoch {last.epoch} "
        f"(lowest {best.test_error:.2%} after epoch {best.epoch}), {seconds:.1f} s of training"
    )
    click.echo(f"'fractalgen evaluate {run.folder}' measures how robust it is.")
    if config.dataset == "digits":
        others = [name for name in DATASETS if name != "digits"]
        click.echo(f"Other data sets: --dataset {', '.join(others)}, or folder:DIR for your own.")
