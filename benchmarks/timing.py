"""Time two things in turn, so that the machine's drift falls on both."""

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Row", "paired_seconds", "seconds"]


@dataclass(frozen=True)
class Row:
    """One line of the table: what was done, how long it took, and beside what.

    `bits` is the width of the vectors that our kernels were compiled for, 0 where none was timed.
    """

    work: str
    ours: str
    baseline: str = ""
    ratio: str = ""
    bits: int = 0


def seconds(function: Callable[[], object]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def paired_seconds(
    first: Callable[[], object], second: Callable[[], object], n_runs: int
) -> tuple[float, float]:
    """Return the least time of each of two calls, run in turn after one call to warm up."""
    first()
    second()
    pairs = [(seconds(first), seconds(second)) for _ in range(n_runs)]
    return min(a for a, _ in pairs), min(b for _, b in pairs)
