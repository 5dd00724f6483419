"""What a run needs before its first step: data, mixing set, network, all of them checked."""

from __future__ import annotations

import dataclasses
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from fractalgen.augment.ipmix import IPMix
from fractalgen.errors import RunError, RunUsageError
from fractalgen.seeding import rng_for
from fractalgen.training.config import Config
from fractalgen.training.datasets import FOLDER_PREFIX, load_data
from fractalgen.training.datasets.image_data import ImageData
from fractalgen.training.loop import Listeners
from fractalgen.training.mixing import (
    augmenter_for,
    check_settings,
    checked_set_digest,
    try_settings,
)
from fractalgen.training.models import create_model
from fractalgen.training.models.weights import load_weights

__all__ = ["Prepared", "data_digest", "prepare", "try_test_images"]

_IMAGES_AT_ONCE = 256


@dataclass(frozen=True)
class Prepared:
    """What `prepare` made.

    Attributes
    ----------
    config : Config
        With the digest of the weights to start from in the place of their name.
    data : ImageData
        To train and test on.
    aug : IPMix or None
        None of the method ``vanilla``.
    set_digest : str or None
        Of the mixing set.
    network : nn.Module
        With the weights that the run starts from.
    """

    config: Config
    data: ImageData
    aug: IPMix | None
    set_digest: str | None
    network: nn.Module


def prepare(
    config: Config,
    *,
    set_folder: Path | None,
    data_dir: Path,
    kept_weights: str | None,
    listeners: Listeners,
) -> Prepared:
    """Read, check and make what a run needs.

    Parameters
    ----------
    config, set_folder, data_dir, listeners
        See `fractalgen.training.train.train`.
    kept_weights : str or None
        Of a run that goes on: what its weights came from, for when that is no longer there. Its
        checkpoint has what became of them.

    Raises
    ------
    RunError
        If some of it is missing, is damaged, or does not fit.
    """
    data = load_data(
        config.dataset,
        data_dir=data_dir,
        image_size=config.image_size,
        progress=listeners.fetching,
    )
    if config.batch_size > len(data.train):
        raise RunUsageError(
            f"a batch of {config.batch_size:,} is more than the {len(data.train):,} training "
            f"images of {data.name}; give a smaller --batch-size"
        )
    network = _network(config, data)
    if config.weights is not None:
        record = _with_weights(network, config.weights, config.model, kept_weights)
        listeners.tell(f"starting from {config.weights} ({record})")
        config = dataclasses.replace(config, weights=record)
    digest, aug = _mixing(config, set_folder, data.size, listeners)
    return Prepared(config, data, aug, digest, network)


def try_test_images(data: ImageData, listeners: Listeners) -> None:
    """Read a folder's test images once, before an epoch is spent and one of them stops the run.

    Raises
    ------
    RunError
        Naming an image that cannot be read.
    """
    if not data.name.startswith(FOLDER_PREFIX):
        return
    listeners.tell(f"reading the {len(data.test):,} test images once, to see that all can be")
    for start in range(0, len(data.test), _IMAGES_AT_ONCE):
        data.test.for_testing(range(start, min(start + _IMAGES_AT_ONCE, len(data.test))))


def data_digest(data: ImageData) -> str:
    """Return 32 hexadecimal digits that change with the classes, and with each one's images.

    They are of the classes' names and the labels: images that were replaced are not noticed.
    """
    digest = hashlib.blake2b("\0".join(data.classes).encode("utf-8", "surrogateescape"))
    for labels in (data.train.labels, data.test.labels):
        digest.update(labels.tobytes())
    return digest.hexdigest()[:32]


def _network(config: Config, data: ImageData) -> nn.Module:
    """Make the network, with weights that the run's seed gives."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng_for(config.seed, "weights", 0).integers(1 << 63)))
        network: nn.Module = create_model(config.model, len(data.classes), data.size)
    return network.to(memory_format=torch.channels_last)


def _with_weights(network: nn.Module, source: str, model: str, kept: str | None) -> str:
    try:
        return load_weights(network, source, model)
    except RunUsageError:
        raise
    except RunError:
        if kept is None:
            raise
        return kept


def _mixing(
    config: Config, set_folder: Path | None, image_size: int, listeners: Listeners
) -> tuple[str | None, IPMix | None]:
    """Check and open the mixing set, if the method needs one."""
    if config.ipmix is None:
        return None, None
    if set_folder is None:
        raise RunUsageError("the method ipmix needs a mixing set; name its folder")
    check_settings(config.ipmix)
    listeners.tell(f"checking and reading {set_folder}")
    with ThreadPoolExecutor(1) as meanwhile:  # the first time on a machine, 15 s of compiling
        compiling = meanwhile.submit(try_settings, config.ipmix, image_size)
        digest = checked_set_digest(set_folder)
        aug = augmenter_for(config.ipmix, set_folder, image_size)
        compiling.result()
    return digest, aug
