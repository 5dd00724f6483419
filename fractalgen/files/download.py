"""Download files, within bounds, and without showing an address's secrets."""

import hashlib
import posixpath
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit, urlunsplit

from fractalgen.errors import DownloadError, RunError
from fractalgen.files.atomic import atomic_file
from fractalgen.files.regular_file import file_hash
from fractalgen.pool import Progress

__all__ = ["download", "fetch", "without_secrets"]

_MAX_BYTES = 8 << 30
_CHUNK_BYTES = 1 << 18
_TIMEOUT_SECONDS = 30

_REASONS = {
    "InvalidURL": "it is no address",
    "ConnectionError": "no connection",
    "ConnectTimeout": "no answer",
    "ReadTimeout": "the server stopped answering",
    "SSLError": "the server's certificate is not valid",
    "ChunkedEncodingError": "the transfer broke off",
}


def download(
    url: str,
    file: IO[bytes],
    *,
    max_bytes: int = _MAX_BYTES,
    md5: str | None = None,
    progress: Progress | None = None,
) -> None:
    """Write what is at an ``https://`` or ``http://`` address into a file.

    Raises
    ------
    DownloadError
        If it cannot be downloaded, is longer than `max_bytes`, or does not have the hash `md5`.
        The message has neither the address's user name and password nor its query.
    OSError
        If the file cannot be written.
    """
    import requests

    address = urlsplit(without_secrets(url))
    name = posixpath.basename(address.path) or address.geturl()
    failed = f"cannot download {name} from {address.netloc}"
    digest = hashlib.md5(usedforsecurity=False)
    fetched, total = 0, None
    try:
        with requests.get(url, stream=True, timeout=_TIMEOUT_SECONDS) as response:
            response.raise_for_status()
            length = response.headers.get("Content-Length", "")
            # A compressed transfer's length is not the length of what comes out of it.
            if length.isdigit() and "Content-Encoding" not in response.headers:
                total = int(length)
            for chunk in response.iter_content(_CHUNK_BYTES):
                fetched += len(chunk)
                if fetched > max_bytes:
                    raise DownloadError(f"{failed}: it is larger than {max_bytes:,} bytes")
                file.write(chunk)
                digest.update(chunk)
                if progress:
                    progress(fetched, total)
    except (requests.RequestException, ValueError) as error:
        raise DownloadError(f"{failed}: {_reason(error)}") from None
    if total is not None and fetched != total:
        raise DownloadError(f"{failed}: it broke off after {fetched:,} of {total:,} bytes")
    if md5 is not None and digest.hexdigest() != md5:
        raise DownloadError(f"{failed}: what came is not the published file")


def fetch(
    url: str, target: Path, md5: str, *, otherwise: str, progress: Progress | None = None
) -> None:
    """Download a published file, completely or not at all, unless it is there already.

    Raises RunError if it cannot be downloaded or written. The message ends with `otherwise`, a
    sentence that says what else to do.
    """
    try:
        if not target.is_file() or file_hash(target, "md5") != md5:
            with atomic_file(target, shared=True) as file:
                download(url, file, md5=md5, progress=progress)
    except DownloadError as error:
        raise RunError(f"{error}. {otherwise}") from None
    except OSError as error:
        raise RunError(
            f"cannot write to {target.parent}: {error.strerror or error}. Name another folder by "
            "--data-dir."
        ) from None


def without_secrets(url: str) -> str:
    """Return an address without its user name, password and query."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise DownloadError(f"not a sound address ({error})") from None
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _reason(error: Exception) -> str:
    """Return an HTTP status in words, or the kind of failure; the rest is for programmers."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code} {response.reason}"
    kind = type(error).__name__
    return _REASONS.get(kind, kind)
