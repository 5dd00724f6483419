import signal
import subprocess
import sys
import threading
import time

import pytest

from fractalgen import pool
from fractalgen.pool import OrderedPool, available_memory, default_workers

GIB = 1 << 30


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Make the files in which Linux tells about memory; 16 GiB are available."""
    proc, cgroups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 33554432 kB\nMemAvailable: 16777216 kB\n")
    monkeypatch.setattr(pool, "_PROC", proc)
    monkeypatch.setattr(pool, "_CGROUPS", cgroups)

    def limit(line, folder, limit_name, usage_name, limit_bytes, cached_name):
        (proc / "self/cgroup").write_text(line)
        place = cgroups / folder
        place.mkdir(parents=True)
        (place / limit_name).write_text(f"{limit_bytes}\n")
        (place / usage_name).write_text(f"{3 * GIB}\n")
        (place / "memory.stat").write_text(f"anon 5\n{cached_name} {GIB}\n")

    return limit


def test_without_a_control_group_the_system_tells(machine):
    assert available_memory() == 16 * GIB


@pytest.mark.parametrize("folder", ["job/step", "job", "."])
def test_a_limit_of_a_control_group_or_one_above_it_counts(machine, folder):
    machine("0::/job/step\n", folder, "memory.max", "memory.current", 5 * GIB, "inactive_file")
    assert available_memory() == 3 * GIB


def test_the_first_version_of_control_groups_counts_too(machine):
    line = "5:cpu:/a\n4:memory,other:/job\n"
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
    machine(line, "memory/job", *names, 4 * GIB, "total_inactive_file")
    assert available_memory() == 2 * GIB


def test_no_limit_is_none(machine):
    machine("0::/job\n", "job", "memory.max", "memory.current", "max", "inactive_file")
    assert available_memory() == 16 * GIB


def test_where_nothing_tells_it_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "_PROC", tmp_path)
    assert available_memory() is None
    assert default_workers(16384) >= 1


def test_little_memory_means_few_workers(machine, monkeypatch):
    monkeypatch.setattr(pool.os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert default_workers() == default_workers(64) == 64
    assert default_workers(4096) == 16
    machine("0::/job\n", "job", "memory.max", "memory.current", 2 * GIB + GIB // 2, "inactive_file")
    assert default_workers(4096) == 2
    assert default_workers(16384) == 1


def test_when_the_pool_ends_with_an_error_nothing_is_still_at_work(monkeypatch):
    monkeypatch.setattr(pool, "_GRACE_SECONDS", 300)  # on a busy machine
    begun, ended = [], []

    def work(task: int, stopping: threading.Event) -> int:
        begun.append(task)
        if task:
            stopping.wait()
            time.sleep(0.05)  # as it takes to remove a file that is half written
        ended.append(task)
        return task

    def begin_and_fail():
        with OrderedPool(work, 2) as workers:
            assert next(workers.map(range(9))) == 0
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin_and_fail()
    assert 0 < len(begun) <= 3
    assert sorted(begun) == sorted(ended)


_INTERRUPTED = """
import os, random, signal, time
import fractalgen.pool
from fractalgen.pool import OrderedPool

fractalgen.pool._GRACE_SECONDS = 200  # on a busy machine
signal.signal(signal.SIGALRM, signal.default_int_handler)
chance, n_interrupted = random.Random(0), 0
for _ in range(200):
    begun, ended = [], []

    def work(task, stopping):
        begun.append(task)
        time.sleep(0.003)
        ended.append(task)

    try:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, 1e-3))
        with OrderedPool(work, 4) as pool:
            list(pool.map(range(20)))
        time.sleep(0.1)  # where the interpreter swallowed it, or its threads began late
    except (KeyboardInterrupt, RuntimeError):  # "release unlocked lock", in one of Python's
        n_interrupted += 1
        assert sorted(begun) == sorted(ended)
    signal.setitimer(signal.ITIMER_REAL, 0)
assert n_interrupted > 100
os._exit(0)  # like the command line: Python may have left a lock behind, for which threads wait
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX timers")
def test_after_a_ctrl_c_at_any_moment_nothing_is_still_at_work():
    command = [sys.executable, "-c", _INTERRUPTED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
