"""Download files: within bounds, politely, resumed when cut, without showing secrets."""

from __future__ import annotations

import contextlib
import io
import posixpath
import threading
import urllib.robotparser
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from fractalgen.errors import DownloadError
from fractalgen.files.addresses import Permits, Resolver, anywhere, is_public, resolve
from fractalgen.files.hosts import DeadHostError, Host, Hosts, origin
from fractalgen.files.partial_file import INTERRUPTED, PartialFile, TroubleError
from fractalgen.files.urls import without_secrets
from fractalgen.pool import Progress, Stopped

if TYPE_CHECKING:
    import requests

    from fractalgen.files.http_session import Session

__all__ = ["MAX_FILE_BYTES", "Downloader", "WebOptions"]

MAX_FILE_BYTES = 8 << 30
_MAX_REDIRECTS = 5
_MAX_PAUSE_SECONDS = 60.0
_MAX_ROBOTS_BYTES = 500_000
_ROBOTS_NAME = "fractalgen"

_REASONS = {
    "InvalidURL": "the URL is not valid",
    "LocationParseError": "the URL is not valid",
    "UnicodeError": "the URL is not valid",
    "ConnectionError": "the connection was cut",
    "ConnectTimeout": "no answer",
    "ReadTimeout": "the server stopped answering",
    "SSLError": "the server's certificate is not valid",
}


@dataclass(frozen=True)
class WebOptions:
    """How to download.

    Attributes
    ----------
    allow_private : bool
        Permit private, loopback and link-local addresses, and the proxies of the environment.
    robots : bool
        Honour robots.txt.
    per_host : int
        Maximum number of requests to a host at the same time.
    delay : float
        Minimum number of seconds between two requests to a host; robots.txt can demand more.
    timeout : float
        Maximum time of a request in seconds; each 10,000 bytes of the answer add a second.
    retries : int
        Number of retries after a temporary failure.
    backoff : float
        Seconds before the first retry; doubled for each further one.
    """

    allow_private: bool = False
    robots: bool = True
    per_host: int = 4
    delay: float = 0.0
    timeout: float = 60.0
    retries: int = 3
    backoff: float = 0.5


