"""Training with IPMix against training without, step for step, in the same run."""

import importlib.util
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from benchmarks.augment import random_images
from benchmarks.timing import Row, paired_seconds

# Network, images of a step, steps of an epoch, pairs of epochs.
CASES = (("resnet-8", 128, 16, 8), ("wrn-40-4", 32, 2, 3))
SIZE, N_BANK, N_CLASSES = 32, 200, 10


def epoch_of(
    model_name: str, method: str, batch_size: int, n_steps: int, workers: int
) -> Callable[[], object]:
    """Return a function that trains for an epoch, on what `train-with-set` uses."""
    import torch

    from fractalgen.training.batches import BatchLoader, EpochOrder, TrainingBatches
    from fractalgen.training.config import configure
    from fractalgen.training.datasets.data_set import ImageData
    from fractalgen.training.datasets.in_memory import InMemoryImages
    from fractalgen.training.hardware import Hardware, accelerator_for
    from fractalgen.training.loop import train_epoch
    from fractalgen.training.models import create_model

    n = batch_size * n_steps
    labels = np.arange(n, dtype=np.int64) % N_CLASSES
    photos = InMemoryImages(random_images(n, SIZE, 1), labels, size=SIZE, padding=4, mirror=True)
    classes = tuple(map(str, range(N_CLASSES)))
    data = ImageData("random", photos, photos, classes, SIZE, (0.5,) * 3, (0.25,) * 3)
    options = {"jsd": False} if method == "ipmix" else {}
    config = configure(method=method, model=model_name, batch_size=batch_size, **options)
    order = EpochOrder(n, batch_size, 0)
    bank = SimpleNamespace(array=random_images(N_BANK, 36, 0))
    views = config.method.views(bank, data.mean, data.std)
    loader = BatchLoader(TrainingBatches(data, views, 0), order, workers, pinned=False)
    torch.manual_seed(0)
    network = create_model(model_name, N_CLASSES, SIZE).to(memory_format=torch.channels_last)
    accelerator = accelerator_for(Hardware(device="cpu"))
    model = accelerator.prepare(network)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    return lambda: train_epoch(0, config, network, model, optimizer, loader, accelerator, N_CLASSES)


def with_and_without(
    model_name: str, batch_size: int, n_steps: int, n_runs: int, workers: int
) -> Row:
    vanilla, ipmix = (
        epoch_of(model_name, method, batch_size, n_steps, workers)
        for method in ("vanilla", "ipmix")
    )
    without, with_it = paired_seconds(vanilla, ipmix, n_runs)
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
