import io
import socket
import threading
import time

import pytest

from fractalgen.errors import DownloadError
from fractalgen.files import http_session
from fractalgen.files.addresses import is_public, resolve
from fractalgen.files.downloader import Downloader, WebOptions
from fractalgen.files.hosts import DEAD_AFTER, Host
from fractalgen.files.urls import public_url
from tests.files.misbehaving import CONTENTS, misbehaving_server

QUICK = {"allow_private": True, "backoff": 0.01}
SLOW = ("trickle", "trickled-headers", "silent")


@pytest.fixture
def server():
    with misbehaving_server() as server:
        yield server


def downloaded(url, max_bytes=1_000_000, **options):
    file = io.BytesIO(b"before ")
    file.seek(0, 2)
    with Downloader(WebOptions(**{**QUICK, **options})) as downloader:
        downloader.download(url, file, max_bytes=max_bytes)
    assert file.getvalue().startswith(b"before ")
    return file.getvalue()[7:]


def reason(url, **options):
    with pytest.raises(DownloadError) as caught:
        downloaded(url, **options)
    assert "secret" not in str(caught.value)
    return caught.value.reason


def test_a_cut_transfer_goes_on_where_it_ended(server):
    assert downloaded(f"{server.address}/cut") == CONTENTS
    assert server.resumed == [100_000]


@pytest.mark.parametrize(
    "path", ["cut-without-ranges", "cut-and-changed", "wrong-part", "chunked-and-cut"]
)
def test_a_cut_transfer_that_cannot_go_on_starts_again(server, path):
    assert downloaded(f"{server.address}/{path}") == CONTENTS
    assert server.counts[f"/{path}"] in (2, 3)


def test_pauses_that_a_server_asks_for_are_made(server):
    began = time.monotonic()
    assert downloaded(f"{server.address}/busy") == CONTENTS
    assert time.monotonic() - began >= 1  # a date counts whole seconds, so it may be over
    assert server.counts["/busy"] == 3


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere", "the server answered 404 Not Found"),
        ("broken", "the server answered 500 Internal Server Error"),
        ("busy-for-long", "503 Service Unavailable and asks to wait for 3,600 seconds"),
        ("always-short", "the transfer was interrupted"),
        ("trickle", "it arrives too slowly"),
        ("trickled-headers", "the server stopped answering"),
        ("silent", "the server stopped answering"),
        ("endless", "it is larger than 1,000,000 bytes"),
        ("bomb", "it is larger than 1,000,000 bytes"),
        ("brotli", "in an encoding that was not requested, 'br'"),
        ("circle", "it redirects in a circle"),
        ("spiral", "too many redirects"),
        ("to?ftp://127.0.0.1/a", "a redirect to ftp:, which is not http(s)"),
        ("to?file:///etc/passwd", "a redirect to file:, which is not http(s)"),
        ("to?http://127.0.0.1:9/a", "no connection"),
    ],
)
def test_every_failure_has_a_reason(server, path, message):
    options = {"retries": 0, "timeout": 3, "robots": False} if path in SLOW else {"retries": 2}
    url = f"{server.address.replace('//', '//me:secret@')}/{path}"
    assert message in reason(url, **options)


def test_a_transfer_that_stalls_is_too_slow_whoever_notices_first(server, monkeypatch):
    monkeypatch.setattr(http_session, "_TICK_SECONDS", 300)
    options = {"retries": 0, "timeout": 1, "robots": False}
    assert reason(f"{server.address}/stalled", **options) == "it arrives too slowly"


def test_failures_that_pass_are_tried_again_and_others_are_not(server):
    for path, tries in (("broken", 3), ("nowhere", 1), ("page", 1)):
        if path != "page":
            reason(f"{server.address}/{path}", retries=2)
        else:
            downloaded(f"{server.address}/{path}")
        assert server.counts[f"/{path}"] == tries


def test_compression_that_nobody_asked_for_is_undone(server):
    assert downloaded(f"{server.address}/gzipped") == CONTENTS
    assert server.requests[-1][1]["Accept-Encoding"] == "identity"
    assert server.requests[-1][1]["User-Agent"].startswith("fractalgen/")