class Downloader:
    """Downloads files, from several threads. Use it as a context manager.

    Parameters
    ----------
    options : WebOptions
        How to download.
    permits : callable, optional
        Says which addresses to connect to; by default public ones, or all with `allow_private`.
    look_up : callable
        Returns a host's addresses.
    """

    def __init__(
        self,
        options: WebOptions | None = None,
        permits: Permits | None = None,
        look_up: Resolver = resolve,
    ) -> None:
        self._options = options = options or WebOptions()
        self._permits = permits or (anywhere if options.allow_private else is_public)
        self._look_up = look_up
        self._hosts = Hosts(lambda: Host(options.per_host, options.delay))
        self._session: Session | None = None
        self._opening = threading.Lock()

    def __enter__(self) -> Downloader:
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None:
            self._session.close()

    def download(
        self,
        url: str,
        file: IO[bytes],
        *,
        max_bytes: int = MAX_FILE_BYTES,
        progress: Progress | None = None,
        stopping: threading.Event | None = None,
    ) -> None:
        """Download an ``https://`` or ``http://`` URL to the end of a file.

        A cut transfer continues where it ended if the server can tell that the file is the same,
        and starts again otherwise. ``Retry-After`` is honoured up to a minute.

        Raises
        ------
        DownloadError
            If it cannot be downloaded or is longer than `max_bytes`. The message has neither the
            address's user name and password nor its query.
        Stopped
            If `stopping` is set.
        OSError
            If the file cannot be written.
        """
        address = urlsplit(without_secrets(url))
        if address.scheme not in ("http", "https") or not address.hostname:
            raise DownloadError(f"{address.geturl()} is not an http(s) URL", "not an http(s) URL")
        name = posixpath.basename(address.path) or address.geturl()
        try:
            self._with_retries(url, PartialFile(file, max_bytes, progress), stopping)
        except TroubleError as trouble:
            raise DownloadError(
                f"cannot download {name} from {address.netloc}: {trouble.reason}", trouble.reason
            ) from None

    def _with_retries(
        self, url: str, partial: PartialFile, stopping: threading.Event | None
    ) -> None:
        stopping = stopping or threading.Event()
        tries = 0
        while True:
            try:
                self._follow(url, partial, stopping)
                return
            except DeadHostError as error:  # noqa: PERF203 - a try is what is repeated
                raise TroubleError(f"{error}; the host's other links are skipped") from None
            except TroubleError as trouble:
                host = trouble.host or self._hosts.of(url)
                if trouble.wait is not None and trouble.wait > _MAX_PAUSE_SECONDS:
                    reason = f"{trouble.reason} and asks to wait for {trouble.wait:,.0f} seconds"
                    host.failed(reason, at_once=trouble.too_many)
                    raise TroubleError(reason) from None
                tries += 1
                if tries > min(trouble.tries, self._options.retries):
                    if trouble.at_host:
                        host.failed(trouble.reason)
                    raise
                if trouble.wait is not None:
                    host.pause(trouble.wait)
                elif stopping.wait(self._options.backoff * 2 ** (tries - 1)):
                    raise Stopped from None

    def _follow(
        self, url: str, partial: PartialFile, stopping: threading.Event, *, robots: bool = True
    ) -> None:
        """Send the request, and those that it is redirected to; take the last one's answer."""
        seen: set[str] = set()
        while url not in seen:
            if len(seen) > _MAX_REDIRECTS:
                raise TroubleError("too many redirects")
            seen.add(url)
            parts = _split(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise TroubleError(f"a redirect to {parts.scheme or 'no'}:, which is not http(s)")
            host = self._hosts.of(url)
            try:
                if robots and self._options.robots:
                    self._check_robots(host, url, stopping)
                with host.connection(stopping), self._answer(url, partial) as (response, transfer):
                    host_failed = response.status_code == 429 or response.status_code >= 500
                    if not host_failed:
                        host.answered()
                    location = response.headers.get("Location")
                    if response.status_code in (301, 302, 303, 307, 308) and location:
                        # Servers send UTF-8, which http.client reads as Latin-1.
                        with contextlib.suppress(UnicodeError):
                            location = location.encode("latin-1").decode()
                        url = urljoin(url, quote(location, safe="%/:=&?~#+!$,;'@()*[]"))
                        continue
                    partial.take(response, transfer, stopping)
                    return
            except TroubleError as trouble:
                trouble.host = trouble.host or host
                raise
        raise TroubleError("it redirects in a circle")

    @contextlib.contextmanager
    def _answer(self, url: str, partial: PartialFile) -> Iterator[tuple[requests.Response, Any]]:
        """Send one request; translate what goes wrong, also in the block."""
        import requests
        import urllib3.exceptions

        from fractalgen.files import http_session

        with self._opening:
            if self._session is None:
                permits, patience = self._permits, self._options.timeout
                self._session = http_session.Session(permits, self._look_up, patience)
        headers = {}
        if partial.n_bytes and partial.validator:
            headers = {"Range": f"bytes={partial.n_bytes}-", "If-Range": partial.validator}
        transfer = None
        try:
            response, transfer = self._session.get(url, headers)
            with response:
                yield response, transfer
        except http_session.ForbiddenAddressError as error:
            raise TroubleError(str(error)) from None
        except http_session.UnreachableError as error:
            raise TroubleError(str(error), int(error.may_pass), at_host=True) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if transfer is not None:
                # The thread that watches may not have looked yet.
                reason = "it arrives too slowly" if transfer.look() else INTERRUPTED
                raise TroubleError(reason, tries=9) from None
            reason = _reason(error)
            wrong_url = isinstance(error, ValueError)
            permanent = wrong_url or isinstance(error, requests.exceptions.SSLError)
            raise TroubleError(reason, 0 if permanent else 1, at_host=not wrong_url) from None
        except ValueError as error:  # from a URL that requests or urllib3 cannot parse
            raise TroubleError(_reason(error)) from None
        finally:
            if transfer is not None:
                self._session.end(transfer)

    def _check_robots(self, host: Host, url: str, stopping: threading.Event) -> None:
        """Raise TroubleError if robots.txt forbids a URL (RFC 9309)."""
        with host.robots_lock:
            if host.robots is None:
                host.robots = self._robots(url, stopping)
                host.delay = max(host.delay, float(host.robots.crawl_delay(_ROBOTS_NAME) or 0))
        if not host.robots.can_fetch(_ROBOTS_NAME, url):
            raise TroubleError("robots.txt forbids it")
        if host.delay > max(_MAX_PAUSE_SECONDS, self._options.delay):
            raise TroubleError(f"robots.txt asks for {host.delay:,.0f} seconds between requests")

    def _robots(self, url: str, stopping: threading.Event) -> urllib.robotparser.RobotFileParser:
        rules = urllib.robotparser.RobotFileParser()
        file = io.BytesIO()
        try:
            partial = PartialFile(file, _MAX_ROBOTS_BYTES, start_is_enough=True)
            self._follow(f"{origin(url)}/robots.txt", partial, stopping, robots=False)
        except TroubleError as trouble:
            if trouble.at_host or trouble.tries:
                raise
        # Nothing if there is no such file, and its beginning if it is too long.
        rules.parse(file.getvalue().decode("utf-8-sig", "replace").splitlines())
        return rules


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise TroubleError("the URL is not valid") from None
    return parts


def _reason(error: Exception) -> str:
    """Return the kind of failure in words; the rest is for programmers."""
    for kind in type(error).__mro__:
        if kind.__name__ in _REASONS:
            return _REASONS[kind.__name__]
    return type(error).__name__
