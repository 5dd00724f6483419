"""Corrupted images: made here by suites, or published."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["SEVERITIES", "Corruption", "Suite"]

SEVERITIES = (1, 2, 3, 4, 5)


class Corruption(Protocol):
    """Test images with one corruption at five severities; `len` counts all of them."""

    @property
    def name(self) -> str:
        """The corruption's name."""

    def __len__(self) -> int: ...

    def batches(self, batch_size: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Yield images (batch, size, size, 3) and labels (batch,).

        All at severity 1 come first, then all at severity 2, and so on, equally many of each.
        """


@dataclass(frozen=True)
class Suite:
    """Corruptions that are made here.

    Attributes
    ----------
    source : str
        What the table calls images of this suite.
    names : tuple of str
        Its corruptions.
    corrupt : callable
        Called as ``corrupt(images, indices, name, severity, seed)`` with images, uint8 of shape
        (n, size, size, 3), whose places in the data set are `indices`. A result depends on its
        image, its index and the last three arguments alone. A function of a module, so that
        worker processes find it.
    distributions : tuple of str
        The Python distributions on which the pixels depend; those that are installed count.
    start_worker : callable
        Called in each worker process before it corrupts images.
    version : int
        Counts up when the same arguments and distributions give other pixels.
    """

    source: str
    names: tuple[str, ...]
    corrupt: Callable[[NDArray[np.uint8], NDArray[np.int64], str, int, int], NDArray[np.uint8]]
    distributions: tuple[str, ...]
    start_worker: Callable[[], None]
    version: int
