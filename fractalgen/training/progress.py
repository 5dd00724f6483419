"""How far a run is: the figures of its current epoch, and whom they are told."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from fractalgen.errors import RunError
from fractalgen.training.batches import BatchLoader
from fractalgen.training.run_folder import EpochRecord

__all__ = ["Callbacks", "Meter", "StepReport"]


def _ignore(*_: Any) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class StepReport:
    """A run's progress, with the figures of the current epoch so far."""

    epoch: int
    step: int
    n_steps: int
    loss: float
    accuracy: float
    images_per_second: float
    augmentation_share: float


@dataclass(frozen=True)
class Callbacks:
    """Functions that are called as a run progresses, only in the main process.

    Attributes
    ----------
    fetching : callable
        Called with the number of bytes downloaded and the total, or None if it is unknown.
    step : callable
        Called every few steps with a `StepReport`.
    epoch : callable
        Called after every epoch with its `EpochRecord`.
    note : callable
        Called with a line of text for the user.
    """

    fetching: Callable[[int, int | None], None] = _ignore
    step: Callable[[StepReport], None] = _ignore
    epoch: Callable[[EpochRecord], None] = _ignore
    note: Callable[[str], None] = _ignore


class Meter:
    """Loss, accuracy and speed in an epoch so far.

    They are rarely read from the device, because reading waits for it.
    """

    def __init__(self, epoch: int, n_steps: int, n_processes: int) -> None:
        self._place = f"of {n_steps:,} in epoch {epoch + 1}"
        self._n_processes = n_processes
        self._unread: list[torch.Tensor] = []
        self._n_read = 0
        self._waited = 0.0
        self.started = time.perf_counter()
        self.loss = 0.0
        self.n_right = 0
        self.n_images = 0

    def timed(self, loader: BatchLoader) -> Iterator[tuple[tuple[Any, ...], Any]]:
        """Yield the batches, and add up the time spent waiting for them."""
        requested = time.perf_counter()
        for batch in loader:
            self._waited += time.perf_counter() - requested
            yield batch
            requested = time.perf_counter()

    def speed(self) -> dict[str, float]:
        """Return the images per second of all processes, and the share of time spent waiting."""
        seconds = time.perf_counter() - self.started
        return {
            "images_per_second": self.n_images * self._n_processes / seconds,
            "augmentation_share": self._waited / seconds,
        }

    def add(self, loss: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Count a step, without waiting for its loss."""
        n_right = (logits.detach().argmax(dim=1) == labels).sum()
        self._unread.append(torch.stack([loss.detach(), n_right.to(loss.dtype)]))
        self.n_images += len(labels)

    def read(self, rate: float) -> None:
        """Update the sums; RunError if a loss was not finite."""
        for loss, n_right in torch.stack(self._unread).tolist():
            self._n_read += 1
            if not math.isfinite(loss):
                raise RunError(
                    f"the loss became {loss} at step {self._n_read:,} {self._place} (learning "
                    f"rate {rate:.3g}); the checkpoint of the previous epoch is kept. A smaller "
                    "--learning-rate may help"
                )
            self.loss += loss
            self.n_right += int(n_right)
        self._unread.clear()
