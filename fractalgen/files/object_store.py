"""A prefix in an object store, such as S3, reached through fsspec."""

import contextlib
import difflib
import os
import random
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

from fractalgen.errors import DownloadError, SetError
from fractalgen.files.atomic import hidden_name, is_leftover, spooled_file
from fractalgen.files.storage_trouble import (
    ABSENT,
    CREDENTIAL_VARIABLES,
    S3,
    CutShortError,
    answer_of,
    diagnose,
    words_of,
)
from fractalgen.files.urls import without_secrets
from fractalgen.registry import nearest

__all__ = ["ObjectStore"]

_T = TypeVar("_T")

_CHANCE = random.SystemRandom()  # takes nothing from the random stream of the caller
_PATIENCE_SECONDS = 120.0
_FIRST_PATIENCE_SECONDS = 5.0  # with a server that may not be there
_FIRST_ANSWER_SECONDS = 30.0  # with one that answers, such as 503 to many jobs that start at once
_FIRST_WAIT_SECONDS = 0.1
_MAX_WAIT_SECONDS = 15.0

_INSTALL = (
    "install the extra 'scale': pip install 'fractalgen-ipmix[scale]', or '.[scale]' in a checkout"
)
_SCHEMES = ["s3", "gs", "abfs", "file"]
# An object appears when it is whole. Elsewhere a file is written under another name and renamed.
_WHOLE = (*S3, "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss")

# Requests of S3 are tried again here alone, so its packages do not do it too.
_S3_CONFIG = {"connect_timeout": 5, "read_timeout": 20, "retries": {"max_attempts": 0}}
_S3_OPTIONS = {"use_listings_cache": False, "max_concurrency": 2}  # parts at the same time
_PART_BYTES = 50 << 20  # a file of less than two parts is uploaded by one request


class ObjectStore:
    """A prefix in an object store.

    A file is written on this machine first, in the folder for temporary files (``TMPDIR``), and
    uploaded when it is complete. A large one is uploaded in parts, of which at most 100 MB are in
    memory; parts without the rest, which a killed process leaves, are no object, and a lifecycle
    rule of the bucket removes them.

    What may pass is tried again: answers 429 and 5xx, connections that are cut or that cannot be
    made, and timeouts. The waits double from 0.1 to 15 seconds.

    For S3, the credentials, the region and the server's address come from where AWS's programs take
    them, such as ``AWS_ACCESS_KEY_ID``, ``AWS_PROFILE`` and ``AWS_ENDPOINT_URL``. Other options of
    a file system come from fsspec's configuration, such as ``FSSPEC_S3_ENDPOINT_URL``.

    Parameters
    ----------
    url : str
        Such as ``s3://bucket/prefix``.
    patience : float
        Seconds after the first failure in which a request is tried again.

    Raises
    ------
    SetError
        If the URL has no known scheme, or one that needs a package that is not installed.
    """

    folder: Path | None = None

    def __init__(self, url: str, *, patience: float = _PATIENCE_SECONDS) -> None:
        scheme, _, rest = url.partition("://")
        self._scheme = scheme.lower()
        self._url = f"{self._scheme}://{rest.rstrip('/')}"
        try:
            shown = without_secrets(self._url).removeprefix(f"{self._scheme}:")
        except DownloadError as error:
            raise SetError(str(error)) from None
        self.name = f"{self._scheme}:{'' if shown.startswith('//') else '//'}{shown}"
        self._patience = patience
        self._systems: dict[int, tuple[Any, str]] = {}
        self._system()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def __reduce__(self) -> tuple[Callable[..., "ObjectStore"], tuple[str, float]]:
        return _reopened, (self._url, self._patience)

    def sizes(self) -> dict[str, int]:
        """Return the size of each file in bytes, by name; empty if there are none."""
        try:
            entries, prefix = self._ask("", self._list)
        except FileNotFoundError:
            return {}
        names = [(entry["name"].strip("/"), entry) for entry in entries if entry["type"] == "file"]
        files = {name.rpartition("/")[2]: e["size"] for name, e in names if name != prefix}
        return {name: size for name, size in files.items() if not is_leftover(name)}

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return a file's bytes `start` to `stop`; FileNotFoundError if it does not exist."""

        def read(system: Any, prefix: str) -> bytes:
            path = f"{prefix}/{name}"
            if stop is not None and stop <= start:  # a server would return the whole file
                system.info(path)
                return b""
            try:
                return bytes(system.cat_file(path, start=start, end=stop))
            except Exception as error:
                if answer_of(error)[0] == 416:  # the file ends before
                    return b""
                raise

        return self._ask(name, read)

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """Open a new file, which takes its place whole when the block ends, or not at all."""
        with spooled_file() as (file, spool):
            yield file
            file.flush()
            try:
                self._ask(name, lambda system, prefix: self._upload(system, spool, prefix, name))
            except OSError as error:
                if isinstance(error.__cause__, CutShortError):
                    with contextlib.suppress(OSError):
                        self.remove(name)
                raise

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""
        with contextlib.suppress(FileNotFoundError):
            self._ask(name, lambda system, prefix: system.rm_file(f"{prefix}/{name}"))

    def check(self, *, writing: bool = False) -> None:
        """Ask the store whether it can be used; half a minute at most if it is too busy to say.

        Parameters
        ----------
        writing : bool
            Also write a file, and remove it.

        Raises
        ------
        SetError
            If it cannot be used; the message says what to do.
        """
        self._first(self._list, may_be_absent=True)
        if writing:
            probe = hidden_name(f"check-{secrets.token_hex(8)}")
            with spooled_file() as (_, spool):
                self._first(lambda system, prefix: self._upload(system, spool, prefix, probe))
            with contextlib.suppress(SetError):  # not all who may write may remove
                self._first(lambda system, prefix: system.rm_file(f"{prefix}/{probe}"))

    def _first(self, question: Callable[[Any, str], Any], *, may_be_absent: bool = False) -> None:
        try:
            self._ask("", question, first=True)
        except OSError as error:
            trouble = diagnose(error.__cause__ or error, self._scheme)
            if may_be_absent and trouble is ABSENT:
                return
            message = f"{self.name} cannot be used: {error.strerror}"
            raise SetError(f"{message}; {trouble.remedy}" if trouble.remedy else message) from error

    def _ask(self, name: str, question: Callable[[Any, str], _T], *, first: bool = False) -> _T:
        """Call a function of the file system and the prefix, again after what may pass.

        Raises OSError with the reason and the file's URL, from the file system's own error; sooner
        if it is the `first` question.
        """
        wait, began = _FIRST_WAIT_SECONDS, None
        while True:
            try:
                return question(*self._system())
            except Exception as error:
                trouble = diagnose(error, self._scheme)
                pause = wait * _CHANCE.uniform(0.5, 1.0)  # so that machines do not ask all at once
                patience = self._patience
                if first:
                    answered = answer_of(error)[0] > 0
                    most = _FIRST_ANSWER_SECONDS if answered else _FIRST_PATIENCE_SECONDS
                    patience = min(patience, most)
                now = time.monotonic()
                began = now if began is None else began
                if not trouble.may_pass or now + pause > began + patience:
                    url = f"{self.name}/{name}" if name else self.name
                    raise OSError(trouble.number, trouble.reason, url) from error
            time.sleep(pause)
            wait = min(2 * wait, _MAX_WAIT_SECONDS)

    def _system(self) -> tuple[Any, str]:
        """Return this process's file system, and the prefix in it."""
        process = os.getpid()
        if process not in self._systems:  # one of before a fork is kept: closing it would block
            self._systems.setdefault(process, _open(self._url, self._scheme, self.name))
        return self._systems[process]

    @staticmethod
    def _list(system: Any, prefix: str) -> tuple[list[dict[str, Any]], str]:
        system.invalidate_cache(prefix)
        return system.ls(prefix, detail=True), prefix.strip("/")

    def _upload(self, system: Any, spool: Path, prefix: str, name: str) -> None:
        path = f"{prefix}/{name}"
        if self._scheme == "memory":
            system.pipe_file(path, spool.read_bytes())
        elif self._scheme in S3:
            system.put_file(str(spool), path, chunksize=_PART_BYTES)
        elif self._scheme in _WHOLE:
            system.put_file(str(spool), path)
        else:
            part = f"{prefix}/{hidden_name(f'{name}-{secrets.token_hex(8)}')}"
            system.makedirs(prefix, exist_ok=True)
            system.put_file(str(spool), part)
            system.mv(part, path)
        system.invalidate_cache(prefix)
        size, arrived = spool.stat().st_size, None
        with contextlib.suppress(FileNotFoundError):
            arrived = system.info(path)["size"]
        if arrived != size:
            raise CutShortError(f"{arrived or 0:,} of {size:,} bytes arrived")


