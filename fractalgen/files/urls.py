"""URLs without what is secret in them."""

import re
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from fractalgen.errors import DownloadError

__all__ = ["public_url", "without_secrets"]

_SECRET_KEYS = re.compile(
    r"key(?!word)|token|(?<!de)sig|secret|pass|auth(?!or)|credential", re.IGNORECASE
)


def without_secrets(url: str) -> str:
    """Return an address without its user name, password and query."""
    parts = _split_or_error(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def public_url(url: str) -> str:
    """Return an address without its user name, password and the secret parts of its query.

    These are the values whose names hold words such as "key", "token" or "signature".
    """
    parts = _split_or_error(url)
    host = parts.netloc.rpartition("@")[2]
    query = parts.query
    pairs = parse_qsl(query, keep_blank_values=True)
    if any(_SECRET_KEYS.search(name) for name, _ in pairs):
        query = urlencode([(name, "" if _SECRET_KEYS.search(name) else v) for name, v in pairs])
    return urlunsplit((parts.scheme, host, parts.path, query, ""))


def _split_or_error(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise DownloadError(f"not a valid URL ({error})", "not a valid URL") from None
