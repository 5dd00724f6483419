"""An S3 server on this machine that misbehaves on request."""

import contextlib
import socket
import threading
import time
import urllib.request
from dataclasses import dataclass
from io import BytesIO

from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

CODES = {403: "AccessDenied", 500: "InternalError", 503: "SlowDown"}


@dataclass
class _Fault:
    kind: object
    method: str
    part: str
    times: float
    until: float


class S3Server:
    """A server with one bucket, empty at first.

    Attributes
    ----------
    address : str
        Its URL.
    bucket : str
        URL of the bucket, ``s3://...``.
    environment : dict
        Environment variables with which any process reaches it.
    requests : list of (str, str, object)
        Method, path with query, and the kind of fault, or None, of each request.
    """

    def __init__(self, port, number):
        self.address = f"http://127.0.0.1:{port}"
        self.bucket_name = f"bucket-{number}"
        self.bucket = f"s3://{self.bucket_name}"
        self.environment = {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "an-id",
            "AWS_SECRET_ACCESS_KEY": "a-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }
        self.requests = []
        self._faults = []
        self._lock = threading.Lock()

    def fail(self, kind, times=float("inf"), *, method="", part="", seconds=float("inf")):
        """Make requests fail.

        Parameters
        ----------
        kind : int or str
            A status to answer; or 'hang-up': close the connection at once; 'cut-upload': close it
            in the middle of the request's body; 'short-upload': store half of the body, and answer
            that all is well; 'cut-download': close it in the middle of the answer's body.
        times : int
            How many requests fail.
        method : str
            Only those of a method, such as PUT.
        part : str
            Only those whose path and query have this part.
        seconds : float
            For how long requests fail.
        """
        with self._lock:
            until = time.monotonic() + seconds
            self._faults.append(_Fault(kind, method, part, times, until))

    def behave(self):
        """End all faults, and forget the requests."""
        with self._lock:
            self._faults.clear()
            self.requests.clear()

    def count(self, method, part=""):
        """Return the number of requests with a method whose path and query have a part."""
        return sum(one == method and part in path for one, path, _ in list(self.requests))

    def fill(self, names):
        """Put an object of one byte under each name into the bucket."""
        for name in names:
            s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(self.bucket_name, name, b"x")

    def fault(self, method, path):
        """Return the kind of fault of a request, or None, and note it."""
        with self._lock:
            kind = None
            for fault in self._faults:
                fits = fault.method in ("", method) and fault.part in path
                if fits and fault.times > 0 and time.monotonic() < fault.until:
                    fault.times -= 1
                    kind = fault.kind
                    break
            self.requests.append((method, path, kind))
            return kind


class _Misbehaving:
    """A WSGI application in front of moto's."""

    def __init__(self):
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.server = None

    def __call__(self, environ, start_response):
        query = environ.get("QUERY_STRING", "")
        path = environ["PATH_INFO"] + (f"?{query}" if query else "")
        kind = self.server.fault(environ["REQUEST_METHOD"], path)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if isinstance(kind, int):
            environ["wsgi.input"].read(length)
            code = CODES.get(kind, "Error")
            body = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()
            body = b"" if environ["REQUEST_METHOD"] == "HEAD" else body
            headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
            start_response(f"{kind} Failing", headers)
            return [body]
        if kind in ("hang-up", "cut-upload"):
            environ["wsgi.input"].read(length // 2 if kind == "cut-upload" else 0)
            _hang_up(environ)
        if kind == "short-upload":
            environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(length)[: length // 2])
            environ["CONTENT_LENGTH"] = str(length // 2)
        answer = self.moto(environ, start_response)
        return _cut(b"".join(answer), environ) if kind == "cut-download" else answer


def _cut(body, environ):
    yield body[: len(body) // 2]
    _hang_up(environ)


def _hang_up(environ):
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError


class _Handler(WSGIRequestHandler):
    def log(self, *_):
        pass


_servers = iter(range(10**6))


@contextlib.contextmanager
def s3_server():
    """Run a server with an empty bucket."""
    application = _Misbehaving()
    listener = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Handler)
    server = application.server = S3Server(listener.server_address[1], next(_servers))
    thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
    thread.start()
    try:
        _ask("PUT", f"{server.address}/{server.bucket_name}")
        yield server
    finally:
        server.behave()
        _ask("POST", f"{server.address}/moto-api/reset")
        listener.shutdown()
        thread.join()
        listener.server_close()


def _ask(method, url):
    # Not `urlopen`, which keeps the proxies of its first call, perhaps those of another test.
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    directly.open(urllib.request.Request(url, b"", method=method)).close()
