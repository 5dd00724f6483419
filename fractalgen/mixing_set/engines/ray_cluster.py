"""The engine that uses a Ray cluster: a Ray task for each task, which Ray places and retries."""

import contextlib
import importlib.util
import os
import pickle
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator, Sequence
from typing import Any, TypeVar

from fractalgen.errors import ArgumentError, MissingPackageError, SetError
from fractalgen.families.compilation import compile_once
from fractalgen.files.location import Location
from fractalgen.images.formats import FORMATS
from fractalgen.mixing_set.engines.engine import OnDrawn
from fractalgen.mixing_set.engines.local import LocalEngine
from fractalgen.mixing_set.recipes.keys import image_file
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.task import Failure, Task
from fractalgen.pool import check_workers, default_workers, image_memory
from fractalgen.version import __version__

__all__ = ["RayEngine"]

R = TypeVar("R")

_MISSING = 'the engine ray needs Ray; install it with: pip install "fractalgen-ipmix[scale]"'
_PER_CPU = 2  # tasks that run or wait for a CPU, so that none is idle
_MAX_RETRIES = 3  # of a task, whether its process, its machine, or the storage failed
_CONNECT_SECONDS = 5
_HEALTH_SECONDS = 45  # with the time that a slow disk takes to start Python and Ray
_PROBE_SECONDS = 60
_CANCEL_SECONDS = 5
_OBJECT_STORE_BYTES = 128 << 20  # results are small


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
        self._address = _checked(address)
        self._workers = check_workers(workers)
        if address is not None and workers is not None:
            raise ArgumentError(
                "a running Ray cluster uses all its CPUs; leave out --workers, or the address"
            )

    def prepare(self) -> None:
        """Fail before anything is written if Ray is missing, or no cluster answers."""
        if importlib.util.find_spec("ray") is None:
            raise MissingPackageError(_MISSING)
        if self._address is not None:
            _reachable(self._address)

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
        with _cluster(self._address, self._workers) as ray:
            _check_machines(ray, tasks[0].location)
            yield from _run(ray, recipe, tasks, on_drawn)


def _checked(address: str | None) -> str | None:
    if address in (None, "auto"):
        return address
    host, _, port = str(address).rpartition(":")
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ArgumentError(
            f"the address of a Ray cluster must be auto or HOST:PORT, such as 10.0.0.1:6379, not "
            f"'{address}'"
        )
    return address


@contextlib.contextmanager
def _cluster(address: str | None, workers: int | None) -> Iterator[Any]:
    """Join a cluster, or start one on this machine; leave or stop it at the end."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")  # else what we drop is kept, and printed later
    try:
        import ray
    except ImportError:
        raise MissingPackageError(_MISSING) from None
    if ray.is_initialized():
        yield ray
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "CRITICAL"}
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(_WithoutRay(sys.stdout)))
        stack.callback(ray.shutdown)
        if address is None:
            # Stopped processes leave their logs behind.
            folder = tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)
            stack.enter_context(folder)
            stack.callback(ray.shutdown)
            _init(
                ray,
                "Ray does not start on this machine",
                address="local",
                num_cpus=workers or default_workers(),
                object_store_memory=_OBJECT_STORE_BYTES,
                include_dashboard=False,
                _temp_dir=folder.name,
                **quiet,
            )
        else:
            address = _reachable(address)
            what = f"cannot join the Ray cluster at {address}"
            if address == "auto":
                what = "cannot join a Ray cluster that this machine belongs to"
            _init(ray, what, address=address, **quiet)
        yield ray


class _WithoutRay:
    """Passes on what is printed, but not Ray's news of killed tasks, which we report ourselves."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if threading.current_thread().name == "ray_listen_error_messages":
            return len(text)
        n: int = self._stream.write(text)
        return n

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _init(ray: Any, what: str, **options: Any) -> None:
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**options)
    except (Exception, SystemExit) as error:  # Ray raises many types, and exits if it gives up
        reason = " ".join(str(error).split())
        if "ersion mismatch" in reason:
            reason = (
                "it has another version of Ray or Python than this machine; install the same "
                f"versions everywhere ({reason})"
            )
        elif options["address"] == "auto" and isinstance(error, ConnectionError):
            reason = "none runs here; 'ray start --head' starts one, or give --address HOST:PORT"
        raise SetError(f"{what}: {reason or type(error).__name__}") from None
    finally:  # Ray's own handler would end this process without cleaning up
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_sigterm)


