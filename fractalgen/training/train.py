"""From a configuration to trained weights: what a run does, from its first step to its last."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from fractalgen.errors import RunError, RunUsageError
from fractalgen.files.lock import locked
from fractalgen.training.checkpoints import Checkpoint, read_checkpoint
from fractalgen.training.config import Config
from fractalgen.training.hardware import Hardware, accelerator_for, n_workers
from fractalgen.training.loop import Job, Listeners, train_epochs
from fractalgen.training.memory import check_memory
from fractalgen.training.preparation import Prepared, data_digest, prepare, try_test_images
from fractalgen.training.processes import main_first, main_only
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
    run = RunFolder(folder)
    workers = main_first(accelerator, lambda: n_workers(hardware, accelerator))

    def check() -> None:
        _check_request(config, accelerator, resume, overwrite)
        run.check_place(resume=resume, overwrite=overwrite)

    main_only(accelerator, check)
    prepared = main_first(
        accelerator,
        lambda: prepare(
            config,
            set_folder=set_folder,
            data_dir=data_dir,
            kept_weights=run.read().config.weights if resume and run.last.exists() else None,
            listeners=listeners,
        ),
    )

    description = _description(prepared, set_folder)
    with contextlib.ExitStack() as stack:

        def claim() -> None:
            if resume:
                run.check_same(description)
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(folder))
            if overwrite or not run.last.exists():
                try_test_images(prepared.data, listeners)
            if accelerator.device.type == "cpu":
                share = config.batch_size // accelerator.num_processes
                n_views = 1 + (config.views or 0)
                check_memory(prepared.network, prepared.data.size, share, n_views)
            # Last: it removes a run that is to be overwritten.
            run.claim(description, overwrite=overwrite)

        main_only(accelerator, claim)
        start = main_first(accelerator, lambda: _checkpoint_of(run, prepared.config))
        _check_same_start(accelerator, start)
        job = Job(
            config=prepared.config,
            network=prepared.network,
            data=prepared.data,
            aug=prepared.aug,
            set_digest=prepared.set_digest,
            run=run,
            accelerator=accelerator,
            workers=workers,
            compiles=hardware.compile,
            listeners=listeners,
        )
        with _in_words(config, hardware):
            train_epochs(job, start)
    if not accelerator.is_main_process:
        return None
    return Outcome(folder, start.epoch if start else 0, run.records())


def _check_request(config: Config, accelerator: Accelerator, resume: bool, overwrite: bool) -> None:
    if resume and overwrite:
        raise RunUsageError(
            "--resume goes on with a run, --overwrite starts anew; give one of them"
        )
    if config.batch_size % accelerator.num_processes:
        raise RunUsageError(
            f"a batch of {config.batch_size} cannot be shared out among "
            f"{accelerator.num_processes} processes; give another --batch-size"
        )


def _description(prepared: Prepared, set_folder: Path | None) -> RunFile:
    of_set = None if set_folder is None or prepared.set_digest is None else set_folder.absolute()
    return RunFile(
        config=prepared.config,
        set_folder=None if of_set is None else str(of_set),
        set_digest=prepared.set_digest,
        data_digest=data_digest(prepared.data),
        versions=versions_of(_LIBRARIES),
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


def _check_same_start(accelerator: Accelerator, start: Checkpoint | None) -> None:
    """Refuse processes that see different checkpoints, as machines without a common disk do."""
    ours = start.sha256 if start else None
    theirs = [ours]
    if accelerator.num_processes > 1:
        broadcast_object_list(theirs)
    if theirs != [ours]:
        raise RunError(
            "the machines of this run see different checkpoints; put the run's folder on a disk "
            "that all of them share"
        )


@contextlib.contextmanager
def _in_words(config: Config, hardware: Hardware) -> Iterator[None]:
    """Turn what torch raises for want of memory, or of a compiler, into sentences."""
    try:
        yield
    except Exception as error:
        if isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error):
            raise RunError(
                f"not enough memory for batches of {config.batch_size}; give a smaller --batch-size"
            ) from None
        module = type(error).__module__
        if hardware.compile and module.startswith(("torch._dynamo", "torch._inductor")):
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise RunError(f"--compile failed ({reason}); leave it out") from error
        raise
