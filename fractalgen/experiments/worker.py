"""The process of one experiment: train or resume, evaluate, and end with the process above it.

Its standard input has the job as a line of JSON and then stays open; when it closes, which happens
even if the parent is killed, the process ends. Its standard output has an event per line, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["job_of", "work"]

_LOCK_SECONDS = 30.0
_PROGRESS_SECONDS = 10.0

_Tell = Callable[..., None]


def job_of(experiment: Any, *, data_dir: Path, device: str, settings: Mapping[str, Any]) -> str:
    """Return an experiment as a job, on one line; `settings` are those of `work`."""
    return json.dumps(
        {
            "config": experiment.config.as_json(),
            "set_folder": None if experiment.set_folder is None else str(experiment.set_folder),
            "folder": str(experiment.folder),
            "measure": dict(experiment.measure),
            "data_dir": str(data_dir),
            "device": device,
            **settings,
        }
    )


def work(job: Mapping[str, Any], tell: _Tell) -> None:
    """Train what is not trained, and measure; `tell` is called with what happens, by name.

    `job` has, besides what `job_of` writes, ``train``, ``precision``, ``compile``, ``workers`` and
    ``eval_batch_size``.
    """
    from fractalgen.evaluation.evaluate import evaluate
    from fractalgen.training.config import Config
    from fractalgen.training.hardware import Hardware, accelerator_for
    from fractalgen.training.progress import Callbacks
    from fractalgen.training.train import train

    config, folder = Config.from_json(job["config"]), Path(job["folder"])
    _wait_for_lock(folder)
    if job["train"]:
        train(
            config,
            out=folder,
            mixing_set=job["set_folder"] or "ipmix-set",
            data_dir=job["data_dir"],
            device=job["device"],
            precision=job["precision"],
            workers=job["workers"],
            compile=job["compile"],
            resume=True,
            callbacks=Callbacks(
                epoch=lambda record: tell(epoch=record.epoch, error=record.test_error),
                note=lambda line: tell(note=line),
            ),
        )
    options = dict(job["measure"])
    last = time.monotonic()
    measuring = ""

    def progress(what: str, done: int, total: int | None) -> None:
        nonlocal last, measuring
        if what != measuring and time.monotonic() - last > _PROGRESS_SECONDS:
            last, measuring = time.monotonic(), what
            tell(measuring=what)

    tell(measuring="test images")
    evaluate(
        folder,
        batch_size=job["eval_batch_size"],
        data_dir=job["data_dir"],
        accelerator=accelerator_for(Hardware(device=job["device"], precision="float32")),
        progress=progress,
        tell=lambda line: tell(note=line),
        **options,
    )
    tell(done=True)


def _wait_for_lock(folder: Path) -> None:
    """Wait for the process of an earlier comparison, which ends soon after its parent."""
    from fractalgen.errors import SetError
    from fractalgen.files.lock import locked

    end = time.monotonic() + _LOCK_SECONDS
    while folder.is_dir():
        try:
            with locked(folder):
                return
        except SetError:  # noqa: PERF203
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def _end_with_parent() -> None:
    """End this process when its standard input ends."""
    sys.stdin.read()
    os._exit(1)


def _main() -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to the log
    lock = threading.Lock()

    def tell(**event: Any) -> None:
        with lock:
            out.write(json.dumps(event) + "\n")
            out.flush()

    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if job["cores"] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, job["cores"])
    from fractalgen.errors import FractalgenError

    try:
        work(job, tell)
    except FractalgenError as error:
        tell(failed=str(error))
        sys.exit(1)
    except MemoryError:
        tell(failed="not enough memory; use a smaller --batch-size")
        sys.exit(1)
    except OSError as error:
        traceback.print_exc()
        tell(failed=f"{error.filename}: {error.strerror}" if error.filename else str(error))
        sys.exit(1)
    except Exception as error:
        traceback.print_exc()
        reason = (str(error).splitlines() or [""])[0]
        tell(failed=f"{type(error).__name__}: {reason}", is_bug=True)
        sys.exit(1)


if __name__ == "__main__":
    _main()
