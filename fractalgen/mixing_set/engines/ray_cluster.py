"""The engine that uses a Ray cluster: a Ray task for each task, which Ray places and retries."""

import contextlib
import importlib.util
import secrets
import time
from collections.abc import Generator, Sequence
from typing import Any, TypeVar

from fractalgen.errors import ArgumentError, MissingPackageError, SetError
from fractalgen.families.compilation import compile_once
from fractalgen.images.formats import FORMATS
from fractalgen.mixing_set.engines.engine import OnDrawn
from fractalgen.mixing_set.engines.local import LocalEngine
from fractalgen.mixing_set.engines.ray_machines import (
    MISSING,
    check_machines,
    checked_address,
    cluster,
    reachable,
)
from fractalgen.mixing_set.recipes.keys import image_file
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.task import Failure, Task
from fractalgen.pool import Stopped, check_workers, image_memory
from fractalgen.version import __version__

__all__ = ["RayEngine"]

R = TypeVar("R")

_PER_CPU = 2  # tasks that run or wait for a CPU, so that none is idle
_MAX_RETRIES = 3  # of a task, whether its process, its machine, or the storage failed
_LOOK_SECONDS = 1.0  # how often a task looks whether it should stop
_STOP_SECONDS = 5  # for tasks to notice, and to remove what they were writing


class RayEngine:
    """Draws images on the machines of a Ray cluster, one thread for each CPU that Ray counts.

    Parameters
    ----------
    address : str or None
        The cluster's ``HOST:PORT``; ``auto`` for the one that this machine belongs to; None to
        start Ray on this machine, and stop it afterwards. A cluster that this process has joined
        already is used in any case.
    workers : int or None
        Number of CPUs to use if Ray is started on this machine; None for all.

    Raises
    ------
    ArgumentError
        If the address is neither, or `workers` is given for a running cluster.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        self._address = checked_address(address)
        self._workers = check_workers(workers)
        if address is not None and workers is not None:
            raise ArgumentError(
                "a running Ray cluster uses all its CPUs; leave out the workers, or the address"
            )

    def prepare(self) -> None:
        """Fail before anything is written if Ray is missing, or no cluster answers."""
        if importlib.util.find_spec("ray") is None:
            raise MissingPackageError(MISSING)
        if self._address is not None:
            reachable(self._address)

    def run(
        self, recipe: Recipe, tasks: Sequence[Task[R]], on_drawn: OnDrawn | None = None
    ) -> Generator[R | Failure, None, None]:
        """Do the tasks, and yield what they stored as they finish.

        A task that fails again and again, because its process dies or its results cannot be
        stored, becomes a Failure, and the others go on.

        Raises
        ------
        MissingPackageError
            If Ray is not installed.
        SetError
            If the cluster cannot be joined or used; nothing has been drawn then.
        """
        if not tasks:
            return
        with cluster(self._address, self._workers) as ray:
            check_machines(ray, tasks[0].location)
            yield from _run(ray, recipe, tasks, on_drawn)


def _run(
    ray: Any, recipe: Recipe, tasks: Sequence[Task[R]], on_drawn: OnDrawn | None
) -> Generator[R | Failure, None, None]:
    machines = [node["Resources"].get("memory", 0) for node in ray.nodes() if node["Alive"]]
    remote = ray.remote(
        num_cpus=1,
        memory=int(min(image_memory(recipe.size), max(machines))) or None,
        max_retries=_MAX_RETRIES,
        retry_exceptions=[OSError],
    )(_do)
    shared = ray.put(recipe)
    waiting = iter(tasks)
    running: dict[Any, Task[R]] = {}
    stopping = _Flag()
    try:
        while True:
            n_cpus = max(1, int(ray.cluster_resources().get("CPU", 0)))  # machines come and go
            for task in waiting:
                running[remote.remote(shared, task, __version__, stopping)] = task
                if len(running) >= _PER_CPU * n_cpus:
                    break
            if not running:
                return
            ray.wait(list(running), num_returns=1)
            done, _ = ray.wait(list(running), num_returns=len(running), timeout=0)
            for ref in done:
                task = running.pop(ref)
                try:
                    results = ray.get(ref)
                except ray.exceptions.RayError as error:
                    results = [_failure(ray, recipe, task, error)]
                yield from results
                if on_drawn:
                    on_drawn(len(task.planned()))
    finally:
        _stop(ray, list(running), stopping)


class _Flag:
    """A flag that all machines of the cluster see. It can be pickled.

    Tasks that are cancelled one by one can bring Ray down (task_manager.cc: "it !=
    submissible_tasks_.end()"), so they look at this flag and end by themselves.
    """

    def __init__(self) -> None:
        self._name = f"fractalgen-stop-{secrets.token_hex(8)}"

    def set(self) -> None:
        from ray.experimental import internal_kv

        internal_kv._internal_kv_put(self._name, b"1")

    def is_set(self) -> bool:
        from ray.experimental import internal_kv

        found: bool = internal_kv._internal_kv_exists(self._name)
        return found


def _do(recipe: Recipe, task: Task[R], version: str, stopping: _Flag) -> list[R | Failure]:
    """Do a task in a process of the cluster: a thread draws, and another one stores."""
    if version != __version__:  # a machine that joined the cluster during the build
        raise SetError(f"this machine has fractalgen {__version__}, the build {version}")
    if stopping.is_set():
        return []
    compile_once(task.family)
    next_look = time.monotonic() + _LOOK_SECONDS

    def look(_: int) -> None:
        nonlocal next_look
        if time.monotonic() >= next_look:
            next_look = time.monotonic() + _LOOK_SECONDS
            if stopping.is_set():
                raise Stopped

    try:
        return list(LocalEngine(workers=1).run(recipe, [task], look))
    except Stopped:
        return []


def _stop(ray: Any, refs: list[Any], stopping: _Flag) -> None:
    """Stop tasks. Ray ends the processes of those that do not notice when this process leaves."""
    if refs:
        with contextlib.suppress(ray.exceptions.RayError):
            stopping.set()
            ray.wait(refs, num_returns=len(refs), timeout=_STOP_SECONDS)


def _failure(ray: Any, recipe: Recipe, task: Task[Any], error: Exception) -> Failure:
    """Say why Ray gave a task up."""
    keys = task.planned()
    first, last = (image_file(*key, FORMATS[recipe.format]) for key in (keys[0], keys[-1]))
    cause = error.cause if isinstance(error, ray.exceptions.RayTaskError) else None
    if cause is not None:
        reason = str(cause) if isinstance(cause, SetError) else f"{type(cause).__name__}: {cause}"
    elif isinstance(error, ray.exceptions.OutOfMemoryError):
        reason = "the machine ran out of memory"
    elif isinstance(error, ray.exceptions.WorkerCrashedError):
        reason = f"the process that drew them died {_MAX_RETRIES + 1} times"
    else:
        reason = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
    files = first if first == last else f"{first} to {last}"
    return Failure(files, reason, n_images=len(keys))
