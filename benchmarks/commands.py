"""How long whole commands take, each in a process of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.timing import Row

RUN = [sys.executable, "-m", "fractalgen"]
PART = "[escape-time]\nn = 600\n[ifs]\nn = 300\n[features]\nn = 400\n"
PARTS = {"escape-time": 600, "ifs": 2000, "features": 2000}
N_RUNS = 5


def least_seconds(*arguments: str, n_runs: int = N_RUNS, **environment: str) -> float:
    """Return the least time of some runs after one to warm up, each into a new folder."""
    took = []
    for run in range(n_runs + 1):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            subprocess.run(
                [*RUN, *arguments],
                check=True,
                cwd=folder,
                env={**os.environ, **environment},
                stdout=subprocess.DEVNULL,
            )
            took.append(time.perf_counter() - start)
        if run == 0 and n_runs > 0:
            took.clear()
    return min(took)


def two_workers(folder: Path, work: str, *command: str) -> Row:
    """Compare one worker with two, in processes that find their kernels compiled.

    Each run has a new folder, and folders go only at the end: ext4 takes ten times as long to make
    a file while it remembers others that were just deleted.
    """
    name = "-".join(work.split())
    took: dict[int, list[float]] = {1: [], 2: []}
    for run in range(3):
        for workers in (1, 2):
            out = folder / f"{name}-{run}-{workers}"
            start = time.perf_counter()
            subprocess.run(
                [*RUN, *command, "--workers", str(workers), "--quiet", str(out)], check=True
            )
            took[workers].append(time.perf_counter() - start)
    one, two = min(took[1]), min(took[2])
    return Row(
        f"{work}, two workers", f"{two:.1f} s", f"one worker, {one:.1f} s", f"{one / two:.2f}x"
    )


def whole_set(folder: Path) -> Row:
    """Draw all 13,000 images in a process that has to compile everything first."""
    import resource

    start = time.perf_counter()
    subprocess.run(
        [*RUN, "build-set", "--quiet", str(folder / "whole")],
        check=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache")},
    )
    took = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return Row(
        "the whole set, 13,000 images, compiling included",
        f"{took:.0f} s, {13_000 / took:.0f} images/s, {peak:.0f} MB at most",
    )


def rows(*, whole: bool) -> list[Row]:
    folder = Path(tempfile.mkdtemp(prefix="fractalgen-benchmark-"))
    try:
        out = [whole_set(folder)] if whole else []
        recipe = folder / "part.toml"
        recipe.write_text(PART)
        out.append(two_workers(folder, "a tenth of the set", "build-set", "--recipe", str(recipe)))
        for family, n in PARTS.items():
            out.append(two_workers(folder, f"{n} {family}", family, "--n", str(n)))
    finally:
        shutil.rmtree(folder)
    out.append(Row("fractalgen --help", f"{least_seconds('--help') * 1e3:.0f} ms"))
    first = least_seconds("escape-time", "--n", "1", "out")
    out.append(Row("the first image of a process, compiled before", f"{first:.2f} s"))
    return out
