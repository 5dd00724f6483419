"""Run experiments in processes of their own, several at once, and report how each ended."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fractalgen.errors import RunUsageError
from fractalgen.experiments.grid import Experiment
from fractalgen.experiments.worker import job_of
from fractalgen.pool import default_workers
from fractalgen.training.hardware import check_device

__all__ = ["LOGS", "Machine", "execute"]

LOGS = "logs"
"""The folder of what the processes print on stderr, in the comparison's folder."""

_SIGKILL = 9  # Windows has no name for it
_TICK_SECONDS = 0.2
_END_SECONDS = 10


@dataclass(frozen=True)
class Machine:
    """How to compute; it is not part of what is compared.

    Attributes
    ----------
    parallel : int or None
        Runs at once; None for one per GPU, or one.
    device, precision, workers, compile
        See `fractalgen.training.hardware.Hardware`.
    eval_batch_size : int
        Images per batch of the evaluation.
    data_dir : Path
        Folder for data sets.
    """

    parallel: int | None = None
    device: str = "auto"
    precision: str = "auto"
    workers: int | None = None
    compile: bool = False
    eval_batch_size: int = 128
    data_dir: Path = Path("data")

    def slots(self) -> list[_Slot]:
        """Return a place for each of the runs at once: its device and its share of the cores.

        Raises
        ------
        RunUsageError
            If a device does not exist, or there are fewer cores than runs at once, or than
            workers of a run.
        """
        devices = self._devices()
        for device in devices:
            check_device(device)
        n = len(devices) if self.parallel is None else self.parallel
        cores = _cores()
        available = len(cores) or default_workers()
        if not 1 <= n <= available:
            raise RunUsageError(
                f"{n} runs at once need as many CPU cores, and there are {available}; use "
                f"--parallel {available} or less"
            )
        if self.workers is not None and self.workers > available // n:
            raise RunUsageError(
                f"{self.workers} workers are more than the {available // n} CPU cores of each of "
                f"the runs at once ({n}); use fewer --workers, or a smaller --parallel"
            )
        return [
            _Slot(devices[place % len(devices)], available // n, cores[place::n] if n > 1 else [])
            for place in range(n)
        ]

    def _devices(self) -> list[str]:
        import torch

        n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if self.device in ("auto", "cuda") and n_gpus > 1:
            return [f"cuda:{number}" for number in range(n_gpus)]
        return [self.device]


def _cores() -> list[int]:
    """Return the numbers of this process's CPU cores; empty where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@dataclass(frozen=True)
class _Slot:
    device: str
    threads: int
    cores: list[int]


def execute(
    experiments: Sequence[tuple[Experiment, bool]],
    machine: Machine,
    out: Path,
    tell: Callable[[str], None],
) -> dict[str, str]:
    """Run experiments, and return why some failed, by their names.

    Each runs in a process of its own, which ends if this one does. A failure ends only its own run.

    Parameters
    ----------
    experiments : sequence of (Experiment, bool)
        In the order in which to start them, each with whether it must be trained.
    out : Path
        The comparison's folder, for the logs.
    tell : callable
        Called with lines of text for the user.
    """
    free: queue.SimpleQueue[_Slot] = queue.SimpleQueue()
    slots = machine.slots()
    for slot in slots:
        free.put(slot)
    team = _Team()
    failures: dict[str, str] = {}
    n, n_done, lock = len(experiments), 0, threading.Lock()

    def report(experiment: Experiment, line: str) -> None:
        with lock:
            tell(f"[{n_done}/{n}] {experiment.name}: {line}")

    def run(experiment: Experiment, train: bool) -> None:
        nonlocal n_done
        slot = free.get()
        try:
            failure = _run(experiment, train, machine, slot, out, team, report)
        finally:
            free.put(slot)
        if team.is_over:  # by a Ctrl-C, which is no failure
            return
        with lock:
            n_done += 1
            if failure is not None:
                failures[experiment.name] = failure
        report(experiment, "done" if failure is None else f"failed: {failure}")

    pool = concurrent.futures.ThreadPoolExecutor(len(slots))
    futures = [pool.submit(run, experiment, train) for experiment, train in experiments]
    try:
        while concurrent.futures.wait(futures, _TICK_SECONDS).not_done:  # a Ctrl-C gets through
            pass
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        team.end()
    for future in futures:
        future.result()
    return failures


class _Team:
    """The processes that are running; none starts when `is_over`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[subprocess.Popen[str]] = []
        self.is_over = False

    def start(self, command: list[str], **options: Any) -> subprocess.Popen[str] | None:
        """Start a process; None if the comparison is over."""
        with self._lock:
            if self.is_over:
                return None
            process = subprocess.Popen(command, text=True, **options)
            self._running.append(process)
            return process

    def leave(self, process: subprocess.Popen[str]) -> None:
        """Forget a process that has ended."""
        with self._lock:
            self._running.remove(process)

    def end(self) -> None:
        """End all processes; what they have written stays valid."""
        with self._lock:
            self.is_over = True
            for process in self._running:
                process.kill()
        for process in self._running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_END_SECONDS)


def _run(
    experiment: Experiment,
    train: bool,
    machine: Machine,
    slot: _Slot,
    out: Path,
    team: _Team,
    report: Callable[[Experiment, str], None],
) -> str | None:
    """Run one experiment to its end; return why it failed, or None."""
    log = out / LOGS / f"{experiment.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    settings = {
        "train": train,
        "precision": machine.precision,
        "workers": machine.workers,
        "compile": machine.compile,
        "eval_batch_size": machine.eval_batch_size,
        "cores": slot.cores,
    }
    job = job_of(experiment, data_dir=machine.data_dir, device=slot.device, settings=settings)
    events: dict[str, Any] = {}
    with log.open("a") as errors:
        process = team.start(
            [sys.executable, "-m", "fractalgen.experiments.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=_environment(slot),
            start_new_session=True,  # a Ctrl-C reaches this process alone
        )
        if process is None:
            return "interrupted"
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin, process.stdout:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(job + "\n")
                process.stdin.flush()
            for line in process.stdout:
                event = json.loads(line)
                events |= event
                said = _said(event, experiment)
                if said:
                    report(experiment, said)
            code = process.wait()
        team.leave(process)
    return _failure(code, events, log)


def _environment(slot: _Slot) -> dict[str, str]:
    threads = str(slot.threads)
    limits = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    passive = {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")}
    return {**os.environ, **dict.fromkeys(limits, threads), **passive}


def _said(event: Mapping[str, Any], experiment: Experiment) -> str:
    """Return an event as a line for people; empty if it is nothing to show."""
    if "epoch" in event:
        epochs = experiment.config.epochs
        return f"epoch {event['epoch']}/{epochs}, test error {event['error']:.2%}"
    if "measuring" in event:
        return f"measuring, {event['measuring']}"
    return str(event.get("note", ""))


def _failure(code: int, events: Mapping[str, Any], log: Path) -> str | None:
    if "failed" in events:
        see = f"; see {log}" if events.get("is_bug") else ""
        return f"{events['failed']}{see}"
    if code == 0 and "done" in events:
        return None
    if code == -_SIGKILL:
        return (
            "its process was killed, as the system does when memory runs out; use a smaller "
            "--batch-size or a smaller --parallel"
        )
    if code < 0:
        return f"its process crashed with {signal.Signals(-code).name}; see {log}"
    return f"its process ended with exit code {code}; see {log}"