def _reopened(url: str, patience: float) -> ObjectStore:
    return ObjectStore(url, patience=patience)


def _open(url: str, scheme: str, name: str) -> tuple[Any, str]:
    """Return a new file system and a URL's path in it; raises SetError."""
    try:
        import fsspec
    except ImportError:
        raise SetError(f"{name} needs fsspec; {_INSTALL}") from None
    if scheme in ("http", "https"):
        raise SetError(f"{name} is a web address, which cannot hold a set; download it first")
    if scheme in S3 and "@" in url.split("/")[2]:  # its host
        raise SetError(f"{name}: {CREDENTIAL_VARIABLES}; they do not belong in a URL")
    known = [*fsspec.available_protocols(), *fsspec.registry]
    if scheme not in known:
        near = nearest(scheme, known if difflib.get_close_matches(scheme, known) else _SCHEMES)
        raise SetError(f"{name}: '{scheme}' is an unknown kind of URL; {near}")
    options: dict[str, Any] = {}
    if scheme in S3:
        own = fsspec.config.conf.get("s3", {})
        config = {**_S3_CONFIG, **own.get("config_kwargs", {})}
        options = {**_S3_OPTIONS, **own, "config_kwargs": config}
    try:
        system, path = fsspec.url_to_fs(url, skip_instance_cache=True, **options)
    except ImportError as error:
        if scheme in S3:
            raise SetError(f"{name} needs s3fs; {_INSTALL}") from None
        missing = getattr(error.__cause__, "name", None) or "its package"
        raise SetError(f"{name} needs {missing}; install it with pip ({error})") from None
    except Exception as error:
        raise SetError(f"{name} cannot be opened: {words_of(error)}") from error
    if scheme in S3:
        system.retries = 1
    if scheme in _WHOLE and not path.strip("/"):
        raise SetError(f"{name} names no bucket; write {scheme}://BUCKET/PREFIX")
    return system, path.rstrip("/")
