"""How an engine's speed and memory grow.

- Images per second of Ray with one and two workers, and of threads, in turn on this machine, and
  per second of processor time, of all processes together. Ray's start is not counted.
- The most memory of a build's process for 10^4 to 10^6 planned images of a family, and 10^4 to
  10^7 of classes, in shards of 1,000. Drawing is stubbed out: a task stores nothing and reports its
  shard as stored.

Run it as ``python -m benchmarks.scale [speed|memory]``.
"""

import contextlib
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.timing import seconds
from fractalgen.mixing_set.building.build import build
from fractalgen.mixing_set.engines.local import LocalEngine
from fractalgen.mixing_set.engines.ray_cluster import RayEngine
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.task import StoredShard, Task

FAMILY = "ifs"
N = 3000
SHARD_SIZE = 250
N_RUNS = 2
COUNTS = (10_000, 100_000, 1_000_000)
CLASSES = ((10, 1000), (1000, 1000), (2000, 5000))  # and instances of each


def speed():
    """Print a row for each number of workers."""
    import ray

    recipe = Recipe(256, families=[FamilyRecipe.of(FAMILY, N)])
    print("workers  threads/s  Ray/s  efficiency  ... per processor second")
    for workers in (1, 2):
        ray.init(
            address="local",
            num_cpus=workers,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="CRITICAL",
        )
        walls, cpus = {"threads": [], "ray": []}, {"threads": [], "ray": []}
        for run in range(N_RUNS + 1):  # the first run starts Ray's processes
            for name, engine in (("threads", LocalEngine(workers)), ("ray", RayEngine())):
                with tempfile.TemporaryDirectory() as out:

                    def draw(out=out, engine=engine):
                        build(recipe, Path(out) / "set", shard_size=SHARD_SIZE, engine=engine)

                    before = processor_seconds()
                    wall = seconds(draw)
                    if run:
                        walls[name].append(wall)
                        cpus[name].append(processor_seconds() - before)
        ray.shutdown()
        fastest = {name: min(times) for name, times in walls.items()}
        leanest = {name: min(times) for name, times in cpus.items()}
        print(
            f"{workers:7}  {N / fastest['threads']:9.0f}  {N / fastest['ray']:5.0f}  "
            f"{fastest['threads'] / fastest['ray']:10.2f}  "
            f"{leanest['threads'] / leanest['ray']:.2f}",
            {name: [round(t, 1) for t in times] for name, times in walls.items()},
            flush=True,
        )


def processor_seconds():
    """Return the processor time of this process and its children so far."""
    this = psutil.Process()
    total = 0.0
    for process in (this, *this.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


@dataclass(frozen=True)
class Stub:
    """A task without its drawing."""

    task: Task[Any]

    @property
    def family(self):
        return self.task.family

    @property
    def location(self):
        return self.task.location

    def planned(self):
        return self.task.planned()

    def keys(self):
        return self.task.keys()[:1]

    def store(self, images):
        shard = self.task.shard
        return [StoredShard(shard.number, shard.family, shard.n, 1)]


class StubEngine:
    """Ray without drawing."""

    def run(self, recipe, tasks, on_drawn=None):
        return RayEngine().run(recipe, [Stub(task) for task in tasks], on_drawn)


def memory():
    """Print a row for each number of planned images, each measured in a process of its own."""
    print("images      classes  shards  most memory of the driver")
    for counts in (*((n,) for n in COUNTS), *CLASSES):
        command = [sys.executable, "-m", "benchmarks.scale", "one", *map(str, counts)]
        subprocess.run(command, check=True)


def one(*counts):
    """Print a row for a number of images, or of classes and of instances of each."""
    families = [FamilyRecipe.of(FAMILY, *counts)]
    if len(counts) == 2:
        families = [FamilyRecipe.of_classes(FAMILY, *counts)]
    with tempfile.TemporaryDirectory() as out:
        summary = build(
            Recipe(256, families=families), Path(out) / "set", shard_size=1000, engine=StubEngine()
        )
    n = summary.n_images
    assert (summary.failed, summary.n_drawn) == ((), n)
    n_classes = counts[0] if len(counts) == 2 else 0
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    row = f"{n:<10,}  {n_classes:<7,}  {n // 1000:<6,}  {kilobytes / 1024:.0f} MiB"
    print(f"{row}  ({summary.seconds:.0f} s)", flush=True)


if __name__ == "__main__":
    chosen = sys.argv[1:] or ["speed", "memory"]
    if chosen[0] == "one":
        one(*map(int, chosen[1:]))
    for name in chosen:
        {"speed": speed, "memory": memory}.get(name, lambda: None)()
