"""Draw the images of a recipe on this machine."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from fractalgen.families import render
from fractalgen.families.compilation import Compilation, n_compilations
from fractalgen.images.formats import FORMATS, encode
from fractalgen.mixing_set.keys import Key, image_file
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.mixing_set.record import Record, params_text
from fractalgen.pool import OrderedPool, Stopped, default_workers

__all__ = ["Engine", "LocalEngine", "Write"]

Write = Callable[[str, bytes], None]
"""Writes an image's file, given its path within the set and its contents."""


class Engine(Protocol):
    """Draws the images of a build."""

    def draw(self, recipe: Recipe, keys: Sequence[Key], write: Write) -> Iterator[Record]:
        """Draw images and write their files; yield the record of each that is in place."""

    def stop(self) -> list[Record]:
        """Stop at once, and return records of images that are in place.

        Records that `draw` has yielded may be among them.
        """


class LocalEngine:
    """Draws images in threads of this process, while other processes compile the kernels.

    Parameters
    ----------
    workers : int or None
        Number of threads; None for one per CPU core, or fewer if memory is short.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers
        self._pool: OrderedPool[Key, Record] | None = None

    def draw(self, recipe: Recipe, keys: Sequence[Key], write: Write) -> Iterator[Record]:
        """Draw images and write their files; yield the record of each that is in place."""
        if not keys:
            return
        n_workers = min(self._workers or default_workers(recipe.size), len(keys))
        # Families whose kernels are compiled first are drawn first.
        name_of = {folder: _family_name(recipe, folder) for folder in {key[0] for key in keys}}
        families = sorted(set(name_of.values()), key=n_compilations)
        keys = sorted(keys, key=lambda key: families.index(name_of[key[0]]))
        with Compilation(families, n_workers) as compilation:

            def draw_one(key: Key, stopping: threading.Event) -> Record:
                compilation.wait_for(name_of[key[0]])
                return _draw(recipe, key, write, stopping)

            with OrderedPool(draw_one, n_workers) as self._pool:
                yield from self._pool.map(keys)

    def stop(self) -> list[Record]:
        """Stop at once, and return records of images that are in place."""
        return self._pool.stop() if self._pool else []


def _family_name(recipe: Recipe, folder: str) -> str:
    found = recipe.family_of(folder)
    return found.name if found else folder


def _draw(recipe: Recipe, key: Key, write: Write, stopping: threading.Event) -> Record:
    """Draw an image, write its file and return its record; raise Stopped if the pool stops."""
    if stopping.is_set():
        raise Stopped
    spec = recipe.spec(*key)
    if stopping.is_set():
        raise Stopped
    rgb = render(spec, size=recipe.size)
    data = encode(rgb, recipe.format, gray=recipe.gray)
    record = Record(
        image_file(*key, FORMATS[recipe.format]),
        recipe.size,
        recipe.size,
        len(data),
        hashlib.sha256(rgb.data).hexdigest(),
        hashlib.sha256(data).hexdigest(),
        recipe.seed,
        spec.attempt,
        params_text(spec.params),
        class_family=None if spec.class_ is None else spec.family,
        gray=spec.gray,
    )
    if stopping.is_set():
        raise Stopped
    write(record.file, data)
    return record
