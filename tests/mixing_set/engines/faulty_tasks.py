"""Tasks that go wrong on the machines of a cluster, for the tests of engines.

They leave files in a folder, so that the tests know what happens where, and wait for ``go`` there.
"""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from fractalgen.families import FAMILIES
from fractalgen.mixing_set.engines import ray_cluster, ray_machines

PATIENCE = (
    (ray_machines, "_ANSWER_SECONDS"),
    (ray_machines, "_HEALTH_SECONDS"),
    (ray_machines, "_PROBE_SECONDS"),
    (ray_cluster, "_STOP_SECONDS"),
)
"""How long Ray and its machines have for an answer."""

POISONED = 3
"""The image of the family ``poisoned`` that cannot be drawn."""


def register_poisoned():
    """Add the family in this process."""
    if "poisoned" in FAMILIES:
        return

    class Poisoned(FAMILIES["ifs"]):
        name: ClassVar[str] = "poisoned"

        def render(self, params, size):
            from fractalgen.families import sample

            if params == sample("poisoned", index=POISONED).params:
                raise ZeroDivisionError("poisoned")
            return super().render(params, size)

    FAMILIES.add("poisoned", Poisoned)


def unregister_poisoned():
    FAMILIES._entries.pop("poisoned", None)


@dataclass(frozen=True)
class Faulty:
    """A task that a fault meets when some of its images have been stored."""

    task: Any
    number: int
    fault: str
    events: Path

    @property
    def family(self):
        register_poisoned()  # a worker asks for this first
        return self.task.family

    @property
    def location(self):
        return self.task.location

    def planned(self):
        return self.task.planned()

    def keys(self):
        return self.task.keys()

    def store(self, images):
        return self.task.store(self._until_the_fault(images))

    def _until_the_fault(self, images):
        for nth, image in enumerate(images):
            yield image
            if nth == 1:
                getattr(self, f"_{self.fault}")()

    def _none(self):
        pass

    def _pause(self):
        """Wait for the test, except in the first task."""
        if self.number:
            import ray

            node = ray.get_runtime_context().get_node_id()
            (self.events / f"{self.number}-{os.getpid()}-{node}").touch()
            while not (self.events / "go").exists():
                time.sleep(0.05)

    def _linger(self):
        """Wait for the test, and until the next look at what it says, except in the first task."""
        if self.number:
            self._pause()
            time.sleep(ray_cluster._LOOK_SECONDS)

    def _kill(self):
        """Task 1 kills its process each time."""
        if self.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    def _full(self):
        """Task 1 finds the disk full each time, task 2 once."""
        (self.events / f"{self.number}-{time.monotonic_ns()}").touch()
        if self.number == 1 or (self.number == 2 and len(self.tries(2)) == 1):
            raise OSError(28, "No space left on device", "shard")

    def tries(self, number):
        return list(self.events.glob(f"{number}-*"))


@dataclass(frozen=True)
class FaultyEngine:
    """An engine whose tasks meet a fault."""

    engine: Any
    fault: str
    events: Path

    def run(self, recipe, tasks, on_drawn=None):
        faulty = [Faulty(task, i, self.fault, self.events) for i, task in enumerate(tasks)]
        return self.engine.run(recipe, faulty, on_drawn)
