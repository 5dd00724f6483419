"""A run's epochs, one after the other, each with its line in the log and its checkpoint."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from fractalgen.augment.ipmix import IPMix
from fractalgen.errors import RunError
from fractalgen.seeding import rng_for
from fractalgen.training.batches import BatchLoader, EpochOrder, TrainingBatches
from fractalgen.training.checkpoints import (
    Checkpoint,
    momentum_of,
    restore_momentum,
    write_checkpoint,
)
from fractalgen.training.config import Config
from fractalgen.training.datasets.image_data import ImageData
from fractalgen.training.epoch import StepReport, measure_error, train_epoch
from fractalgen.training.run_folder import EpochRecord, RunFolder

__all__ = ["Job", "Listeners", "train_epochs"]

_LEAST_TEST_BATCH = 256


@dataclass(frozen=True)
class Listeners:
    """Who is told how far a run is, in the main process of several.

    Attributes
    ----------
    fetching : callable or None
        Called with the number of bytes downloaded and their total.
    step : callable or None
        Called with a `StepReport`.
    epoch : callable or None
        Called with an `EpochRecord`.
    note : callable or None
        Called with a line about what is being done.
    """

    fetching: Callable[[int, int | None], None] | None = None
    step: Callable[[StepReport], None] | None = None
    epoch: Callable[[EpochRecord], None] | None = None
    note: Callable[[str], None] | None = None

    def tell(self, line: str) -> None:
        """Pass a note on, if anyone listens."""
        if self.note:
            self.note(line)


@dataclass(frozen=True)
class Job:
    """What the epochs need; all of it is checked and open.

    Attributes
    ----------
    config : Config
        Of the run.
    network : nn.Module
        With the weights that the run starts from; they change.
    data : ImageData
        To train and test on.
    aug : IPMix or None
        None augments nothing.
    set_digest : str or None
        Of the mixing set.
    run : RunFolder
        Is this run's already.
    accelerator : Accelerator
        What to compute on.
    workers : int
        Processes that make batches.
    compiles : bool
        Whether the network is compiled first.
    listeners : Listeners
        Told how far it is.
    """

    config: Config
    network: nn.Module
    data: ImageData
    aug: IPMix | None
    set_digest: str | None
    run: RunFolder
    accelerator: Accelerator
    workers: int
    compiles: bool
    listeners: Listeners


def train_epochs(job: Job, start: Checkpoint | None) -> None:
    """Train from a checkpoint, or from the beginning, to the last epoch.

    Raises
    ------
    RunError
        If an image cannot be read, or the loss is no longer a number.
    """
    config, accelerator, run = job.config, job.accelerator, job.run
    is_main = accelerator.is_main_process
    network, model, optimizer = _prepared(job, start)
    first_epoch = 0 if start is None else start.epoch
    best_error = 1.0 if start is None else start.best_error
    order, loader = _loader(job)
    board = None
    if is_main:
        run.keep_log_up_to(first_epoch)
        board = _tensorboard(run, first_epoch)
    for epoch in range(first_epoch, config.epochs):
        # What the network itself draws, such as dropout, starts anew every epoch.
        name = f"network {accelerator.process_index}"
        torch.manual_seed(int(rng_for(config.seed, name, epoch).integers(1 << 63)))
        order.epoch = epoch
        figures = train_epoch(
            epoch, config, model, optimizer, loader, accelerator, job.listeners.step
        )
        batch_size = max(config.batch_size, _LEAST_TEST_BATCH)
        test_error = measure_error(model, job.data, accelerator, batch_size)
        if is_main:
            record = EpochRecord(epoch + 1, test_error=test_error, **dataclasses.asdict(figures))
            is_best = test_error < best_error or epoch == 0
            best_error = min(test_error, best_error)
            checkpoint = Checkpoint(
                epoch + 1,
                config,
                job.set_digest,
                network.state_dict(),
                momentum_of(optimizer, network),
                best_error,
            )
            _check_finite(checkpoint)
            run.append(record)
            if is_best:
                write_checkpoint(run.best, dataclasses.replace(checkpoint, momentum={}))
            write_checkpoint(run.last, checkpoint)
            if board is not None:
                for key, value in dataclasses.asdict(record).items():
                    board.add_scalar(key, value, epoch + 1)
            if job.listeners.epoch:
                job.listeners.epoch(record)
        accelerator.wait_for_everyone()
    if board is not None:
        board.close()


def _check_finite(checkpoint: Checkpoint) -> None:
    """Refuse weights that an epoch's last step broke, after its loss was computed."""
    for tensors in (checkpoint.model, checkpoint.momentum):
        for name, tensor in tensors.items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise RunError(
                    f"{name} is no longer finite after epoch {checkpoint.epoch}; the checkpoint of "
                    "the epoch before is kept. A smaller --learning-rate may help"
                )


def _prepared(
    job: Job, start: Checkpoint | None
) -> tuple[nn.Module, nn.Module, torch.optim.Optimizer]:
    """Return the network on its device, the model around it that is called, and the optimizer."""
    network, config, accelerator = job.network, job.config, job.accelerator
    if start is not None:
        try:
            network.load_state_dict(dict(start.model))
        except RuntimeError:
            raise RunError(
                f"{job.run.last} does not fit {config.model} on {job.data.name}"
            ) from None
    if accelerator.num_processes > 1 and accelerator.device.type != "cpu":
        # Batch statistics over all processes, as one alone would have them; the CPU has no such
        # layer.
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    network.to(accelerator.device)
    model = accelerator.prepare(torch.compile(network) if job.compiles else network)
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        nesterov=True,
    )
    if start is not None:
        restore_momentum(optimizer, network, start.momentum)
    return network, model, optimizer


def _loader(job: Job) -> tuple[EpochOrder, BatchLoader]:
    config, accelerator = job.config, job.accelerator
    order = EpochOrder(
        len(job.data.train),
        config.batch_size,
        config.seed,
        accelerator.process_index,
        accelerator.num_processes,
    )
    batches = TrainingBatches(job.data, job.aug, config.views, config.seed)
    pinned = accelerator.device.type == "cuda"  # as torch has it for no other
    return order, BatchLoader(batches, order, job.workers, pinned=pinned)


def _tensorboard(run: RunFolder, first_epoch: int) -> Any:
    """Open a log for TensorBoard, where it is installed."""
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(run.tensorboard), purge_step=first_epoch + 1 if first_epoch else None)
