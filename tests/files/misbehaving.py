"""An HTTP server on this machine that misbehaves in the ways that servers do."""

import contextlib
import gzip
import http.server
import threading
import time
from collections import Counter

CONTENTS = bytes(range(256)) * 800  # 200 kB


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by the first part of the path; the server counts requests by path."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.requests.append((self.path, dict(self.headers)))
        path = self.path.partition("?")[0]
        self.n = self.server.counts[path] = self.server.counts[path] + 1
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if path in self.server.files:
                self.answer(self.server.files[path])
            elif path == "/robots.txt":
                self.send_error(404)
            else:
                getattr(self, path.split("/")[1].replace("-", "_"), self.missing)()

    def answer(self, data, status=200, length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def missing(self):
        self.answer(b"", 404)

    def hang_up(self):
        self.wfile.flush()
        self.close_connection = True

    def cut(self, etag='"1"', ranges=True):
        """Send half of the file, and the rest if it is asked for."""
        start = self.headers.get("Range", "")
        if ranges and start and self.headers.get("If-Range") == etag:
            at = int(start.removeprefix("bytes=").removesuffix("-"))
            self.server.resumed.append(at)
            place = f"bytes {at}-{len(CONTENTS) - 1}/{len(CONTENTS)}"
            self.answer(CONTENTS[at:], 206, ETag=etag, Content_Range=place)
        elif self.n == 1 or (ranges and not start):
            self.answer(CONTENTS[:100_000], length=len(CONTENTS), ETag=etag)
            self.hang_up()
        else:
            self.answer(CONTENTS, ETag=etag)

    def cut_without_ranges(self):
        self.cut(ranges=False)

    def cut_and_changed(self):
        """The file is another one after the first request."""
        if self.n == 1:
            self.answer(b"old" * 20_000, length=len(CONTENTS), ETag='"old"')
            self.hang_up()
        elif self.headers.get("If-Range") == '"new"':
            raise AssertionError("no part of the new file had been sent")
        else:
            self.answer(CONTENTS, ETag='"new"')

    def wrong_part(self):
        """Continue elsewhere than asked."""
        if "Range" in self.headers:
            self.answer(CONTENTS[5:], 206, ETag='"1"', Content_Range="bytes 5-199999/200000")
        elif self.n == 1:
            self.answer(CONTENTS[:100_000], length=len(CONTENTS), ETag='"1"')
            self.hang_up()
        else:
            self.answer(CONTENTS)

    def always_short(self):
        self.answer(CONTENTS[:5000], length=len(CONTENTS))
        self.hang_up()

    def chunked_and_cut(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"1000\r\n" + CONTENTS[:0x1000] + b"\r\n")
        if self.n > 1:
            rest = CONTENTS[0x1000:]
            self.wfile.write(f"{len(rest):x}\r\n".encode() + rest + b"\r\n0\r\n\r\n")
        self.hang_up()

    def busy(self):
        """Answer 429 first, then 503 with a date, then the file."""
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 1))
        if self.n == 1:
            self.answer(b"", 429, Retry_After="1")
        elif self.n == 2:
            self.answer(b"", 503, Retry_After=date)
        else:
            self.answer(CONTENTS)

    def busy_for_long(self):
        self.answer(b"", 503, Retry_After="3600")

    def broken(self):
        self.answer(b"", 500)

    def trickle(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.drip()

    def stalled(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.silent()

    def trickled_headers(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        self.drip()

    def drip(self):
        self.close_connection = True
        while not self.server.stopped.wait(0.05):
            self.wfile.write(b"x")

    def silent(self):
        self.server.stopped.wait()
        self.close_connection = True

    def endless(self):
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        while True:
            self.wfile.write(b"x" * 65536)

    def bomb(self):
        self.answer(gzip.compress(bytes(50_000_000)), Content_Encoding="gzip")

    def gzipped(self):
        self.answer(gzip.compress(CONTENTS), Content_Encoding="gzip")

    def brotli(self):
        self.answer(b"?", Content_Encoding="br")

    def to(self):
        self.answer(b"", 302, Location=self.path.partition("?")[2])

    def circle(self):
        self.answer(b"", 302, Location="/circle")

    def spiral(self):
        self.answer(b"", 302, Location=f"/spiral/{self.n}{self.path[8:]}")

    def page(self):
        self.answer(b"<!DOCTYPE html><title>Not here</title>", Content_Type="image/png")


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Clients hang up."""


@contextlib.contextmanager
def misbehaving_server(files=None):
    """Run a server; its `address` is a URL, and `files` maps paths to contents."""
    with _Server(("127.0.0.1", 0), Handler) as server:
        server.files = dict(files or {})
        server.counts, server.requests, server.resumed = Counter(), [], []
        server.stopped = threading.Event()
        server.port = server.server_address[1]
        server.address = f"http://127.0.0.1:{server.port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.stopped.set()
            server.shutdown()
            thread.join()
