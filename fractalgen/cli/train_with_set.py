"""``fractalgen train-with-set``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fractalgen.cli import options
from fractalgen.cli.field_options import of_fields
from fractalgen.cli.group import PlainCommand, WrongUsage
from fractalgen.errors import RunUsageError
from fractalgen.methods import DEFAULT_METHOD, METHODS
from fractalgen.training.datasets import DATASETS
from fractalgen.training.models import MODELS

if TYPE_CHECKING:
    from fractalgen.training.run import Run


class _TrainCommand(PlainCommand):
    """Adds an option for each field of the chosen method, and loads the methods only when needed.

    The other methods' options are parsed too, so that `configure` can say which method has them.
    """

    _method_options: Sequence[click.Parameter] = ()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Find the method's name, and parse all arguments by its options."""
        chosen = _chosen_method(args)
        self._method_options = ()
        if chosen is not None or "--help" not in args:
            options.prepare_torch("train-with-set")
            try:
                self._method_options = _method_options(chosen or DEFAULT_METHOD)
            except RunUsageError as error:
                raise WrongUsage(str(error)) from None
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's parameters, with those of the methods after --weight-decay."""
        params = super().get_params(ctx)
        place = 1 + [param.name for param in params].index("weight_decay")
        return [*params[:place], *self._method_options, *params[place:]]


def _chosen_method(args: Sequence[str]) -> str | None:
    """Return the last value of --method, or None."""
    chosen = None
    for argument, following in zip(args, [*args, ""][1:], strict=True):
        if argument == "--method":
            chosen = following or chosen
        elif argument.startswith("--method="):
            chosen = argument.partition("=")[2]
    return chosen


def _method_options(chosen: str) -> list[click.Option]:
    """Make the options of all methods; those that the chosen one lacks are hidden."""
    from fractalgen.methods import find_method

    found: dict[str, click.Option] = {}
    for name in sorted({*METHODS, chosen}, key=lambda name: name != chosen):
        for option in of_fields(find_method(name), optional=True):
            option.hidden = name != chosen
            found.setdefault(str(option.name), option)
    # So that `configure` can say that it is for several methods.
    found.setdefault("combine", click.Option(["--combine"], hidden=True))
    return list(found.values())


@click.command("train-with-set", cls=_TrainCommand)
@click.argument("mixing_set", metavar="[SET]", type=options.PLACE, default="ipmix-set")
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
    metavar="NAME[+NAME...]",
    default=DEFAULT_METHOD,
    show_default=True,
    help=f"Training method: {', '.join(METHODS)}; or several, such as augmix+mixup+cutmix. "
    "vanilla only crops and mirrors the images. Only ipmix, pixmix and layermix need a set. "
    "'--method NAME --help' also lists the method's own options.",
)
@click.option(
    "--recipe",
    metavar="paper|official|fractalgen",
    default="paper",
    show_default=True,
    help="Use the defaults of the IPMix paper, those of its public code, or our own; "
    "docs/training.md lists them.",
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
@click.option(
    "--average",
    metavar="DECAY",
    type=click.FloatRange(0, 1, max_open=True),
    help="Keep a moving average of the weights over the steps, such as 0.995; 0 keeps those of the "
    "last step.  [default: the recipe's]",
)
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
    help="Share of the training images to leave out, for validation. 'fractalgen evaluate' then "
    "fits the temperature of the confidences on them; '--images validation' measures on them.",
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
    help="Folder to write the run to.  [default: runs/DATASET-MODEL-SEED, with -METHOD "
    "before -SEED unless it is ipmix]",
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
    mixing_set: str,
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

    SET is a mixing set, any other folder of images, or the URL of a set in shards, by default
    ./ipmix-set. A run keeps its
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
            mixing_set=mixing_set,
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
