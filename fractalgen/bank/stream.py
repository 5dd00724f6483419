"""Windows of a sharded set that is too large for the disk, one after the other and in memory."""

import contextlib
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from fractalgen.bank.batches import batches
from fractalgen.bank.file import Contents
from fractalgen.bank.folder import content_key
from fractalgen.bank.sharded import ImagesInShards, Packed, ShardList
from fractalgen.bank.source import Source
from fractalgen.errors import BankError, UnreadableImagesError
from fractalgen.pool import Stopped
from fractalgen.seeding import rng_for

__all__ = ["windows"]


def windows(
    shards: ShardList, size: int, buffer: int, seed: int, *, skip_unreadable: bool, workers: int
) -> Generator[tuple[NDArray[np.uint8], Contents], None, None]:
    """Yield images and what they are, without an end; see `fractalgen.MixingSet.stream`.

    A thread prepares the next window while the caller uses the last one.
    """
    stopping = threading.Event()

    def prepared() -> Iterator[tuple[NDArray[np.uint8], Contents]]:
        for packed in _cut(shards, buffer, seed, stopping):
            source = ImagesInShards(shards, packed)
            yield _decoded(source, size, workers, stopping, skip_unreadable=skip_unreadable)

    coming = prepared()
    with ThreadPoolExecutor(1, "fractalgen-stream") as thread:
        try:
            future = thread.submit(next, coming)
            while True:
                window = future.result()
                future = thread.submit(next, coming)
                yield window
        finally:
            stopping.set()


def _cut(
    shards: ShardList, buffer: int, seed: int, stopping: threading.Event
) -> Iterator[list[Packed]]:
    """Yield the images of windows, pass by pass; the last two windows of a pass are alike."""
    n_passes = 0
    while True:
        pending: list[Packed] = []
        is_empty = True
        for number in rng_for(seed, "order of shards", n_passes).permutation(shards.numbers):
            if stopping.is_set():
                raise Stopped
            pending += shards.images_of(int(number))
            while len(pending) >= 2 * buffer:
                yield pending[:buffer]
                del pending[:buffer]
                is_empty = False
        if is_empty and not pending:
            raise BankError(f"the shards in {shards.location.name} hold no images")
        if len(pending) > buffer:
            half = (len(pending) + 1) // 2
            yield pending[:half]
            del pending[:half]
        if pending:
            yield pending
        n_passes += 1


def _decoded(
    source: Source, size: int, workers: int, stopping: threading.Event, *, skip_unreadable: bool
) -> tuple[NDArray[np.uint8], Contents]:
    images = source.images
    pixels = np.empty((len(images), size, size, 3), np.uint8)
    found: dict[int, str] = {}
    with contextlib.closing(batches(source, size, workers)) as decoded:
        for batch in decoded:
            if stopping.is_set():
                raise Stopped
            pixels[batch.rows] = batch.pixels
            found.update(batch.refused)
    refused = tuple((images[row].name, found[row]) for row in sorted(found))
    if refused and not skip_unreadable:
        raise UnreadableImagesError(source.name, refused)
    if len(refused) == len(images):
        raise BankError(f"none of {len(images):,} images in {source.name} can be read")
    kept = [row for row in range(len(images)) if row not in found]
    for place, row in enumerate(kept):
        if place != row:  # without a copy of the window
            pixels[place] = pixels[row]
    pixels = pixels[: len(kept)]
    pixels.flags.writeable = False
    names = tuple(images[row].name for row in kept)
    return pixels, Contents(content_key(images), size, names, refused)
