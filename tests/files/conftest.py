import functools
import http.server
import threading

import pytest


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path):
    """Serve a file on this machine, and return its address."""
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()

        def serve(name, data):
            (tmp_path / name).write_bytes(data)
            return f"http://127.0.0.1:{server.server_address[1]}/{name}"

        yield serve
        server.shutdown()
        thread.join()
