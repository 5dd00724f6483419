import json
import signal
import time

import pytest

from tests.cli.programs import up_to
from tests.files.misbehaving import misbehaving_server
from tests.mixing_set.collecting.test_archives import png

LOCAL = ("--allow-private", "--retries", 0)


@pytest.fixture
def server():
    with misbehaving_server({f"/{n}.png": png(n) for n in range(30)}) as server:
        yield server


def test_a_list_without_a_usable_url_collects_nothing(run, tmp_path):
    (tmp_path / "list.csv").write_text("url\nhttp://127.0.0.1:9/x.png\nno-url\n")
    result = run("collect", "list.csv")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].endswith("0 images: 0 collected, 0 kept")


def write_list(tmp_path, server, paths):
    (tmp_path / "list.txt").write_text("".join(f"{server.address}/{path}\n" for path in paths))


def test_collect_into_a_new_set_and_into_one_that_was_drawn(run, server, tmp_path):
    write_list(tmp_path, server, ["0.png", "1.png", *(f"gone/{n}" for n in range(25)), "page"])
    result = run("collect", "list.txt", "--licence", "CC-BY-4.0", "--name", "photos", *LOCAL)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].endswith("2 images: 2 collected, 0 kept")
    assert result.stdout.endswith("Licences of the collected images:\n  2  CC-BY-4.0\n")
    assert result.stderr.splitlines() == [
        f"Refused 25: the server answered 404 Not Found (such as {server.address}/gone/0)",
        f"Refused  1: not an image, or its header is damaged (such as {server.address}/page)",
        "Error: 26 of your own images were refused.",
    ]
    assert run("ifs", "--n", 2, "--size", 16, "--seed", 3, "drawn").exit_code == 0
    write_list(tmp_path, server, ["2.png"])
    result = run(
        "collect", "list.txt", f"{server.address}/3.png", "--into", "drawn", "--json", *LOCAL
    )
    assert result.exit_code == 0
    assert result.stderr == ""
    found = json.loads(result.stdout)
    assert (found["drawn"], found["licences"], found["reasons"]) == (2, {"unknown": 2}, {})
    described = json.loads((tmp_path / "drawn/set.json").read_text())
    assert described["recipe"]["seed"] == 3
    assert described["licence"] == {"ifs": "CC0-1.0", "extra": "as their origin says"}
    assert run("verify", "drawn").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "SOURCE..."),
        (("nowhere",), 1, "nowhere does not exist"),
        (("ftp://example.org/a.zip",), 1, "ftp:// is not supported; use https://"),
        (("mine", "--name", "../x"), 2, "must consist of lower-case letters"),
        (("mine", "--name", "ifs", "--into", "drawn"), 1, 'ifs is "generated" in the set'),
        (("notes.txt",), 1, "neither an image, a folder, an archive, nor a list of URLs"),
        (("http://127.0.0.1:9/a.zip",), 1, "private or local address; --allow-private permits it"),
        (("mine", "--max-bytes", "1"), 2, "--max-bytes"),
    ],
)
def test_wrong_usage_is_a_sentence(run, tmp_path, arguments, code, message):
    (tmp_path / "notes.txt").write_text("no list")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a.png").write_bytes(png(0))
    run("ifs", "--n", 1, "--size", 16, "drawn")
    result = run("collect", *arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "ipmix-set/set.json").exists()


def test_a_killed_collection_goes_on_and_downloads_nothing_twice(
    start, run, server, tree, tmp_path
):
    write_list(tmp_path, server, [f"{n}.png" for n in range(30)])
    process = start("collect", "list.txt", *LOCAL, "--quiet", program=up_to(".png", 10))
    manifest = tmp_path / "ipmix-set/manifest.jsonl"
    deadline = time.monotonic() + 300
    while not (manifest.exists() and manifest.read_bytes().count(b"\n") == 10):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert manifest.read_bytes().count(b"\n") == 10
    server.counts.clear()
    assert run("collect", "list.txt", *LOCAL).exit_code == 0
    assert server.counts.keys() - {"/robots.txt"} == {f"/{n}.png" for n in range(10, 30)}
    assert run("collect", "list.txt", "--into", "fresh", *LOCAL).exit_code == 0
    assert tree(tmp_path / "ipmix-set") == tree(tmp_path / "fresh")
    assert run("verify").exit_code == 0
