"""From a configuration to trained weights: what a run does, from its first step to its last."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from fractalgen.augment.ipmix import IPMix
from fractalgen.seeding import rng_for
from fractalgen.training.checkpoints import Checkpoint, read_checkpoint
from fractalgen.training.config import Config
from fractalgen.training.datasets import load_data
from fractalgen.training.datasets.image_data import ImageData
from fractalgen.training.errors import RunUsageError
from fractalgen.training.hardware import Hardware, accelerator_for, n_workers
from fractalgen.training.loop import Job, Listeners, train_epochs
from fractalgen.training.mixing import augmenter_for, checked_set_digest
from fractalgen.training.models import create_model
from fractalgen.training.models.weights import load_weights
from fractalgen.training.run_folder import EpochRecord, RunFile, RunFolder
from fractalgen.training.versions import versions_of

__all__ = ["Outcome", "train"]

_LIBRARIES = ("accelerate", "numba", "numpy", "pillow", "torch", "torchvision")


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes
    ----------
    folder : Path
        The run's.
    epochs_before : int
        Epochs that were done when it was resumed.
    records : list of EpochRecord
        Of every epoch.
    """

    folder: Path
    epochs_before: int
    records: list[EpochRecord]

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return {**dataclasses.asdict(self), "folder": str(self.folder)}


def train(
    config: Config,
    folder: Path,
    *,
    set_folder: Path | None = None,
    data_dir: Path = Path("data"),
    hardware: Hardware | None = None,
    resume: bool = False,
    overwrite: bool = False,
    listeners: Listeners | None = None,
) -> Outcome | None:
    """Train a classifier, or go on with it.

    Everything that a run writes lies in `folder`; see `fractalgen.training.run_folder`. On a CPU
    the weights after an interruption and a resumption are those of a run without, bit by bit.

    Parameters
    ----------
    config : Config
        What to train; `configure` makes one.
    folder : Path
        The run's folder.
    set_folder : Path, optional
        The mixing set; the method ``vanilla`` needs none.
    data_dir : Path
        Where data sets are, or are downloaded to.
    hardware : Hardware, optional
        What is there, if None.
    resume, overwrite : bool
        What to do if `folder` holds a run: go on with it if it is the same, or start anew.
    listeners : Listeners, optional
        Told how far it is.

    Returns
    -------
    Outcome or None
        None in all but the main process.

    Raises
    ------
    RunUsageError
        If things are asked for that are not there or do not go together.
    RunError
        If the data, the set, the weights or the run's files cannot be used, or the loss is no
        longer a number: the checkpoint of the last epoch is kept.
    """
    hardware = hardware or Hardware()
    listeners = listeners or Listeners()
    accelerator = accelerator_for(hardware)
    if not accelerator.is_main_process:
        listeners = Listeners()
    workers = n_workers(hardware, accelerator)
    run = RunFolder(folder)
    with accelerator.local_main_process_first():
        data = load_data(
            config.dataset,
            data_dir=data_dir,
            image_size=config.image_size,
            progress=listeners.fetching,
        )
        digest, aug = _mixing(config, set_folder, data.size, listeners)
    _check_batch(config, data, accelerator)
    network = _network(config, data)
    if config.weights is not None:
        with accelerator.local_main_process_first():
            record = load_weights(network, config.weights, config.model)
        listeners.tell(f"starting from {config.weights} ({record})")
        config = dataclasses.replace(config, weights=record)
    if accelerator.is_main_process:
        set_name = None if digest is None else str(set_folder)
        description = RunFile(config, set_name, digest, versions_of(_LIBRARIES))
        run.claim(description, resume=resume, overwrite=overwrite)
    accelerator.wait_for_everyone()
    start = _checkpoint_of(run, config)
    job = Job(
        config=config,
        network=network,
        data=data,
        aug=aug,
        set_digest=digest,
        run=run,
        accelerator=accelerator,
        workers=workers,
        compiles=hardware.compile,
        listeners=listeners,
    )
    train_epochs(job, start)
    if not accelerator.is_main_process:
        return None
    return Outcome(folder, start.epoch if start else 0, run.records())


def _mixing(
    config: Config, set_folder: Path | None, image_size: int, listeners: Listeners
) -> tuple[str | None, IPMix | None]:
    """Check and open the mixing set, if the method needs one."""
    if config.ipmix is None:
        return None, None
    if set_folder is None:
        raise RunUsageError("the method ipmix needs a mixing set; name its folder")
    listeners.tell(f"checking and reading {set_folder}")
    digest = checked_set_digest(set_folder)
    return digest, augmenter_for(config.ipmix, set_folder, image_size)


def _check_batch(config: Config, data: ImageData, accelerator: Accelerator) -> None:
    if config.batch_size > len(data.train):
        raise RunUsageError(
            f"a batch of {config.batch_size:,} is more than the {len(data.train):,} training "
            f"pictures of {data.name}; give a smaller --batch-size"
        )
    if config.batch_size % accelerator.num_processes:
        raise RunUsageError(
            f"a batch of {config.batch_size} cannot be shared out among "
            f"{accelerator.num_processes} processes; give another --batch-size"
        )


def _checkpoint_of(run: RunFolder, config: Config) -> Checkpoint | None:
    if not run.last.exists():
        return None
    found = read_checkpoint(run.last)
    if found.config != config:
        raise RunUsageError(
            f"{run.last} is not of the run that {run.run_file} describes; --overwrite starts anew"
        )
    return found


def _network(config: Config, data: ImageData) -> nn.Module:
    """Make the network, with weights that the run's seed gives."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng_for(config.seed, "weights", 0).integers(1 << 63)))
        network = create_model(config.model, len(data.classes), data.size)
    return network.to(memory_format=torch.channels_last)  # type: ignore[no-any-return, unused-ignore]