def test_odd_urls(server):
    server.files["/%C3%BC/a%20b.png"] = b"found"
    assert downloaded(f"{server.address}/to?/%C3%BC/a%20b.png") == b"found"
    assert downloaded(f"{server.address}/ü/a b.png#part") == b"found"
    for url in ("ftp://127.0.0.1/a", "file:///etc/passwd", "http://", "/etc/passwd", "http:///a"):
        assert reason(url) == "not an http(s) URL"
    for url in ("http://127.0.0.1:99999/a", "http://[::1/a", "http://a b/", "http://.../a"):
        assert "not valid" in reason(url) or "not known" in reason(url) or "not a v" in reason(url)


@pytest.mark.parametrize(
    "addresses",
    [
        "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.100.100.200 168.63.129.16",
        "0.0.0.0 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 ::1 :: fe80::1%eth0 fc00::1",
        "fd00:ec2::254 fec0::1 ff02::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1",
        "2002:7f00:1:: 2001:db8::1 nonsense",
    ],
)
def test_addresses_that_are_not_public(addresses):
    assert not [address for address in addresses.split() if is_public(address)]


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"]
)
def test_addresses_that_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1"])
def test_this_machine_is_refused_in_every_spelling(server, host):
    url = f"http://{host}:{server.port}/cut"
    assert "private or local" in reason(url, allow_private=False, robots=False)
    assert server.requests == []


def test_a_redirect_to_a_private_address_is_refused(server):
    with misbehaving_server() as inside:
        permits = lambda address, port: port == server.port  # noqa: E731
        with Downloader(WebOptions(backoff=0.01), permits) as downloader:
            downloader.download(f"{server.address}/to?/gzipped", io.BytesIO())
            with pytest.raises(DownloadError, match="private or local"):
                downloader.download(f"{server.address}/to?{inside.address}/a", io.BytesIO())
    assert inside.requests == []


def test_the_address_that_was_checked_is_connected_to(server):
    """A name server that answers with another address later cannot lead the connection there."""
    answers = []

    def look_up(host, port):
        assert host == "rebinding.example"
        answers.append(("127.0.0.2", "127.0.0.1")[len(answers) > 0])
        return [answers[-1]]

    permits = lambda address, port: address == "127.0.0.2"  # noqa: E731
    with socket.create_server(("127.0.0.2", 0)) as elsewhere:
        port = elsewhere.getsockname()[1]
        received = []

        def answer_once():
            connection, _ = elsewhere.accept()
            with connection:
                received.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")

        thread = threading.Thread(target=answer_once)
        thread.start()
        url = f"http://rebinding.example:{port}/a"
        file = io.BytesIO()
        with Downloader(WebOptions(robots=False), permits, look_up) as downloader:
            downloader.download(url, file)
            thread.join()
            with pytest.raises(DownloadError, match="private or local"):
                downloader.download(url, file)
    assert file.getvalue() == b"ok"
    assert answers == ["127.0.0.2", "127.0.0.1"]
    assert f"Host: rebinding.example:{port}".encode() in received[0]


def test_one_private_address_among_public_ones_is_enough(server):
    look_up = lambda host, port: ["1.1.1.1", "127.0.0.1"]  # noqa: E731
    with (
        Downloader(WebOptions(), look_up=look_up) as downloader,
        pytest.raises(DownloadError, match="private or local"),
    ):
        downloader.download(f"http://two.example:{server.port}/a", io.BytesIO())


def test_a_proxy_is_used_only_where_addresses_need_no_check(server, monkeypatch):
    monkeypatch.setenv("no_proxy", "example.org")
    assert "private or local" in reason(f"{server.address}/a", allow_private=False)
    monkeypatch.setenv("http_proxy", server.address)
    server.files["http://elsewhere.example/a"] = b"through the proxy"
    url = "http://elsewhere.example/a"
    assert "a proxy is set" in reason(url, allow_private=False)
    assert downloaded(url, robots=False) == b"through the proxy"


