"""Training with IPMix against training without, step for step, in the same run."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.augment import random_images
from benchmarks.timing import Row, paired_seconds

# Network, images of a step, steps of an epoch, pairs of epochs.
CASES = (("resnet-8", 128, 16, 8), ("wrn-40-4", 32, 2, 3))
SIZE, N_BANK, N_CLASSES = 32, 200, 10


@dataclass(frozen=True)
class Training:
    """What `train-with-set` trains with: call `epoch` as often as needed."""

    config: Any
    network: Any
    model: Any
    optimizer: Any
    batches: Any
    loader: Any
    accelerator: Any

    @classmethod
    def of(
        cls,
        model_name: str,
        method: str,
        batch_size: int,
        n_steps: int,
        *,
        size: int = SIZE,
        jsd: bool = False,
        workers: int | None = 0,
        device: str = "cpu",
        compiles: bool = False,
    ) -> Training:
        """Prepare epochs of `n_steps` batches of random images in memory."""
        import torch

        from fractalgen.training.batches import BatchLoader, EpochOrder, TrainingBatches
        from fractalgen.training.config import configure
        from fractalgen.training.datasets.data_set import ImageData
        from fractalgen.training.datasets.in_memory import InMemoryImages
        from fractalgen.training.hardware import Hardware, accelerator_for, n_workers
        from fractalgen.training.models import create_model

        n = batch_size * n_steps
        labels = np.arange(n, dtype=np.int64) % N_CLASSES
        images = np.tile(random_images(batch_size, size, 1), (n_steps, 1, 1, 1))
        photos = InMemoryImages(images, labels, size=size, padding=size // 8, mirror=True)
        classes = tuple(map(str, range(N_CLASSES)))
        data = ImageData("random", photos, photos, classes, size, (0.5,) * 3, (0.25,) * 3)
        options = {"jsd": jsd} if method == "ipmix" else {}
        config = configure(method=method, model=model_name, batch_size=batch_size, **options)
        bank = SimpleNamespace(array=random_images(N_BANK, size + size // 8, 0))
        views = config.method.views(bank, data.mean, data.std)
        batches = TrainingBatches(data, views, 0)
        hardware = Hardware(device=device, workers=workers)
        accelerator = accelerator_for(hardware)
        loader = BatchLoader(
            batches,
            EpochOrder(n, batch_size, 0),
            n_workers(hardware, accelerator),
            pinned=accelerator.device.type == "cuda",
        )
        torch.manual_seed(0)
        network = create_model(model_name, N_CLASSES, size)
        network.to(accelerator.device, memory_format=torch.channels_last)
        model = accelerator.prepare(torch.compile(network) if compiles else network)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True)
        return cls(config, network, model, optimizer, batches, loader, accelerator)

    def epoch(self, loader: Any = None) -> dict[str, float]:
        """Train on the loader's batches, or on those of another; return the figures."""
        from fractalgen.training.loop import train_epoch

        return train_epoch(
            0,
            self.config,
            self.network,
            self.model,
            self.optimizer,
            loader or self.loader,
            self.accelerator,
            self.batches.data,
        )


def with_and_without(
    model_name: str, batch_size: int, n_steps: int, n_runs: int, workers: int
) -> Row:
    vanilla, ipmix = (
        Training.of(model_name, method, batch_size, n_steps, workers=workers)
        for method in ("vanilla", "ipmix")
    )
    without, with_it = paired_seconds(vanilla.epoch, ipmix.epoch, n_runs)
    n = batch_size * n_steps
    made_by = f"{workers} worker" if workers else "no worker"
    return Row(
        f"training on mixed views of 32 x 32, {model_name}, {made_by}",
        f"{n / with_it:,.0f} images/s",
        f"vanilla, {n / without:,.0f} images/s",
        f"{100 * (with_it / without - 1):+.1f}% time",
    )


def rows() -> list[Row]:
    """Return the table; it is empty where torch is not installed."""
    if importlib.util.find_spec("torch") is None:
        return []
    return [with_and_without(*case, workers) for case in CASES for workers in (0, 1)]
