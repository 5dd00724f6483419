"""Train a classifier, from a configuration to a finished run."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import nn

from fractalgen.bank.folder import SET_FILE
from fractalgen.bank.source import Place, as_place, holds_shards, recorded_place
from fractalgen.errors import RunError, RunUsageError
from fractalgen.files.lock import locked
from fractalgen.methods import open_set
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.seeding import rng_for
from fractalgen.training.checkpoints import Checkpoint, read_checkpoint
from fractalgen.training.config import Config, configure, default_run_folder
from fractalgen.training.datasets import FOLDER_PREFIX, load_data
from fractalgen.training.datasets.data_set import ImageData, held_out
from fractalgen.training.hardware import (
    Hardware,
    accelerator_for,
    check_memory,
    main_first,
    main_only,
    n_workers,
)
from fractalgen.training.loop import Callbacks, Job, train_epochs
from fractalgen.training.models import create_model
from fractalgen.training.models.weights import load_weights
from fractalgen.training.run import Run, load_run
from fractalgen.training.run_folder import RunFile, RunFolder, versions_of

__all__ = ["train"]

_LIBRARIES = ("accelerate", "numba", "numpy", "pillow", "torch", "torchvision")
_IMAGES_AT_ONCE = 256


def train(
    config: Config | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    mixing_set: str | os.PathLike[str] = "ipmix-set",
    data_dir: str | os.PathLike[str] = "data",
    device: str = "auto",
    precision: str = "auto",
    workers: int | None = None,
    compile: bool = False,  # noqa: A002 - torch's own word
    resume: bool = False,
    overwrite: bool = False,
    callbacks: Callbacks | None = None,
    **options: Any,
) -> Run:
    """Train an image classifier, or continue a run.

    All files of a run are in its folder; see `fractalgen.training.run_folder`. On a CPU, a run that was
    interrupted and resumed ends with bit-identical weights to an uninterrupted one.

    Parameters
    ----------
    config : Config, optional
        What to train. By default it is made from `options`.
    out : path, optional
        The run's folder. If None, ``runs/DATASET-MODEL-SEED``, with ``-METHOD`` before ``-SEED``
        unless it is ``ipmix``.
    mixing_set : path or URL
        A mixing set, any folder of images, or the URL of a sharded set. Methods that need no set
        ignore it.
    data_dir : path
        Folder for data sets; missing ones are downloaded to it.
    device, precision, workers, compile
        See `fractalgen.training.hardware.Hardware`.
    resume, overwrite : bool
        If the folder holds a run: continue it, if it is the same, or start over.
    callbacks : Callbacks, optional
        Functions that are called as the run progresses.
    **options
        Options of `fractalgen.training.config.configure`, such as ``dataset``, ``method``,
        ``model``, ``recipe``, ``epochs`` and ``seed``, and options of the method, such as ``jsd``.

    Returns
    -------
    Run
        The trained classifier, its configuration and its history.

    Raises
    ------
    RunUsageError
        If an option is unknown or out of range, or options contradict each other.
    RunError
        If the data, the set, the weights or the run's files cannot be used, or the loss is not
        finite; the checkpoint of the last good epoch is kept.

    Examples
    --------
    >>> run = fg.train(dataset="digits", method="ipmix", out="runs/a", epochs=2)
    """
    if config is None:
        config = configure(**options)
    elif options:
        raise RunUsageError(f"use either config or {', '.join(options)}, not both")
    hardware = Hardware(device, precision, workers, compile)
    accelerator = accelerator_for(hardware)
    if callbacks is None or not accelerator.is_main_process:
        callbacks = Callbacks()
    run = RunFolder(default_run_folder(config) if out is None else Path(out))
    set_place = as_place("mixing_set", mixing_set) if config.method.uses_set else None
    workers = main_first(accelerator, lambda: n_workers(hardware, accelerator))

    def check_request() -> None:
        _check_request(config, accelerator, resume, overwrite)
        run.check_place(resume=resume, overwrite=overwrite)

    def prepare() -> Job:
        kept = run.read().config.weights if resume and run.last.exists() else None
        return _prepared(config, set_place, Path(data_dir), kept, callbacks)

    main_only(accelerator, check_request)
    job = main_first(accelerator, prepare)
    description = RunFile(
        config=job.config,
        set_folder=None if set_place is None else recorded_place(set_place),
        set_digest=job.set_digest,
        data_digest=_data_digest(job.data),
        versions=versions_of(_LIBRARIES),
    )
    with contextlib.ExitStack() as stack:

        def claim() -> None:
            if resume:
                run.check_same(description)
            run.path.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(run.path))
            if overwrite or not run.last.exists():
                _try_test_images(job.data, callbacks)
            if accelerator.device.type == "cpu":
                share = config.batch_size // accelerator.num_processes
                check_memory(job.network, job.data.size, share, config.method.n_views)
            # Last, because it removes a run that will be overwritten.
            run.claim(description, overwrite=overwrite)

        main_only(accelerator, claim)
        start = main_first(accelerator, lambda: _checkpoint_of(run, job.config))
        _check_same_start(accelerator, start)
        with _plain_errors(config, hardware):
            train_epochs(
                job,
                start,
                run,
                accelerator,
                workers=workers,
                compiles=compile,
                callbacks=callbacks,
            )
    finished = load_run(run.path, data=job.data)
    return dataclasses.replace(finished, epochs_before=start.epoch if start else 0)


def _check_request(config: Config, accelerator: Accelerator, resume: bool, overwrite: bool) -> None:
    if resume and overwrite:
        raise RunUsageError(
            "--resume continues a run, and --overwrite starts over; use only one of them"
        )
    if config.batch_size % accelerator.num_processes:
        raise RunUsageError(
            f"a batch of {config.batch_size} cannot be divided among "
            f"{accelerator.num_processes} processes; use another --batch-size"
        )


def _prepared(
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
    if config.batch_size > len(data.train):
        raise RunUsageError(
            f"a batch of {config.batch_size:,} is more than the {len(data.train):,} training "
            f"images of {data.name}; use a smaller --batch-size"
        )
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


def _try_test_images(data: ImageData, callbacks: Callbacks) -> None:
    """Read a folder's test images once, to find unreadable ones before the first epoch."""
    if not data.name.startswith(FOLDER_PREFIX):
        return
    callbacks.note(f"reading all {len(data.test):,} test images once, to find unreadable ones")
    for start in range(0, len(data.test), _IMAGES_AT_ONCE):
        data.test.for_testing(range(start, min(start + _IMAGES_AT_ONCE, len(data.test))))