def test_robots_txt_is_honoured(server):
    rules = "User-agent: other\nDisallow: /\n\nUser-agent: *\nDisallow: /private\nCrawl-delay: 0.3"
    server.files |= {"/robots.txt": rules.replace("0.3", "1").encode(), "/a": b"a", "/b": b"b"}
    with Downloader(WebOptions(**QUICK)) as downloader:
        began = time.monotonic()
        for path in "ab":
            downloader.download(f"{server.address}/{path}", io.BytesIO())
        assert time.monotonic() - began >= 1
        with pytest.raises(DownloadError, match=r"robots\.txt forbids it"):
            downloader.download(f"{server.address}/private/c", io.BytesIO())
    assert [path for path, _ in server.requests] == ["/robots.txt", "/a", "/b"]
    server.files["/robots.txt"] = b"User-agent: *\nCrawl-delay: 86400"
    assert "asks for 86,400 seconds" in reason(f"{server.address}/a")
    server.files["/robots.txt"] = b"User-agent: *\nDisallow: /b\n" + b"# long\n" * 100_000
    assert downloaded(f"{server.address}/a") == b"a"
    assert reason(f"{server.address}/b") == "robots.txt forbids it"
    server.files["/robots.txt"] = b"User-agent: fractalgen\nDisallow: /"
    assert reason(f"{server.address}/to?/a") == "robots.txt forbids it"


def test_robots_txt_holds_for_a_redirect_too(server):
    with misbehaving_server({"/robots.txt": b"User-agent: *\nDisallow: /"}) as other:
        url = f"{server.address}/to?{other.address}/a"
        assert reason(url) == "robots.txt forbids it"
        assert [path for path, _ in other.requests] == ["/robots.txt"]


def test_the_rest_of_a_dead_host_fails_at_once(dead_port):
    reasons = []
    lookups = []

    def look_up(host, port):
        lookups.append(host)
        return resolve(host, port)

    with Downloader(WebOptions(**QUICK), look_up=look_up) as downloader:
        for number in range(1000):
            with pytest.raises(DownloadError) as caught:
                downloader.download(f"http://127.0.0.1:{dead_port}/{number}", io.BytesIO())
            reasons.append(caught.value.reason)
    assert set(reasons[:DEAD_AFTER]) == {"no connection"}
    assert set(reasons[DEAD_AFTER:]) == {"no connection; the host's other links are skipped"}
    assert len(lookups) == 2 * DEAD_AFTER


def test_requests_to_a_host_are_first_come_first_served():
    class Stopping(threading.Event):
        """Tells when the request waits for its turn."""

        def __init__(self):
            super().__init__()
            self.waiting = threading.Event()

        def is_set(self):
            self.waiting.set()
            return super().is_set()

    def ask(stopping, n):
        with host.connection(stopping):
            served.append(n)

    host = Host(n_connections=1, delay=0.01)
    served, threads = [], []
    with host.connection(threading.Event()):
        for n in range(12):
            stopping = Stopping()
            threads.append(threading.Thread(target=ask, args=(stopping, n)))
            threads[-1].start()
            assert stopping.waiting.wait(300)
    for thread in threads:
        thread.join()
    assert served == list(range(12))


def test_a_host_gets_as_many_requests_at_once_as_it_may(server):
    most, now, lock = [0], [0], threading.Lock()
    original = server.RequestHandlerClass.gzipped

    def counting(handler):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.03)
        with lock:
            now[0] -= 1
        original(handler)

    server.RequestHandlerClass = type(
        "Counting", (server.RequestHandlerClass,), {"gzipped": counting}
    )
    with Downloader(WebOptions(**QUICK, per_host=2)) as downloader:
        threads = [
            threading.Thread(
                target=downloader.download, args=(f"{server.address}/gzipped", io.BytesIO())
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert 1 <= most[0] <= 2


def test_secret_parts_of_a_query_are_left_out():
    url = "https://me:secret@example.org/a.png?id=3&X-Amz-Signature=secret&token=secret#part"
    assert public_url(url) == "https://example.org/a.png?id=3&X-Amz-Signature=&token="
    assert public_url("https://example.org/a?b=%C3%BC+c") == "https://example.org/a?b=%C3%BC+c"
