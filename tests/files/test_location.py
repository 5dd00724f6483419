import contextlib
import hashlib
import multiprocessing
import pickle
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fractalgen.bank.shards import Member, complete_shards, read_shard, shard_file, write_shard
from fractalgen.errors import SetError
from fractalgen.files import object_store
from fractalgen.files.location import Folder, open_location

DATA = bytes(range(256)) * 100
FAULTS = (500, 503, "hang-up", "cut-upload", "short-upload")


@pytest.fixture
def spools(tmp_path, monkeypatch):
    """The folder for temporary files."""
    folder = tmp_path / "spools"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def mount(scheme):
    """Register a file system of fsspec that is no object store: this machine's files."""
    fsspec = pytest.importorskip("fsspec")
    from fsspec.implementations.local import LocalFileSystem

    class Mounted(LocalFileSystem):
        protocol = scheme

        @classmethod
        def _strip_protocol(cls, path):
            return super()._strip_protocol(str(path).removeprefix(f"{scheme}://"))

    fsspec.register_implementation(scheme, Mounted, clobber=True)


@pytest.fixture(params=["folder", "file", "memory", "mounted", "s3"])
def place(request, tmp_path, spools):
    if request.param == "folder":
        return str(tmp_path / "set")
    if request.param == "file":
        return f"file://{tmp_path}/set"
    if request.param == "memory":
        pytest.importorskip("fsspec")
        return f"memory://{tmp_path.name}/set"
    if request.param == "mounted":
        mount("mounted")
        return f"mounted://{tmp_path}/set"
    return f"{request.getfixturevalue('s3').bucket}/some/set/"


@pytest.fixture
def location(place):
    return open_location(place, writing=True)


@pytest.fixture
def store(s3):
    """A place in an S3 server, which has been checked, and nothing asked since."""
    store = open_location(f"{s3.bucket}/set", writing=True)
    s3.behave()
    return store


def impatient(store, patience=0.3):
    return type(store)(store.name, patience=patience)


def put(location, name, data=DATA):
    with location.writing(name) as file:
        file.write(data)


def test_a_file_is_whole_or_absent(location, place, spools):
    assert location.sizes() == {}
    with contextlib.suppress(ZeroDivisionError), location.writing("a") as file:
        file.write(DATA)
        assert location.sizes() == {}
        _ = 1 / 0
    assert location.sizes() == open_location(place).sizes() == {}
    with pytest.raises(FileNotFoundError, match="a"):
        location.read("a")
    put(location, "a")
    assert location.read("a") == DATA
    assert list(spools.iterdir()) == []


def test_overwriting(location):
    put(location, "a", b"old")
    with contextlib.suppress(KeyboardInterrupt), location.writing("a") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert location.read("a") == b"old"
    put(location, "a")
    put(location, "b", b"")
    assert location.sizes() == {"a": len(DATA), "b": 0}
    assert (location.read("a"), location.read("b")) == (DATA, b"")


def test_ranges(location):
    put(location, "a", b"0123456789")
    ranges = [(0, None), (3, None), (0, 4), (2, 5), (9, 10), (8, 99), (10, None), (50, 60), (5, 5)]
    for start, stop in [*ranges, (5, 2)]:
        assert location.read("a", start, stop) == b"0123456789"[start:stop], (start, stop)
    for start, stop in ((0, None), (2, 5), (5, 5)):
        with pytest.raises(FileNotFoundError):
            location.read("missing", start, stop)


def test_sizes_are_those_of_now(location, place):
    other = open_location(place)
    for n in range(3):
        put(location, f"{n}", bytes(n))
        assert other.sizes() == location.sizes() == {f"{i}": i for i in range(n + 1)}
    other.remove("1")
    assert location.sizes() == {"0": 0, "2": 2}


def test_a_file_that_another_process_removes_meanwhile_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "kept").write_bytes(b"1")
    (tmp_path / "gone").touch()
    entries = Path.iterdir

    def listed(folder):
        yield from entries(folder)
        (folder / "gone").unlink()

    monkeypatch.setattr(Path, "iterdir", listed)
    assert Folder(tmp_path).sizes()["kept"] == 1


def test_remove(location):
    location.remove("missing")
    put(location, "a")
    location.remove("a")
    location.remove("a")
    assert location.sizes() == {}


def test_pickle(location):
    put(location, "a")
    copy = pickle.loads(pickle.dumps(location))
    assert (copy.name, copy.folder) == (location.name, location.folder)
    put(copy, "b", b"1")
    assert location.sizes() == {"a": len(DATA), "b": 1}