def _reachable(address: str) -> str:
    """Return the address, resolved if it is ``auto``; SetError if no Ray answers there.

    Ray itself would try for minutes.
    """
    if address == "auto":
        named = os.environ.get("RAY_ADDRESS", "auto")
        if named == "auto" or _checked(named) is None:
            return "auto"
        address = named
    host, _, port = address.rpartition(":")
    way_out = "see that 'ray start --head' runs there, and that the port is right"
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise SetError(f"no Ray cluster answers at {address}: {reason}; {way_out}") from None
    command = ["health-check", "--skip-version-check", "--address", address]
    process = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _, answer = process.communicate(timeout=_HEALTH_SECONDS)
    except subprocess.TimeoutExpired:
        raise SetError(f"what answers at {address} is not a Ray cluster; {way_out}") from None
    finally:
        process.kill()
        process.wait()
    if b"InvalidAuthToken" in answer:
        raise SetError(
            f"the Ray cluster at {address} asks for a token; set RAY_AUTH_MODE=token, and give the "
            "cluster's token in ~/.ray/auth_token or RAY_AUTH_TOKEN"
        )
    return address


def _check_machines(ray: Any, location: Location) -> None:
    """Raise SetError unless every machine has this fractalgen, and can store images."""
    nodes = {
        node["NodeID"]: node["NodeManagerAddress"]
        for node in ray.nodes()
        if node["Alive"] and node["Resources"].get("CPU", 0) >= 1
    }
    if not nodes:
        raise SetError("no machine of the Ray cluster has a CPU for tasks")

    # Ray sends an inner function by value, so a machine without fractalgen can run it.
    def probe(pickled: bytes, file: str) -> tuple[str | None, str]:
        """Return fractalgen's version, and why the images cannot be stored from here."""
        import pickle

        try:
            from fractalgen.version import __version__ as version
        except ImportError:
            return None, ""
        try:
            location = pickle.loads(pickled)
            location.read(file)
            own = f"{file}-{ray.get_runtime_context().get_node_id()}"
            with location.writing(own):
                pass
            location.remove(own)
        except Exception as error:
            return version, f"{type(error).__name__}: {error}"
        return version, ""

    remote = ray.remote(num_cpus=0, max_retries=0)(probe)
    affinity = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
    file = f".fractalgen-probe-{secrets.token_hex(8)}"
    try:
        with location.writing(file):
            pass
        pickled = pickle.dumps(location)
        refs = {
            remote.options(scheduling_strategy=affinity(node, soft=False)).remote(
                pickled, file
            ): machine
            for node, machine in nodes.items()
        }
        done, late = ray.wait(list(refs), num_returns=len(refs), timeout=_PROBE_SECONDS)
        if late:
            raise SetError(
                f"{refs[late[0]]} of the Ray cluster does not run a task within {_PROBE_SECONDS} s"
            )
        for ref in done:
            try:
                version, reason = ray.get(ref)
            except ray.exceptions.RayError:
                continue  # the machine has left the cluster
            _check_machine(refs[ref], version, location.name, reason)
    finally:
        location.remove(file)


def _check_machine(machine: str, version: str | None, place: str, reason: str) -> None:
    if version != __version__:
        has = "does not have fractalgen" if version is None else f"has fractalgen {version}"
        raise SetError(
            f"{machine} of the Ray cluster {has}; install fractalgen-ipmix {__version__}, which "
            "this machine has, in the Python that Ray uses on every machine"
        )
    if reason:
        raise SetError(
            f"{machine} of the Ray cluster cannot store images in {place} ({reason}); use a folder "
            "that all machines share, or a URL such as s3://bucket/prefix"
        )


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
    try:
        while True:
            n_cpus = max(1, int(ray.cluster_resources().get("CPU", 0)))  # machines come and go
            for task in waiting:
                running[remote.remote(shared, task, __version__)] = task
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
        _cancel(ray, list(running))


def _do(recipe: Recipe, task: Task[R], version: str) -> list[R | Failure]:
    """Do a task in a process of the cluster: a thread draws, and another one stores."""
    if version != __version__:  # a machine that joined the cluster during the build
        raise SetError(f"this machine has fractalgen {__version__}, the build {version}")
    compile_once(task.family)
    return list(LocalEngine(workers=1).run(recipe, [task]))


def _cancel(ray: Any, refs: list[Any]) -> None:
    """Cancel tasks; each has some seconds to remove what it was writing."""
    if not refs:
        return
    with contextlib.suppress(ray.exceptions.RayError):
        for ref in refs:
            ray.cancel(ref)
        _, left = ray.wait(refs, num_returns=len(refs), timeout=_CANCEL_SECONDS)
        for ref in left:
            ray.cancel(ref, force=True)


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
