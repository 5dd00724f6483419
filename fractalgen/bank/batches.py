"""Decode a source's images on several threads, with little memory."""

import contextlib
import threading
from collections.abc import Generator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractalgen.bank.source import Reading, Source
from fractalgen.errors import ImageError
from fractalgen.images.crops import square
from fractalgen.pool import OrderedPool, Stopped

__all__ = ["Batch", "batches"]

_BYTES_IN_FLIGHT = 32 << 20
_TASKS_AHEAD = 4  # per worker
_MAX_PER_TASK = 64


class Batch(NamedTuple):
    """Some of a source's images.

    Attributes
    ----------
    rows : list of int
        Their places among the source's images.
    pixels : ndarray of uint8, shape (n, size, size, 3)
        The decoded images.
    refused : list of (int, str)
        Places of images that cannot be read, and the reasons.
    """

    rows: list[int]
    pixels: NDArray[np.uint8]
    refused: list[tuple[int, str]]


def batches(source: Source, size: int, workers: int) -> Generator[Batch, None, None]:
    """Yield all of a source's images, in the order in which they are stored."""
    in_flight = workers * _TASKS_AHEAD * size * size * 3
    step = min(max(1, _BYTES_IN_FLIGHT // in_flight), _MAX_PER_TASK)

    def decode(part: Sequence[Reading], stopping: threading.Event) -> Batch:
        batch = Batch([], np.empty((len(part), size, size, 3), np.uint8), [])
        for row, read in part:
            if stopping.is_set():
                raise Stopped
            try:
                batch.pixels[len(batch.rows)] = square(read(), size)
                batch.rows.append(row)
            except ImageError as error:
                batch.refused.append((row, str(error)))
        return batch._replace(pixels=batch.pixels[: len(batch.rows)])

    parts = contextlib.closing(source.parts(step))
    with parts as coming, OrderedPool(decode, workers, _TASKS_AHEAD) as pool:
        yield from pool.map(coming)