def test_threads(location):
    def use(n):
        put(location, f"{n}", DATA[n:])
        return location.read(f"{n}") == DATA[n:] and f"{n}" in location.sizes()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(24)))


def test_shards(location, tmp_path):
    images = [Member(f"ifs/{n:06d}.jpg", DATA[n:], f'{{"file":{n}}}', n % 2) for n in range(5)]
    folder = Folder(tmp_path / "as-a-folder")
    expected = write_shard(folder, 7, images)
    assert write_shard(location, 7, images) == expected == read_shard(location, 7)
    assert complete_shards(location.sizes()) == {7: False}
    for name in folder.sizes():
        assert location.read(name) == folder.read(name)
    data = location.read(shard_file(7))
    assert hashlib.sha256(data).hexdigest() == expected.sha256
    assert data[expected.offsets[3] :].startswith(DATA[3:])

    def failing():
        yield images[0]
        raise MemoryError

    with contextlib.suppress(MemoryError):
        write_shard(location, 8, failing())
    assert sorted(location.sizes()) == ["shard-000007.jsonl", "shard-000007.tar"]


def test_a_store_of_thousands(s3, store):
    s3.fill([f"set/{n}" for n in range(1100)] + ["set/below/a", "set", "settled", "other/a"])
    assert store.sizes() == {f"{n}": 1 for n in range(1100)}
    assert s3.count("GET") == 2  # pages of 1,000


@pytest.mark.parametrize("kind", FAULTS)
def test_uploads_are_tried_again(s3, store, kind):
    s3.fail(kind, 3, method="PUT")
    put(store, "a")
    assert s3.count("PUT") == 4
    s3.behave()
    assert open_location(store.name).read("a") == DATA


@pytest.mark.parametrize("kind", [500, 503, "hang-up", "cut-download"])
def test_reading_is_tried_again(s3, store, kind):
    put(store, "a")
    s3.behave()
    s3.fail(kind, 2)
    assert store.read("a") == DATA
    s3.fail(kind, 2)
    assert store.read("a", 1000, 20_000) == DATA[1000:20_000]
    assert s3.count("GET") == 6
    s3.fail(kind, 2)
    assert store.sizes() == {"a": len(DATA)}
    if kind != "cut-download":  # the answer has no body
        s3.fail(kind, 2)
        store.remove("a")
        assert store.sizes() == {}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (503, "503 SlowDown"),
        (500, "500 InternalError"),
        ("hang-up", "(the server cannot be reached|the connection was cut)"),
        ("short-upload", "12,800 of 25,600 bytes arrived"),
    ],
)
def test_patience_ends(s3, store, kind, reason):
    s3.fail(kind, method="PUT")
    with pytest.raises(OSError, match=f"{reason}.*{s3.bucket}/set/a"):
        put(impatient(store), "a")
    assert s3.count("PUT") > 1
    s3.behave()
    assert store.sizes() == {}


def test_what_will_not_pass_is_not_tried_again(s3, store):
    s3.fail(403)
    with pytest.raises(PermissionError, match=f"access is denied.*{s3.bucket}/set/a"):
        put(store, "a")
    with pytest.raises(PermissionError):
        store.read("a")
    with pytest.raises(PermissionError):
        store.sizes()
    assert len(s3.requests) == 3
    s3.behave()
    with pytest.raises(FileNotFoundError):
        store.read("a")
    assert len(s3.requests) == 1


def test_parts_of_a_large_file(s3, store, monkeypatch):
    """A part that fails ends an upload; the store keeps none of its parts."""
    monkeypatch.setattr(object_store, "_PART_BYTES", 5 << 20)  # the least that servers take
    blocks = [bytes([n]) * (1 << 20) for n in range(11)]
    s3.fail(503, 1, method="PUT", part="partNumber=2")
    with store.writing("a") as file:
        file.writelines(blocks)
    assert s3.count("POST", "?uploads") == 2
    assert s3.count("DELETE", "uploadId") == 1
    assert store.sizes() == {"a": 11 << 20}
    for n in (0, 4, 5, 10):
        assert store.read("a", n << 20, (n + 1) << 20) == blocks[n]


