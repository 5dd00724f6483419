"""Batches of training images: which images, in what order, with which views of them.

All of it is a function of the run's seed, the epoch and an image's place in the data set, so that
workers, processes and a run that was resumed see the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from fractalgen.augment.ipmix import IPMix
from fractalgen.errors import RunError
from fractalgen.seeding import rng_for, seed_for
from fractalgen.torch.datasets import normalized_tensor
from fractalgen.training.datasets.image_data import ImageData

__all__ = ["BatchLoader", "EpochOrder", "TrainingBatches"]

_Batch = tuple[int, list[int]]
"""An epoch, and the places of its images in the data set."""


class EpochOrder:
    """The batches of an epoch, or one process's share of each, in a new order every epoch.

    What is left when the images do not fill a last batch sits out, others every epoch.

    Parameters
    ----------
    n_images : int
        Of the data set.
    batch_size : int
        Images of a step, over all processes.
    seed : int
        Of the run.
    process, n_processes : int
        This process takes each batch's `process`-th of `n_processes` parts.
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
    """A data set whose items are whole batches, as `EpochOrder` names them.

    Parameters
    ----------
    data : ImageData
        Its training images are taken.
    aug : IPMix or None
        None leaves the images as they are after crop and mirror image.
    views : int or None
        See `fractalgen.torch.datasets.IPMixDataset`.
    seed : int
        Of the run.
    """

    def __init__(self, data: ImageData, aug: IPMix | None, views: int | None, seed: int) -> None:
        self.data = data
        self.aug = aug
        self.views = views
        self.seed = seed
        self._crop_seed = int(rng_for(seed, "crops", 0).integers(1 << 63))

    def __getitem__(self, batch: _Batch) -> tuple[tuple[Any, ...], Any] | RunError:
        """Return the views, float32 tensors (n, 3, size, size), and the labels, int64 (n,).

        What is wrong with an image is returned, because PyTorch would wrap what a worker raises
        in a traceback; `BatchLoader` raises it.
        """
        try:
            return self._made(*batch)
        except RunError as error:
            return error

    def _made(self, epoch: int, indices: list[int]) -> tuple[tuple[Any, ...], Any]:
        crop_seeds = [seed_for(self._crop_seed, epoch, index) for index in indices]
        pixels = self.data.train.for_training(indices, crop_seeds)
        labels = torch.from_numpy(self.data.train.labels[indices])
        mean, std = self.data.mean, self.data.std
        if self.aug is None:
            return (normalized_tensor(pixels, mean, std),), labels
        seeds = [seed_for(self.seed, epoch, index) for index in indices]
        mixed = self.aug.batch(
            pixels, seeds, views=self.views or 1, mean=mean, std=std, layout="NCHW"
        )
        views = tuple(torch.from_numpy(view) for view in mixed)
        if self.views is None:
            return views, labels
        return (normalized_tensor(pixels, mean, std), *views), labels


class BatchLoader:
    """Gives the batches of an `EpochOrder`, made by worker processes; can be looped over again.

    Parameters
    ----------
    batches : TrainingBatches
        Makes them.
    order : EpochOrder
        Names them; set its ``epoch`` before each loop.
    workers : int
        Processes; 0 makes the batches in this one.
    pinned : bool
        Whether they go to memory from which a graphics card copies faster.

    Raises
    ------
    RunError
        In a loop, if an image cannot be read, or a worker is killed.
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
            # Its own: it would draw from the one that the network's dropout draws from.
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
        except RuntimeError as error:
            if not str(error).startswith("DataLoader worker"):
                raise
            raise RunError(
                "a worker process was killed, as happens where shared memory or memory runs out; "
                "ask for fewer --workers, or a smaller --batch-size"
            ) from error
