"""The machines of a Ray cluster: joined or started, and looked at before anything is drawn."""

import contextlib
import os
import pickle
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fractalgen.errors import ArgumentError, MissingPackageError, SetError
from fractalgen.files.location import Location
from fractalgen.pool import default_workers
from fractalgen.version import __version__

__all__ = ["MISSING", "check_machines", "checked_address", "cluster", "reachable"]

MISSING = 'the engine ray needs Ray; install it with: pip install "fractalgen-ipmix[scale]"'
_CANNOT_JOIN_OWN = "cannot join a Ray cluster that this machine belongs to"
_NONE_HERE = "none runs here; 'ray start --head' starts one, or give --address HOST:PORT"
_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 10  # for a cluster
_HEALTH_SECONDS = 45  # with the time that a slow disk takes to start Python and Ray
_PROBE_SECONDS = 60
_OBJECT_STORE_BYTES = 128 << 20  # results are small
_TOKEN_VARIABLES = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


def checked_address(address: str | None) -> str | None:
    """Return the address of a cluster; ArgumentError if it cannot be one."""
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
def cluster(address: str | None, workers: int | None) -> Iterator[Any]:
    """Join a cluster, or start one on this machine; leave or stop it at the end."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")  # else what we drop is kept, and printed later
    try:
        import ray
    except ImportError:
        raise MissingPackageError(MISSING) from None
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
            stack.enter_context(_own_token(ray))
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
            address = reachable(address)
            what = f"cannot join the Ray cluster at {address}"
            if address == "auto":
                what = _CANNOT_JOIN_OWN
            _init(ray, what, address=address, **quiet)
        yield ray


@contextlib.contextmanager
def _own_token(ray: Any) -> Iterator[None]:
    """Have a Ray that starts on this machine ask for a token that only this process knows.

    Else Ray writes one to ``~/.ray/auth_token``, and from then on each cluster that is started here
    asks for it.
    """
    before = {name: os.environ.get(name) for name in _TOKEN_VARIABLES}
    has_token = before["RAY_AUTH_TOKEN"] or before["RAY_AUTH_TOKEN_PATH"]
    written = os.path.expanduser("~/.ray/auth_token")  # noqa: PTH111 - there may be no home
    if has_token or Path(written).exists():
        yield
        return
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        with contextlib.suppress(AttributeError):  # what this process's Ray keeps of them
            ray._raylet.AuthenticationTokenLoader.instance().reset_cache()
            ray._raylet.Config.initialize("")


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
            reason = _NONE_HERE
        raise SetError(f"{what}: {reason or type(error).__name__}") from None
    finally:  # Ray's own handler would end this process without cleaning up
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_sigterm)


def reachable(address: str) -> str:
    """Return the address, resolved if it is ``auto``; SetError if no Ray answers there.

    Ray itself would try for minutes.
    """
    if address == "auto":
        named = os.environ.get("RAY_ADDRESS", "auto")
        if named == "auto" or checked_address(named) is None:
            with contextlib.suppress(subprocess.TimeoutExpired):  # Ray itself will say more
                if b"ConnectionError" in _health()[1]:
                    raise SetError(f"{_CANNOT_JOIN_OWN}: {_NONE_HERE}")
            return "auto"
        address = named
    host, _, port = address.rpartition(":")
    way_out = "see that 'ray start --head' runs there, and that the port is right"
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise SetError(f"no Ray cluster answers at {address}: {reason}; {way_out}") from None
    status, answer = 1, b""
    with contextlib.suppress(subprocess.TimeoutExpired):
        status, answer = _health("--address", address)
    if b"InvalidAuthToken" in answer:
        raise SetError(
            f"the Ray cluster at {address} asks for a token; set RAY_AUTH_MODE=token, and give the "
            "cluster's token in ~/.ray/auth_token or RAY_AUTH_TOKEN"
        )
    if status:
        raise SetError(f"what answers at {address} is not a Ray cluster; {way_out}")
    return address


def _health(*options: str) -> tuple[int, bytes]:
    """Ask Ray's own command whether a cluster is well: 0 if it is; else what it says, too."""
    command = ["health-check", "--skip-version-check", *options]
    process = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "RAY_py_gcs_connect_timeout_s": f"{_ANSWER_SECONDS}"},
    )
    try:
        _, answer = process.communicate(timeout=_HEALTH_SECONDS)
        return process.returncode, answer
    finally:
        process.kill()
        process.wait()


def check_machines(ray: Any, location: Location) -> None:
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
        import contextlib
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
            with contextlib.suppress(PermissionError):  # not all who may write may remove
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
        with contextlib.suppress(PermissionError):
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
