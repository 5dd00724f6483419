"""A run's epochs: train, test, write the log and the checkpoint."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from fractalgen.errors import RunError
from fractalgen.methods.method import Batch
from fractalgen.seeding import rng_for
from fractalgen.torch.datasets import level_tensor, normalized
from fractalgen.training.average import WeightAverage
from fractalgen.training.batches import BatchLoader, EpochOrder, TrainingBatches
from fractalgen.training.checkpoints import (
    Checkpoint,
    momentum_of,
    restore_momentum,
    write_checkpoint,
)
from fractalgen.training.config import Config
from fractalgen.training.datasets.data_set import ImageData
from fractalgen.training.hardware import described
from fractalgen.training.job import Job
from fractalgen.training.progress import Callbacks, Meter, StepReport
from fractalgen.training.run_folder import EpochRecord, RunFolder

__all__ = ["cosine_rate", "train_epoch", "train_epochs"]

_MIN_TEST_BATCH = 256
_STEPS_BETWEEN_READS = 10  # rarely, because reading the loss waits for the device


def train_epochs(
    job: Job,
    start: Checkpoint | None,
    run: RunFolder,
    accelerator: Accelerator,
    *,
    workers: int,
    compiles: bool,
    callbacks: Callbacks,
) -> None:
    """Train from a checkpoint, or from the beginning, to the last epoch.

    RunError is raised if an image cannot be read, or the loss is not finite.
    """
    config, data = job.config, job.data
    network, model, optimizer = _on_device(job, start, run, accelerator, compiles=compiles)
    order = EpochOrder(
        len(data.train),
        config.batch_size,
        config.seed,
        accelerator.process_index,
        accelerator.num_processes,
    )
    pinned = accelerator.device.type == "cuda"  # torch pins memory only for this device
    batches = TrainingBatches(data, job.views, config.seed)
    loader = BatchLoader(batches, order, workers, pinned=pinned)
    average = None
    if config.average:
        average = WeightAverage(network, config.average, start.model if start else None)
    first_epoch, best_error = (start.epoch, start.best_error) if start else (0, 1.0)
    hardware = described(accelerator, workers, compiles=compiles)
    is_main = accelerator.is_main_process
    if is_main:
        run.keep_log_up_to(first_epoch)
    with _tensorboard(run, first_epoch, enabled=is_main) as board:
        for epoch in range(first_epoch, config.epochs):
            # Seed the network's own randomness, such as dropout, anew every epoch.
            name = f"network {accelerator.process_index}"
            torch.manual_seed(int(rng_for(config.seed, name, epoch).integers(1 << 63)))
            order.epoch = epoch
            figures = train_epoch(
                epoch,
                config,
                network,
                model,
                optimizer,
                loader,
                accelerator,
                data,
                callbacks.step,
                average,
            )
            batch_size = max(config.batch_size, _MIN_TEST_BATCH)
            tested: contextlib.AbstractContextManager[Mapping[str, torch.Tensor]]
            tested = contextlib.nullcontext({}) if average is None else average.in_network()
            with tested as trained:
                test_error = _measure_error(model, data, accelerator, batch_size)
            if is_main:
                record = EpochRecord(
                    epoch=epoch + 1, test_error=test_error, hardware=hardware, **figures
                )
                is_best = test_error < best_error or epoch == 0
                best_error = min(test_error, best_error)
                checkpoint = Checkpoint(
                    epoch + 1,
                    config,
                    job.set_digest,
                    network.state_dict() if average is None else average.tensors,
                    momentum_of(optimizer, network),
                    best_error,
                    trained=trained,
                )
                _check_finite(checkpoint)
                run.append(record)
                if is_best:
                    best = dataclasses.replace(checkpoint, momentum={}, trained={})
                    write_checkpoint(run.best, best)
                write_checkpoint(run.last, checkpoint)
                if board is not None:
                    for key, value in {"test_error": test_error, **figures}.items():
                        board.add_scalar(key, value, epoch + 1)
                callbacks.epoch(record)
            accelerator.wait_for_everyone()


def train_epoch(
    epoch: int,
    config: Config,
    network: nn.Module,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loader: BatchLoader,
    accelerator: Accelerator,
    data: ImageData,
    on_step: Callable[[StepReport], None] = lambda _: None,
    average: WeightAverage | None = None,
) -> dict[str, float]:
    """Train for one epoch, counted from 0; RunError if the loss is not finite.

    `model` is `network` as wrapped by accelerate; its weights go into `average`. Returns the fields
    of an `EpochRecord` except the epoch and the test error.
    """
    model.train()
    method, n_steps = config.method, len(loader)
    meter = Meter(epoch, n_steps, accelerator.num_processes)
    rate = config.learning_rate
    for step, (views, labels) in enumerate(meter.timed(loader)):
        total_step = epoch * n_steps + step
        rate = cosine_rate(
            total_step, config.epochs * n_steps, config.learning_rate, config.final_learning_rate
        )
        for group in optimizer.param_groups:
            group["lr"] = rate
        labels = labels.to(accelerator.device, non_blocking=True)
        views = tuple(_network_input(view, accelerator, data) for view in views)
        rng = rng_for(config.seed, f"method {accelerator.process_index}", total_step)
        given = Batch(views, labels, labels, len(data.classes), progress=epoch / config.epochs)
        batch = method.on_device(given, network, rng)
        logits = method.forward(batch, model)
        loss = method.loss(batch, logits)
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
        if average is not None:
            average.update(total_step)
        meter.add(loss, logits[0], labels)
        if (step + 1) % _STEPS_BETWEEN_READS == 0 or step + 1 == n_steps:
            meter.read(rate)
            loss_so_far, accuracy = meter.loss / (step + 1), meter.n_right / meter.n_images
            on_step(
                StepReport(epoch + 1, step + 1, n_steps, loss_so_far, accuracy, **meter.speed())
            )
    speed, seconds = meter.speed(), time.perf_counter() - meter.started
    sums = torch.tensor([meter.loss, meter.n_right], dtype=torch.float32)
    loss_sum, n_right = accelerator.reduce(sums.to(accelerator.device), "sum").tolist()
    return {
        "loss": loss_sum / (n_steps * accelerator.num_processes),
        "train_error": 1 - n_right / (meter.n_images * accelerator.num_processes),
        "learning_rate": rate,
        "seconds": seconds,
        **speed,
    }


def cosine_rate(step: int, n_steps: int, peak: float, final: float) -> float:
    """Return the learning rate of a step, counted from 0, on a cosine from `peak` to `final`.

    rate = final + (peak - final) (1 + cos(pi step / n_steps)) / 2, where n_steps is that of the
    whole run. Source: Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm
    restarts", ICLR 2017, without the restarts.
    """
    return final + (peak - final) * (1 + math.cos(math.pi * step / n_steps)) / 2


def _measure_error(
    model: nn.Module, data: ImageData, accelerator: Accelerator, batch_size: int
) -> float:
    """Return the share of test images that the model gets wrong, over all processes."""
    model.eval()
    mine = list(range(len(data.test)))[accelerator.process_index :: accelerator.num_processes]
    n_wrong = torch.zeros((), dtype=torch.int64, device=accelerator.device)
    with torch.inference_mode():
        for start in range(0, len(mine), batch_size):
            indices = mine[start : start + batch_size]
            levels = level_tensor(data.test.for_testing(indices))
            images = _network_input(levels, accelerator, data)
            labels = torch.from_numpy(data.test.labels[indices]).to(accelerator.device)
            n_wrong += (model(images).argmax(dim=1) != labels).sum()
    return int(accelerator.reduce(n_wrong, "sum")) / len(data.test)


def _network_input(view: torch.Tensor, accelerator: Accelerator, data: ImageData) -> torch.Tensor:
    """Return normalised images on the device, with their channels last."""
    moved = view.to(accelerator.device, non_blocking=True, memory_format=torch.channels_last)
    return moved if moved.is_floating_point() else normalized(moved, data.mean, data.std)


def _on_device(
    job: Job,
    start: Checkpoint | None,
    run: RunFolder,
    accelerator: Accelerator,
    *,
    compiles: bool,
) -> tuple[nn.Module, nn.Module, torch.optim.Optimizer]:
    """Return the network on its device, the wrapped network, and the optimizer."""
    network, config = job.network, job.config
    if start is not None:
        try:
            network.load_state_dict(dict(start.trained or start.model))
        except RuntimeError:
            raise RunError(f"{run.last} does not fit {config.model} on {job.data.name}") from None
    if accelerator.num_processes > 1 and accelerator.device.type != "cpu":
        # Batch statistics over all processes, as in a single one; the CPU has no such layer.
        convert: Callable[[nn.Module], nn.Module] = nn.SyncBatchNorm.convert_sync_batchnorm
        network = convert(network)
    network.to(accelerator.device)
    model = accelerator.prepare(torch.compile(network) if compiles else network)
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


def _check_finite(checkpoint: Checkpoint) -> None:
    """Raise RunError if the last step of an epoch made weights non-finite."""
    for tensors in (checkpoint.model, checkpoint.momentum, checkpoint.trained):
        for name, tensor in tensors.items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise RunError(
                    f"{name} is no longer finite after epoch {checkpoint.epoch}; the checkpoint of "
                    "the previous epoch is kept. A smaller --learning-rate may help"
                )


@contextlib.contextmanager
def _tensorboard(run: RunFolder, first_epoch: int, *, enabled: bool) -> Iterator[Any]:
    """Open a TensorBoard log if TensorBoard is installed, and close it at the end."""
    if not enabled or importlib.util.find_spec("tensorboard") is None:
        yield None
        return
    from torch.utils.tensorboard import SummaryWriter

    purge_step = first_epoch + 1 if first_epoch else None
    with SummaryWriter(str(run.tensorboard), purge_step=purge_step) as board:
        yield board
