"""Download published files, whose hashes are known."""

import hashlib
import posixpath
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from fractalgen.errors import DownloadError, RunError
from fractalgen.files.atomic import atomic_file
from fractalgen.files.downloader import MAX_FILE_BYTES, Downloader, WebOptions
from fractalgen.files.regular_file import file_hash
from fractalgen.pool import Progress

__all__ = ["download", "fetch"]

_CHUNK_BYTES = 1 << 16


def download(
    url: str,
    file: IO[bytes],
    *,
    max_bytes: int = MAX_FILE_BYTES,
    md5: str | None = None,
    progress: Progress | None = None,
) -> None:
    """Download a published file from an address that fractalgen or the user chose.

    Raises
    ------
    DownloadError
        As `Downloader.download` does, or if it does not have the hash `md5`.
    OSError
        If the file cannot be written.
    """
    start = file.tell()
    with Downloader(WebOptions(allow_private=True, robots=False)) as downloader:
        downloader.download(url, file, max_bytes=max_bytes, progress=progress)
    if md5 is not None:
        file.seek(start)
        digest = hashlib.md5(usedforsecurity=False)
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
        if digest.hexdigest() != md5:
            name = posixpath.basename(urlsplit(url).path)
            reason = "the downloaded file differs from the published one"
            raise DownloadError(f"cannot download {name}: {reason}", reason)


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
            f"cannot write to {target.parent}: {error.strerror or error}. Use another --data-dir."
        ) from None
