"""HTTP requests that connect only to permitted addresses and that end if they trickle."""

import contextlib
import os
import socket
import threading
import time
from typing import Any

import requests
import requests.adapters
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.connection import create_connection

from fractalgen.files.addresses import Permits, Resolver, anywhere
from fractalgen.version import __version__

__all__ = ["USER_AGENT", "ForbiddenAddressError", "Session", "UnreachableError"]

USER_AGENT = f"fractalgen/{__version__}"

_CONNECT_SECONDS = 5.0
_MAX_READ_SECONDS = 30.0
_BYTES_PER_SECOND = 10_000  # each such part of a body extends the time that a request may take
_TICK_SECONDS = 0.2


class ForbiddenAddressError(Exception):
    """A host has an address to which no connection may be made."""


class UnreachableError(Exception):
    """A host's name is not known, or nothing answers at its addresses; the message says which.

    Attributes
    ----------
    may_pass : bool
        Whether another attempt may succeed.
    """

    def __init__(self, message: str, *, may_pass: bool = True) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class Transfer:
    """A request in progress. Count the bytes of its body in `n_bytes`."""

    def __init__(self, patience: float) -> None:
        self.n_bytes = 0
        self.overdue = False
        self.connection: Any = None
        self._began = time.monotonic()
        self._patience = patience

    def look(self) -> bool:
        """Return whether the request has taken too long, which is kept in `overdue`."""
        allowed = self._patience + self.n_bytes / _BYTES_PER_SECOND
        if time.monotonic() - self._began > allowed:
            self.overdue = True
        return self.overdue

    def shut_down(self) -> None:
        """End the connection; the thread that waits for it gets an error or an end of file."""
        sock = getattr(self.connection, "sock", None)
        if sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # of the TCP connection below TLS


class Session:
    """Sends requests from several threads. Close it after use.

    A host's name is looked up once per connection, every address is checked, and the connection is
    made to one of the checked addresses, so a second answer of the name server cannot lead
    elsewhere. The name still stands in the ``Host`` header and is the one that the certificate is
    checked for. Redirects are not followed.

    Proxies from the environment are used only if every address is permitted, because a proxy
    looks up names by itself. Passwords in ``~/.netrc`` are not used.

    Parameters
    ----------
    permits : callable
        Says whether to connect to an address.
    resolve : callable
        Looks up names.
    patience : float
        Seconds that a request may take, and one more for each 10,000 bytes of the answer.
    """

    def __init__(self, permits: Permits, resolve: Resolver, patience: float) -> None:
        self._permits = permits
        self._patience = patience
        self._current = threading.local()
        self._transfers: set[Transfer] = set()
        self._closing = threading.Event()
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["User-Agent"] = USER_AGENT
        # A compressed answer may be a bomb, and cannot be resumed.
        self._session.headers["Accept-Encoding"] = "identity"
        bundles = (os.environ.get(key) for key in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
        self._session.verify = next(filter(None, bundles), True)
        adapter = _Adapter(_pools(permits, resolve, self._current))
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._watch = threading.Thread(target=self._end_overdue, daemon=True)
        self._watch.start()

    def get(self, url: str, headers: dict[str, str]) -> tuple[requests.Response, Transfer]:
        """Send a request and return the answer, whose body has not been read, and its transfer.

        Call `end` with the transfer after the answer is closed.

        Raises
        ------
        ForbiddenAddressError, UnreachableError
            See there.
        requests.RequestException, ValueError
            For all other failures.
        """
        proxies = requests.utils.get_environ_proxies(url)
        if requests.utils.select_proxy(url, proxies) and self._permits is not anywhere:
            raise ForbiddenAddressError(
                "a proxy is set, which makes it impossible to check addresses; --allow-private "
                "uses the proxy"
            )
        transfer = Transfer(self._patience)
        self._current.transfer = transfer
        self._transfers.add(transfer)
        timeout = (min(_CONNECT_SECONDS, self._patience), min(_MAX_READ_SECONDS, self._patience))
        try:
            response = self._session.get(
                url,
                headers=headers,
                stream=True,
                timeout=timeout,
                allow_redirects=False,
                proxies=proxies,
            )
            # An answer that is shut down in its headers ends there, or with an error: by chance.
            if transfer.overdue:
                response.close()
                raise requests.ReadTimeout
        except BaseException:
            self.end(transfer)
            if transfer.overdue:
                raise requests.ReadTimeout from None
            raise
        return response, transfer

    def end(self, transfer: Transfer) -> None:
        """Stop watching a transfer."""
        self._transfers.discard(transfer)

    def close(self) -> None:
        """Close all connections; requests in progress fail."""
        self._closing.set()
        self._watch.join()
        for transfer in tuple(self._transfers):
            transfer.shut_down()
        self._session.close()

    def _end_overdue(self) -> None:
        while not self._closing.wait(_TICK_SECONDS):
            for transfer in tuple(self._transfers):
                if transfer.look():
                    transfer.shut_down()


class _Adapter(requests.adapters.HTTPAdapter):
    """An adapter whose connections are of the given classes."""

    def __init__(self, pools: dict[str, Any]) -> None:
        self._pools = pools
        super().__init__(pool_connections=32, pool_maxsize=32)

    def init_poolmanager(self, *args: Any, **extra: Any) -> None:
        super().init_poolmanager(*args, **extra)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: Any, **extra: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **extra)
        if manager.proxy is not None and not manager.proxy.scheme.startswith("socks"):
            manager.pool_classes_by_scheme = self._pools
        return manager


def _pools(permits: Permits, resolve: Resolver, current: threading.local) -> dict[str, Any]:
    """Return classes of connection pools, by scheme."""

    def connect(connection: Any) -> socket.socket:
        host, port = connection._dns_host.strip("[]"), connection.port
        try:
            addresses = resolve(host, port)
        except (OSError, UnicodeError) as error:
            busy = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
            reason = "the name server does not answer" if busy else "the host's name is not known"
            raise UnreachableError(reason, may_pass=busy) from None
        if not all(permits(address, port) for address in addresses):
            raise ForbiddenAddressError("a private or local address; --allow-private permits it")
        failure: OSError | None = None
        for address in addresses:
            try:
                return create_connection(
                    (address, port),
                    connection.timeout,
                    source_address=connection.source_address,
                    socket_options=connection.socket_options,
                )
            except OSError as error:  # noqa: PERF203
                failure = error
        raise UnreachableError(
            "no answer" if isinstance(failure, TimeoutError) else "no connection"
        )

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self)

        def request(self, *args: Any, **extra: Any) -> None:
            current.transfer.connection = self
            super().request(*args, **extra)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self)

        def request(self, *args: Any, **extra: Any) -> None:
            current.transfer.connection = self
            super().request(*args, **extra)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
