"""Hosts on the web: how often to ask each, what its robots.txt permits, and whether it is dead."""

import collections
import contextlib
import threading
import time
import urllib.robotparser
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from fractalgen.pool import Stopped

__all__ = ["DEAD_AFTER", "DeadHostError", "Host", "Hosts"]

DEAD_AFTER = 5
"""After so many failed links in a row, the rest of a host's links fail at once."""

_TICK_SECONDS = 0.5


class DeadHostError(Exception):
    """Too many links of a host failed in a row; the message says how."""


class Host:
    """A host, at one port.

    Parameters
    ----------
    n_connections : int
        Maximum number of requests at the same time.
    delay : float
        Seconds between the starts of two requests.
    """

    def __init__(self, n_connections: int, delay: float) -> None:
        self.robots: urllib.robotparser.RobotFileParser | None = None
        self.robots_lock = threading.Lock()
        self.delay = delay
        self._n_connections = n_connections
        self._changed = threading.Condition()
        self._waiting: collections.deque[object] = collections.deque()
        self._n_open = 0
        self._not_before = 0.0
        self._n_failed = 0
        self._dead = ""

    @contextlib.contextmanager
    def connection(self, stopping: threading.Event) -> Iterator[None]:
        """Wait for this request's turn: first come, first served.

        Raises DeadHostError, or Stopped if the event is set.
        """
        turn = object()
        with self._changed:
            self._waiting.append(turn)
            try:
                while True:
                    if stopping.is_set():
                        raise Stopped
                    if self._dead:
                        raise DeadHostError(self._dead)
                    wait = _TICK_SECONDS
                    if self._waiting[0] is turn and self._n_open < self._n_connections:
                        wait = min(wait, self._not_before - time.monotonic())
                        if wait <= 0:
                            break
                    self._changed.wait(wait)
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()
            self._n_open += 1
            self._not_before = time.monotonic() + self.delay
        try:
            yield
        finally:
            with self._changed:
                self._n_open -= 1
                self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Start no request for some time, as the server asked."""
        with self._changed:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def answered(self) -> None:
        """Note that the host is alive."""
        self._n_failed = 0

    def failed(self, reason: str, *, at_once: bool = False) -> None:
        """Note that a link failed through the host's fault."""
        with self._changed:
            self._n_failed += 1
            if not self._dead and (at_once or self._n_failed >= DEAD_AFTER):
                self._dead = reason
                self._changed.notify_all()


class Hosts:
    """All hosts of a run, by scheme, name and port."""

    def __init__(self, make: Callable[[], Host]) -> None:
        self._make = make
        self._hosts: dict[str, Host] = {}
        self._lock = threading.Lock()

    def of(self, url: str) -> Host:
        """Return the host of a URL."""
        with self._lock:
            return self._hosts.setdefault(origin(url), self._make())


def origin(url: str) -> str:
    """Return a URL's scheme, host and port, such as ``https://example.org``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()
