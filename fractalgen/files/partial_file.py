"""A file that is being downloaded: what has arrived of it, and how an answer continues it."""

from __future__ import annotations

import email.utils
import re
import threading
import time
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from fractalgen.files.hosts import Host
from fractalgen.pool import Progress, Stopped

if TYPE_CHECKING:
    import requests


__all__ = ["INTERRUPTED", "PartialFile", "TroubleError"]

_CHUNK_BYTES = 1 << 16
INTERRUPTED = "the transfer was interrupted"


class TroubleError(Exception):
    """A request failed.

    `tries` is how many more times to try at most, `at_host` whether the host is at fault,
    `too_many` whether it has had too many requests, and `host` which one it is, also after a
    redirect.
    """

    def __init__(
        self,
        reason: str,
        tries: int = 0,
        wait: float | None = None,
        *,
        at_host: bool = False,
        too_many: bool = False,
    ) -> None:
        super().__init__(reason)
        self.too_many = too_many
        self.reason = reason
        self.tries = tries
        self.wait = wait
        self.at_host = at_host
        self.host: Host | None = None


@dataclass
class PartialFile:
    """What has arrived of a file so far."""

    file: IO[bytes]
    max_bytes: int
    progress: Progress | None = None
    n_bytes: int = 0
    start_is_enough: bool = False
    validator: str = ""  # an ETag or a date, by which the server knows this version of the file

    def restart(self) -> None:
        """Drop what has arrived."""
        if self.n_bytes:
            self.file.seek(-self.n_bytes, 1)
            self.file.truncate()
        self.n_bytes, self.validator = 0, ""

    def add(self, data: bytes, total: int | None) -> None:
        """Write what arrives; `total` is the expected length, if it is known."""
        self.file.write(data)
        self.n_bytes += len(data)
        if self.n_bytes > self.max_bytes:
            raise TroubleError(f"it is larger than {self.max_bytes:,} bytes")
        if self.progress:
            self.progress(self.n_bytes, total)

    def take(self, response: requests.Response, transfer: Any, stopping: threading.Event) -> None:
        """Write an answer's body to the file, after what is there already."""
        status = response.status_code
        if status == 206:
            start = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
            if start is None or int(start[1]) != self.n_bytes:
                self.restart()
                raise TroubleError("the server sent another part than requested", tries=9)
        elif status == 416:
            self.restart()
            raise TroubleError("the server refuses to continue", tries=9)
        elif status != 200:
            reason = f"the server answered {status} {response.reason or ''}".rstrip()
            if status == 429 or status >= 500:
                wait, too_many = _retry_after(response), status == 429
                raise TroubleError(reason, 9, wait, at_host=True, too_many=too_many)
            raise TroubleError(reason)
        else:
            self.restart()
            self.validator = _validator(response)
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip", "deflate", ""):
            raise TroubleError(
                f"the server sent it in an encoding that was not requested, '{encoding[:20]}'"
            )
        unpack = zlib.decompressobj(47) if encoding not in ("identity", "") else None
        if unpack:
            self.validator = ""  # the bytes of an answer are not those of the file
        length = response.headers.get("Content-Length", "")
        total = self.n_bytes + int(length) if length.isdigit() and not unpack else None
        if total is not None and total > self.max_bytes and not self.start_is_enough:
            raise TroubleError(f"it is larger than {self.max_bytes:,} bytes")
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
            if stopping.is_set():
                raise Stopped
            transfer.n_bytes += len(chunk)
            if unpack is None:
                self.add(chunk, total)
            else:
                self._unpack(unpack, chunk)
        if transfer.overdue:
            raise TroubleError("it arrives too slowly")
        if total is not None and self.n_bytes < total:
            raise TroubleError(INTERRUPTED, tries=9)

    def _unpack(self, unpack: Any, chunk: bytes) -> None:
        """Decompress a chunk in pieces, so that a bomb is noticed before it fills the memory."""
        while chunk:
            try:
                data = unpack.decompress(chunk, _CHUNK_BYTES)
            except zlib.error:
                raise TroubleError("the server sent damaged data") from None
            self.add(data, None)
            chunk = unpack.unconsumed_tail if data else b""


def _validator(response: requests.Response) -> str:
    """Return what identifies this version of a file; empty if nothing does for certain."""
    etag = response.headers.get("ETag", "")
    if etag.startswith('"'):  # a weak one may stand for other bytes
        return str(etag)
    return str(response.headers.get("Last-Modified", "")) if not etag else ""


def _retry_after(response: requests.Response) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, given as a number or as a date."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text[:9])
    try:
        then = email.utils.parsedate_to_datetime(text)
        return max(0.0, then.timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
