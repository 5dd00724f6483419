"""What a run needs before its first step: data, network, views and weights, checked and open."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from fractalgen.bank.folder import SET_FILE
from fractalgen.bank.source import Place, holds_shards
from fractalgen.errors import RunError, RunUsageError
from fractalgen.methods import open_set
from fractalgen.methods.method import Views
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.seeding import rng_for
from fractalgen.training.config import Config
from fractalgen.training.datasets import FOLDER_PREFIX, load_data
from fractalgen.training.datasets.data_set import ImageData, held_out
from fractalgen.training.models import create_model
from fractalgen.training.models.weights import load_weights
from fractalgen.training.progress import Callbacks

__all__ = ["Job", "check_batch", "data_digest", "prepare_job", "try_test_images"]

_IMAGES_AT_ONCE = 256


@dataclass(frozen=True)
class Job:
    """Everything that a run needs before its first step, checked and open.

    In `config` a digest of the initial weights replaces their name. Training changes the weights of
    `network`. `set_digest` is the digest of the mixing set's images.
    """

    config: Config
    data: ImageData
    network: nn.Module
    views: Views
    set_digest: str | None


def prepare_job(
    config: Config,
    set_place: Place | None,
    data_dir: Path,
    kept_weights: str | None,
    callbacks: Callbacks,
) -> Job:
    """Load and check everything that a run needs.

    `kept_weights` is the record of a resumed run's initial weights. Their file is not needed,
    because the checkpoint replaces them.
    """
    data = load_data(
        config.dataset,
        data_dir=data_dir,
        image_size=config.image_size,
        progress=callbacks.fetching,
    )
    data = held_out(data, config.hold_out)
    check_batch(config, data)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng_for(config.seed, "weights", 0).integers(1 << 63)))
        network: nn.Module = create_model(config.model, len(data.classes), data.size)
    network.to(memory_format=torch.channels_last)
    if config.weights is not None:
        try:
            record = load_weights(network, config.weights, config.model)
        except RunUsageError:
            raise
        except RunError:
            if kept_weights is None:
                raise
            record = kept_weights
        callbacks.note(f"starting from {config.weights} ({record})")
        config = dataclasses.replace(config, weights=record)
    mixing_set = None
    if set_place is not None:
        callbacks.note(f"checking and reading {set_place}")
        _check_set(set_place)
        mixing_set = open_set(set_place, data.size)
    views = config.method.views(mixing_set, data.mean, data.std)
    try:
        # Compile the kernels by augmenting one blank image: before an epoch is timed, and before
        # several workers would all compile them.
        views(np.zeros((1, data.size, data.size, 3), np.uint8), [0])
    except ValueError as error:
        raise RunUsageError(str(error)) from None
    digest = None if mixing_set is None else mixing_set.digest
    return Job(config, data, network, views, digest)


def check_batch(config: Config, data: ImageData) -> None:
    """Raise RunUsageError if there are fewer training images than a batch has."""
    if config.batch_size > len(data.train):
        raise RunUsageError(
            f"a batch of {config.batch_size:,} is more than the {len(data.train):,} training "
            f"images of {data.name}; use a smaller --batch-size"
        )


def _check_set(folder: Place) -> None:
    """Check that a folder exists and, if it is a fractalgen set, passes verification.

    The images of shards are compared with their records when they are read into the bank.
    """
    if not isinstance(folder, Path):
        return
    if not folder.exists():
        raise RunError(
            f"{folder} does not exist; 'fractalgen build-set {folder}' draws a mixing set, and "
            "--method vanilla trains without one"
        )
    if (folder / SET_FILE).is_file() and not holds_shards(folder):
        report = verify(folder)
        if not report.ok:
            n_broken = len(report.findings.broken)
            what = (
                f"{n_broken:,} of its images are missing or altered"
                if n_broken
                else "it has foreign files or a damaged manifest"
            )
            raise RunError(
                f"{folder} fails verification: {what}; see 'fractalgen verify {folder}', and "
                f"'fractalgen build-set {folder} --repair'"
            )


def try_test_images(data: ImageData, callbacks: Callbacks) -> None:
    """Read a folder's test images once, to find unreadable ones before the first epoch."""
    if not data.name.startswith(FOLDER_PREFIX):
        return
    callbacks.note(f"reading all {len(data.test):,} test images once, to find unreadable ones")
    for start in range(0, len(data.test), _IMAGES_AT_ONCE):
        data.test.for_testing(range(start, min(start + _IMAGES_AT_ONCE, len(data.test))))


def data_digest(data: ImageData) -> str:
    """Return 32 hexadecimal digits that change with the classes and the number of their images.

    They depend only on class names and labels, so replaced images go unnoticed.
    """
    digest = hashlib.blake2b("\0".join(data.classes).encode("utf-8", "surrogateescape"))
    for labels in (data.train.labels, data.test.labels):
        digest.update(labels.tobytes())
    return digest.hexdigest()[:32]