def _data_digest(data: ImageData) -> str:
    """Return 32 hexadecimal digits that change with the classes and the number of their images.

    They depend only on class names and labels, so replaced images go unnoticed.
    """
    digest = hashlib.blake2b("\0".join(data.classes).encode("utf-8", "surrogateescape"))
    for labels in (data.train.labels, data.test.labels):
        digest.update(labels.tobytes())
    return digest.hexdigest()[:32]


def _checkpoint_of(run: RunFolder, config: Config) -> Checkpoint | None:
    if not run.last.exists():
        return None
    found = read_checkpoint(run.last)
    if found.config != config:
        raise RunUsageError(
            f"{run.last} does not belong to the run in {run.run_file}; --overwrite starts over"
        )
    return found


def _check_same_start(accelerator: Accelerator, start: Checkpoint | None) -> None:
    """Check that all processes see the same checkpoint; machines without a shared disk don't."""
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
def _plain_errors(config: Config, hardware: Hardware) -> Iterator[None]:
    """Turn torch's exceptions for a lack of memory or of a compiler into plain messages."""
    try:
        yield
    except Exception as error:
        if isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error):
            raise RunError(
                f"not enough memory for batches of {config.batch_size}; use a smaller --batch-size"
            ) from None
        module = type(error).__module__
        if hardware.compile and module.startswith(("torch._dynamo", "torch._inductor")):
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise RunError(f"--compile failed ({reason}); run without it") from error
        raise
