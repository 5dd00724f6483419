"""Train a classifier, from a configuration to a finished run."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from fractalgen.bank.source import as_place, recorded_place
from fractalgen.errors import RunError, RunUsageError
from fractalgen.files.lock import locked
from fractalgen.training.batches import check_no_import, error_of_worker
from fractalgen.training.checkpoints import Checkpoint, read_checkpoint
from fractalgen.training.config import Config, configure, default_run_folder
from fractalgen.training.hardware import (
    Hardware,
    accelerator_for,
    check_memory,
    main_first,
    main_only,
    n_workers,
)
from fractalgen.training.job import Job, data_digest, prepare_job, try_test_images
from fractalgen.training.loop import train_epochs
from fractalgen.training.progress import Callbacks
from fractalgen.training.run import Run, load_run
from fractalgen.training.run_folder import RunFile, RunFolder, versions_of

__all__ = ["train"]

_LIBRARIES = ("accelerate", "numba", "numpy", "pillow", "torch", "torchvision")


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

    All files of a run are in its folder; see `fractalgen.training.run_folder`. On a CPU, a run that
    was interrupted and resumed ends with bit-identical weights to an uninterrupted one.

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
        If an option is unknown or out of range, or options contradict each other; or if a worker
        process calls it as it imports a script without ``if __name__ == "__main__":``.
    RunError
        If the data, the set, the weights or the run's files cannot be used, or the loss is not
        finite; the checkpoint of the last good epoch is kept.

    Examples
    --------
    >>> run = fg.train(dataset="digits", method="ipmix", out="runs/a", epochs=2)
    """
    check_no_import()
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
        return prepare_job(config, set_place, Path(data_dir), kept, callbacks)

    main_only(accelerator, check_request)
    job = main_first(accelerator, prepare)
    description = RunFile(
        config=job.config,
        set_folder=None if set_place is None else recorded_place(set_place),
        set_digest=job.set_digest,
        data_digest=data_digest(job.data),
        versions=versions_of(_LIBRARIES),
    )
    with contextlib.ExitStack() as stack:

        def claim() -> None:
            if resume:
                run.check_same(description)
            run.path.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(run.path))
            if overwrite or not run.last.exists():
                try_test_images(job.data, callbacks)
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
    """Turn torch's exceptions for lost workers and a lack of memory or of a compiler into ours."""
    try:
        yield
    except Exception as error:
        plain = error_of_worker(error)
        if plain is not None:
            raise plain from error
        if isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error):
            raise RunError(
                f"not enough memory for batches of {config.batch_size}; use a smaller --batch-size"
            ) from None
        module = type(error).__module__
        if hardware.compile and module.startswith(("torch._dynamo", "torch._inductor")):
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise RunError(f"--compile failed ({reason}); run without it") from error
        raise
