"""The cache of compiled kernels, which several processes fill at once."""

import json
import os
import subprocess
import sys

import pytest

from fractalgen.kernels.jit import _config

KERNEL = """
from fractalgen.kernels.jit import kernel

@kernel
def twice(x):
    return x + x
"""

# Each waits for the other when it is about to write the index of the cached functions. It does not
# wait for ever: one that must not write yet does not come that far.
COMPILE = """
import os, sys, time
from pathlib import Path

mine, other = map(Path, sys.argv[2:4])

def wait(event, arguments):
    if event == "open" and ".nbi.tmp." in str(arguments[0]) and not mine.exists():
        mine.touch()
        end = time.monotonic() + 2
        while not other.exists() and time.monotonic() < end:
            time.sleep(0.001)

sys.addaudithook(wait)
from kernel import twice
print(twice(eval(sys.argv[1])))
"""

USE = """
import json
from kernel import twice
found = [twice(2), twice(2.5)]
print(json.dumps([found, sum(twice.stats.cache_misses.values())]))
"""


KEEP_FROM_SAVING = """
from pathlib import Path
from kernel import twice
(Path(twice._cache.cache_path) / "saving.lock").mkdir(parents=True)
print(twice(2))
"""


@pytest.mark.skipif(_config.DISABLE_JIT, reason="compiles")
def test_a_kernel_that_cannot_be_saved_still_runs(tmp_path):
    (tmp_path / "kernel.py").write_text(KERNEL)
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("NUMBA_CACHE_DIR", None)
    command = [sys.executable, "-c", KEEP_FROM_SAVING]
    assert subprocess.check_output(command, cwd=tmp_path, env=environment, text=True) == "4\n"


@pytest.mark.skipif(_config.DISABLE_JIT, reason="compiles")
def test_processes_that_compile_a_kernel_at_once_lose_and_mix_up_nothing(tmp_path):
    (tmp_path / "kernel.py").write_text(KERNEL)
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("NUMBA_CACHE_DIR", None)

    def start(code, *arguments):
        return subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    marks = [tmp_path / "one", tmp_path / "other"]
    both = [start(COMPILE, "2", *marks), start(COMPILE, "2.5", *marks[::-1])]
    assert [one.communicate()[0] for one in both] == ["4\n", "5.0\n"]
    assert json.loads(start(USE).communicate()[0]) == [[4, 5.0], 0]
    # As Numba alone can leave it.
    first, second = (tmp_path / "cache").rglob("*.nbc")
    first.rename(tmp_path / "swapped")
    second.rename(first)
    (tmp_path / "swapped").rename(second)
    assert json.loads(start(USE).communicate()[0]) == [[4, 5.0], 2]
    assert json.loads(start(USE).communicate()[0]) == [[4, 5.0], 0]
