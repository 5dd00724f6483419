"""Batches of training images: their order and their views.

Everything here is a function of the run's seed, the epoch and an image's index in the data set, so
it does not depend on workers, processes or interruptions.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from fractalgen.errors import RunError, RunUsageError
from fractalgen.methods.method import Views
from fractalgen.seeding import rng_for, seeds_for
from fractalgen.training.datasets.data_set import ImageData

__all__ = ["BatchLoader", "EpochOrder", "TrainingBatches", "check_no_import", "error_of_worker"]

_Batch = tuple[int, list[int]]
"""An epoch, and the indices of a batch's images in the data set."""

_GUARD = (
    "Worker processes import the script that starts them, so call train below "
    "'if __name__ == \"__main__\":'"
)
_FAILED = f"a worker process failed; its own message is above. {_GUARD}"


class EpochOrder:
    """The batches of an epoch, or one process's share of each, in a new order every epoch.

    An incomplete last batch is dropped; its images differ from epoch to epoch. `batch_size` counts
    the images of all processes in a step; this process gets part `process` of each batch.
    """

    def __init__(
        self, n_images: int, batch_size: int, seed: int, process: int = 0, n_processes: int = 1
    ) -> None:
        self.n_images = n_images
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0
        share = batch_size // n_processes
        self._part = slice(process * share, (process + 1) * share)

    def __len__(self) -> int:
        return self.n_images // self.batch_size

    def __iter__(self) -> Iterator[_Batch]:
        order = rng_for(self.seed, "order", self.epoch).permutation(self.n_images)
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            batch = order[start : start + self.batch_size]
            yield self.epoch, batch[self._part].tolist()


class TrainingBatches(Dataset):  # type: ignore[misc, type-arg, unused-ignore]
    """A data set whose items are the batches that `EpochOrder` lists."""

    def __init__(self, data: ImageData, views: Views, seed: int) -> None:
        self.data = data
        self.views = views
        self.seed = seed
        self._crop_seed = int(rng_for(seed, "crops", 0).integers(1 << 63))

    def __getitem__(self, batch: _Batch) -> tuple[tuple[Any, ...], Any] | RunError:
        """Return the method's `Views` of the images, and the labels, int64 (n,).

        Errors are returned, and raised by `BatchLoader`: raised in a worker, they would be wrapped
        in a traceback by PyTorch.
        """
        epoch, indices = batch
        train = self.data.train
        try:
            pixels = train.for_training(indices, seeds_for(self._crop_seed, epoch, indices))
            views = self.views(pixels, seeds_for(self.seed, epoch, indices))
        except RunError as error:
            return error
        return views, torch.from_numpy(train.labels[indices])


class BatchLoader:
    """Iterates over the batches of an `EpochOrder`; set its ``epoch`` before each loop.

    Worker processes make the batches, or this process if `workers` is 0. `pinned` memory is faster
    to copy to a GPU. RunError is raised if an image cannot be read or a worker does not start;
    see `error_of_worker` for one that ends.
    """

    def __init__(
        self, batches: TrainingBatches, order: EpochOrder, workers: int, *, pinned: bool
    ) -> None:
        self._loader: DataLoader[Any] = DataLoader(
            batches,
            batch_size=None,
            sampler=order,  # type: ignore[arg-type, unused-ignore]
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=pinned,
            prefetch_factor=2 if workers else None,
            # Otherwise the loader would use the same generator as the network's dropout.
            generator=torch.Generator(),
        )

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[tuple[tuple[Any, ...], Any]]:
        try:
            for batch in self._loader:
                if isinstance(batch, RunError):
                    raise batch
                yield batch
        except BrokenPipeError as error:  # the worker ended before it had read its data set
            raise RunError(_FAILED) from error


def error_of_worker(error: Exception) -> RunError | None:
    """Return a plain error for PyTorch's of a worker that has ended, or None for another error.

    PyTorch raises it in a signal handler, so wherever this process happens to be.
    """
    if not isinstance(error, RuntimeError) or not str(error).startswith("DataLoader worker"):
        return None
    if "exit code" in f"{error} {error.__cause__}":
        return RunError(_FAILED)
    return RunError(
        "a worker process was killed, which happens when memory or shared memory runs out; use "
        "fewer --workers or a smaller --batch-size"
    )


def check_no_import() -> None:
    """Raise RunUsageError in a worker process that is importing the script that started it."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RunUsageError(f"this is a worker process of a training, and must not train. {_GUARD}")