def fork(store):
    assert store.read("a") == DATA
    put(store, "b", b"by a child")


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_forks(store):
    put(store, "a")
    children = [
        multiprocessing.get_context("fork").Process(target=fork, args=[store]) for _ in "12"
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(300)
        assert child.exitcode == 0
    assert store.read("b") == b"by a child"


def test_another_process_and_the_configuration_of_fsspec(s3, store, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("FSSPEC_S3_ENDPOINT_URL", s3.address)
    put(store, "a", pickle.dumps(store))
    code = "import pickle, sys; s = pickle.load(sys.stdin.buffer); print(s.sizes())"
    sent = pickle.dumps(store)
    done = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, check=True)
    assert done.stdout.decode().strip() == str({"a": len(sent)})


def test_folders_do_without_fsspec(tmp_path):
    code = f"""
import sys
from fractalgen.files import object_store
from fractalgen.files.location import open_location
for place in ({str(tmp_path)!r}, {tmp_path.as_uri()!r}):
    assert open_location(place).folder, place
assert "fsspec" not in sys.modules"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert open_location((tmp_path / "a b").as_uri()).folder == tmp_path / "a b"
    with pytest.raises(SetError, match="three slashes"):
        open_location("file://server/folder")


def refusal(place, **options):
    start = time.monotonic()
    with pytest.raises(SetError) as caught:
        open_location(place, **options)
    assert time.monotonic() - start < 60
    return str(caught.value)


def test_missing_packages(monkeypatch, s3):
    from fsspec.registry import _registry

    for scheme in ("s3", "sftp"):
        monkeypatch.delitem(_registry, scheme, raising=False)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    assert "pip install 'fractalgen-ipmix[scale]'" in refusal(s3.bucket)
    monkeypatch.setitem(sys.modules, "paramiko", None)
    monkeypatch.delitem(sys.modules, "fsspec.implementations.sftp", raising=False)
    assert "sftp://host/x needs paramiko" in refusal("sftp://me:secret@host/x")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    assert "pip install 'fractalgen-ipmix[scale]'" in refusal("memory://x")


def test_unknown_and_wrong_urls(s3):
    assert "did you mean 'memory'" in refusal("memori://x")
    assert "choose from s3, gs, abfs, file" in refusal("quux://bucket/x")
    assert "download it first" in refusal("https://host/x")
    assert "s3://BUCKET/PREFIX" in refusal("s3://")
    assert "Invalid bucket name" in refusal("s3://a_b!/x")
    message = refusal("s3://an-id:hidden@bucket/x")
    assert "set AWS_ACCESS_KEY_ID" in message
    assert "hidden" not in message


def test_refusals_of_a_server(s3, monkeypatch):
    assert "the bucket does not exist; make it first" in refusal("s3://no-such-bucket/x")
    assert "the bucket does not exist; make it first" in refusal("s3://no-such-bucket")
    s3.fail(403, method="PUT")
    assert open_location(s3.bucket).sizes() == {}
    assert "access is denied; use credentials that" in refusal(f"{s3.bucket}/x", writing=True)
    s3.fail(403)
    assert "access is denied; use credentials that" in refusal(f"{s3.bucket}/x")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    message = refusal(f"{s3.bucket}/x")
    assert "there are no credentials; set AWS_ACCESS_KEY_ID" in message
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "AWS's files have no profile 'nobody'; correct AWS_PROFILE" in refusal(f"{s3.bucket}/x")


def test_a_server_that_is_busy_at_first(s3, monkeypatch):
    """As when hundreds of jobs start at once; but one that does not answer may not be there."""
    monkeypatch.setattr(object_store, "_FIRST_PATIENCE_SECONDS", 0)
    s3.fail(503, 3)
    assert open_location(s3.bucket, writing=True).sizes() == {}
    s3.fail("hang-up")
    assert "cannot be used: the" in refusal(s3.bucket)


def test_servers_that_do_not_answer(s3, dead_port, monkeypatch):
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.setattr(object_store, "_FIRST_PATIENCE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setitem(fsspec.config.conf, "s3", {"config_kwargs": {"read_timeout": 0.5}})
        assert "the server stopped answering" in refusal(s3.bucket)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{dead_port}")
    message = refusal(s3.bucket)
    assert "the server cannot be reached; check the network and AWS_ENDPOINT_URL" in message
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.address.replace("http:", "https:"))
    assert (
        "HTTPS does not work with the server; if it speaks HTTP, its address begins with http://"
        in refusal(s3.bucket)
    )
    address = s3.address.removeprefix("http://")
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    message = refusal(s3.bucket)
    assert f"AWS_ENDPOINT_URL must begin with http:// or https://, not '{address}'" in message
