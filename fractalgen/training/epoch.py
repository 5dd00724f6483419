"""One pass over the training images, and the test after it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import nn
from torch.nn import functional

from fractalgen.errors import RunError
from fractalgen.torch import jsd_loss
from fractalgen.torch.datasets import normalized_tensor
from fractalgen.training.batches import BatchLoader
from fractalgen.training.config import Config
from fractalgen.training.datasets.image_data import ImageData
from fractalgen.training.schedule import cosine_rate

__all__ = ["EpochFigures", "StepReport", "measure_error", "train_epoch"]

_STEPS_BETWEEN_LOOKS = 10  # a look at the loss waits for the device


@dataclass(frozen=True)
class StepReport:
    """Where a run is; the figures are of the epoch so far."""

    epoch: int
    step: int
    n_steps: int
    loss: float
    accuracy: float
    images_per_second: float
    augmentation_share: float


@dataclass(frozen=True)
class EpochFigures:
    """What `train_epoch` found; see `EpochRecord`."""

    loss: float
    train_error: float
    learning_rate: float
    seconds: float
    images_per_second: float
    augmentation_share: float


def train_epoch(
    epoch: int,
    config: Config,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loader: BatchLoader,
    accelerator: Accelerator,
    on_step: Callable[[StepReport], None] | None = None,
) -> EpochFigures:
    """Train for one epoch.

    Parameters
    ----------
    epoch : int
        From 0.
    config : Config
        Of the run.
    model : nn.Module
        As accelerate prepared it, with its parameters in `optimizer`.
    loader : BatchLoader
        Of this process's share of each batch.
    on_step : callable, optional
        Told now and then where the run is.

    Raises
    ------
    RunError
        If the loss is no longer a number.
    """
    model.train()
    n_steps = len(loader)
    tally = _Tally(epoch, n_steps)
    waited = 0.0
    rate = config.learning_rate
    started = asked = time.perf_counter()
    for step, (views, labels) in enumerate(loader):
        waited += time.perf_counter() - asked
        rate = cosine_rate(
            epoch * n_steps + step,
            config.epochs * n_steps,
            config.learning_rate,
            config.final_learning_rate,
        )
        for group in optimizer.param_groups:
            group["lr"] = rate
        labels = labels.to(accelerator.device, non_blocking=True)
        images = torch.cat([_on_device(view, accelerator) for view in views])
        logits = model(images).float().chunk(len(views))
        if config.jsd:
            clean, first, second = logits
            loss = jsd_loss(clean, first, second, labels)
        else:
            loss = functional.cross_entropy(logits[0], labels)
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
        tally.add(loss, logits[0], labels)
        if (step + 1) % _STEPS_BETWEEN_LOOKS == 0 or step + 1 == n_steps:
            tally.look(rate)
            seconds = time.perf_counter() - started
            if on_step:
                on_step(
                    StepReport(
                        epoch + 1,
                        step + 1,
                        n_steps,
                        loss=tally.loss / (step + 1),
                        accuracy=tally.n_right / tally.n_images,
                        images_per_second=tally.n_images * accelerator.num_processes / seconds,
                        augmentation_share=waited / seconds,
                    )
                )
        asked = time.perf_counter()
    seconds = time.perf_counter() - started
    sums = torch.tensor([tally.loss, tally.n_right], dtype=torch.float32)
    loss_sum, n_right = accelerator.reduce(sums.to(accelerator.device), "sum").tolist()
    n_all = tally.n_images * accelerator.num_processes
    return EpochFigures(
        loss=loss_sum / (n_steps * accelerator.num_processes),
        train_error=1 - n_right / n_all,
        learning_rate=rate,
        seconds=seconds,
        images_per_second=n_all / seconds,
        augmentation_share=waited / seconds,
    )


class _Tally:
    """Sums over an epoch's steps, fetched from the device now and then, since that waits for it."""

    def __init__(self, epoch: int, n_steps: int) -> None:
        self._place = f"of {n_steps:,} in epoch {epoch + 1}"
        self._unseen: list[torch.Tensor] = []
        self._n_seen = 0
        self.loss = 0.0
        self.n_right = 0
        self.n_images = 0

    def add(self, loss: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        n_right = (logits.detach().argmax(dim=1) == labels).sum()
        self._unseen.append(torch.stack([loss.detach(), n_right.to(loss.dtype)]))
        self.n_images += len(labels)

    def look(self, rate: float) -> None:
        """Bring the sums up to date; RunError if a loss was no number."""
        for loss, n_right in torch.stack(self._unseen).tolist():
            self._n_seen += 1
            if not math.isfinite(loss):
                raise RunError(
                    f"the loss became {loss} at step {self._n_seen:,} {self._place} (learning "
                    f"rate {rate:.3g}); the checkpoint of the epoch before is kept. A smaller "
                    "--learning-rate may help"
                )
            self.loss += loss
            self.n_right += int(n_right)
        self._unseen.clear()


def measure_error(
    model: nn.Module, data: ImageData, accelerator: Accelerator, batch_size: int
) -> float:
    """Return the share of test images that the model gets wrong, all processes together."""
    model.eval()
    mine = list(range(len(data.test)))[accelerator.process_index :: accelerator.num_processes]
    n_wrong = torch.zeros((), dtype=torch.int64, device=accelerator.device)
    with torch.inference_mode():
        for start in range(0, len(mine), batch_size):
            indices = mine[start : start + batch_size]
            images = normalized_tensor(data.test.for_testing(indices), data.mean, data.std)
            labels = torch.from_numpy(data.test.labels[indices]).to(accelerator.device)
            n_wrong += (model(_on_device(images, accelerator)).argmax(dim=1) != labels).sum()
    return int(accelerator.reduce(n_wrong, "sum")) / len(data.test)


def _on_device(images: torch.Tensor, accelerator: Accelerator) -> torch.Tensor:
    return images.to(accelerator.device, non_blocking=True, memory_format=torch.channels_last)
