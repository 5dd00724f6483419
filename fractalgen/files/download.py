"""Fetching published data sets."""

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from fractalgen.errors import RunError
from fractalgen.files.atomic import new_part, put_in_place
from fractalgen.pool import Progress

__all__ = ["fetch"]

_CHUNK_BYTES = 1 << 18
_TIMEOUT_SECONDS = 20


def fetch(
    url: str, target: Path, md5: str, *, otherwise: str, progress: Progress | None = None
) -> None:
    """Fetch a file unless it is there; it is in its place whole or not at all.

    Parameters
    ----------
    url : str
        Where it is published.
    target : Path
        The file; its folder is made.
    md5 : str
        Of the published file. What differs is not kept.
    otherwise : str
        A sentence that says what to do where it cannot be fetched.
    progress : callable or None
        Told of the bytes fetched.

    Raises
    ------
    RunError
        If it cannot be fetched or written.
    """
    import requests

    host = urlsplit(url).netloc
    failed = f"cannot download {target.name} from {host}"
    try:
        if _has_md5(target, md5):
            return
        with new_part(target.parent) as (part, file):
            digest = hashlib.md5(usedforsecurity=False)
            with requests.get(url, stream=True, timeout=_TIMEOUT_SECONDS) as response:
                response.raise_for_status()
                length = response.headers.get("Content-Length", "")
                total = int(length) if length.isdigit() else None
                fetched = 0
                for chunk in response.iter_content(_CHUNK_BYTES):
                    file.write(chunk)
                    digest.update(chunk)
                    fetched += len(chunk)
                    if progress:
                        progress(fetched, total)
            file.close()  # Windows renames no open file
            if digest.hexdigest() != md5:
                raise RunError(f"{failed}: what came is not the published file. {otherwise}")
            put_in_place(part, target)
    except requests.RequestException as error:
        raise RunError(f"{failed}: {_reason(error)}. {otherwise}") from None
    except OSError as error:
        raise RunError(
            f"cannot write to {target.parent}: {error.strerror or error}. Name another folder by "
            "--data-dir."
        ) from None


def _has_md5(path: Path, md5: str) -> bool:
    if not path.is_file():
        return False
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest() == md5


def _reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code} {response.reason}"
    kind = type(error).__name__
    return {
        "ConnectionError": "no connection",
        "ConnectTimeout": "no answer",
        "ReadTimeout": "the server stopped answering",
        "SSLError": "the server's certificate is not valid",
        "ChunkedEncodingError": "the transfer broke off",
    }.get(kind, kind)
