"""Several processes that open one set at the same time."""

import contextlib
import errno
import os
import subprocess
import sys

import pytest
from PIL import Image

from fractalgen.bank import MixingSet
from tests.bank.sharded_sets import in_shards
from tests.mixing_set.small_sets import names_in

# Opens a set, and notes each file that takes its place: a bank that was built. If a way to stop is
# given, it waits at the third image until the file "go" exists, or for ever, and then fails.
OPEN = """
import os, sys, time
from pathlib import Path
from fractalgen.bank import MixingSet
from fractalgen.files import lock

folder, cache, log, go = map(Path, sys.argv[1:5])
lock._PATIENCE_SECONDS = 0.3

def note(event, arguments):
    if event == "os.rename":
        with open(log, "a") as file:
            file.write("built\\n")
    if go.name != "none" and event == "open" and str(arguments[0]).endswith("2.png"):
        print("half-way", flush=True)
        while not go.exists():
            time.sleep(0.05)
        raise RuntimeError("this builder fails")

if go.name == "none":
    print("ready", flush=True)
    sys.stdin.readline()
sys.addaudithook(note)
bank = MixingSet(folder, size=32, cache_dir=cache, workers=1)
print(len(bank), int(bank.array.sum()), flush=True)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    for index in range(40):
        Image.effect_noise((40, 40), 50).save(tmp_path / "images" / f"{index:02d}.png")
    return tmp_path / "images"


@pytest.fixture
def start(tmp_path):
    """Start a process that opens a set; at the end none is left."""
    with contextlib.ExitStack() as stack:

        def started(folder, go="none"):
            arguments = (folder, tmp_path / "cache", tmp_path / "log", tmp_path / go)
            process = subprocess.Popen(
                [sys.executable, "-c", OPEN, *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield started


@pytest.mark.parametrize("kind", ["folder", "shards"])
def test_of_several_processes_one_builds(folder, small_set, tmp_path, start, kind):
    place = folder if kind == "folder" else in_shards(small_set, tmp_path / "shards", 2)
    processes = [start(place) for _ in range(4)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    results = {process.communicate(timeout=300)[0] for process in processes}
    bank = MixingSet(place, 32, cache_dir=tmp_path / "other")
    assert results == {f"{len(bank)} {int(bank.array.sum())}\n"}
    assert (tmp_path / "log").read_text() == "built\n"
    assert names_in(tmp_path / "cache") == [bank.path.name]


@pytest.mark.parametrize("end", ["killed", "failed"])
def test_if_the_builder_ends_half_way_another_builds(folder, tmp_path, start, end):
    builder = start(folder, "go")
    assert builder.stdout.readline() == "half-way\n"
    waiters = [start(folder) for _ in range(2)]
    for waiter in waiters:
        assert waiter.stdout.readline() == "ready\n"
        waiter.stdin.write("\n")
        waiter.stdin.flush()
    notes = [next(line for line in waiter.stderr if "Another" in line) for waiter in waiters]
    assert all("is making the bank of" in note and str(folder) in note for note in notes)
    assert [waiter.poll() for waiter in waiters] == [None, None]
    if end == "killed":
        builder.kill()
    else:
        (tmp_path / "go").touch()
    errors = builder.communicate(timeout=300)[1]
    assert (end == "failed") == ("RuntimeError: this builder fails" in errors)
    results = {waiter.communicate(timeout=300)[0] for waiter in waiters}
    bank = MixingSet(folder, 32, cache_dir=tmp_path / "other")
    assert results == {f"40 {int(bank.array.sum())}\n"}
    assert (tmp_path / "log").read_text() == "built\n"


def test_without_locks_a_bank_is_built_all_the_same(folder, tmp_path, monkeypatch):
    unix = pytest.importorskip("fcntl")

    def fail(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(unix, "flock", fail)
    assert len(MixingSet(folder, 32, cache_dir=tmp_path / "cache")) == 40
