import os
import subprocess
import sys

# What takes long is done between "start" and "end".
WORKER = """
import os, time
from fractalgen.kernels.jit import one_process_compiles
for _ in range(2):
    with one_process_compiles("test"):
        with open("log", "a") as log:
            print(os.getpid(), flush=True, file=log)
            time.sleep(0.3)
            print(os.getpid(), flush=True, file=log)
"""


def test_processes_that_start_together_compile_one_after_the_other(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DISABLE_JIT": "0"}
    command = [sys.executable, "-c", WORKER]
    workers = [subprocess.Popen(command, cwd=tmp_path, env=environment) for _ in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    lines = (tmp_path / "log").read_text().split()
    assert len(lines) == 12
    assert lines[0] == lines[1]  # nobody else ran while the first one compiled
    assert len(list(tmp_path.glob("test-*.compiled"))) == 1
