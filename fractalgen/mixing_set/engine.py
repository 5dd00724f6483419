"""Draw the images of a recipe on this machine."""

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fractalgen.color.gray import in_gray
from fractalgen.families import FAMILIES, render
from fractalgen.families.base import ImageSpec
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
        self._pool: OrderedPool[Sequence[Key], list[Record]] | None = None

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

            def draw_some(keys: Sequence[Key], stopping: threading.Event) -> list[Record]:
                compilation.wait_for(name_of[keys[0][0]])
                return _draw(recipe, keys, write, stopping)

            with OrderedPool(draw_some, n_workers) as self._pool:
                for records in self._pool.map(_batches(recipe, keys)):
                    yield from records

    def stop(self) -> list[Record]:
        """Stop at once, and return records of images that are in place."""
        return list(itertools.chain.from_iterable(self._pool.stop())) if self._pool else []


def _family_name(recipe: Recipe, folder: str) -> str:
    found = recipe.family_of(folder)
    return found.name if found else folder


def _batches(recipe: Recipe, keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    """Split keys, sorted by family, into those that are drawn together."""
    for folder, group in itertools.groupby(keys, key=lambda key: key[0]):
        family = recipe.family_of(folder)
        n: int = getattr(family.family, "batch_size", lambda: 1)() if family else 1
        own = list(group)
        yield from (own[start : start + n] for start in range(0, len(own), n))


def _draw(
    recipe: Recipe, keys: Sequence[Key], write: Write, stopping: threading.Event
) -> list[Record]:
    """Draw images of a family, write their files and return their records.

    Raises Stopped if the pool stops before the first file is written.
    """
    specs = []
    for key in keys:
        if stopping.is_set():
            raise Stopped
        specs.append(recipe.spec(*key))
    if stopping.is_set():
        raise Stopped
    records: list[Record] = []
    for key, spec, rgb in zip(keys, specs, _rendered(recipe, specs), strict=True):
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
            if records:
                break
            raise Stopped
        write(record.file, data)
        records.append(record)
    return records


def _rendered(recipe: Recipe, specs: Sequence[ImageSpec]) -> Iterator[NDArray[np.uint8]]:
    kind: Any = FAMILIES[specs[0].family]
    if not hasattr(kind, "render_batch"):
        yield from (render(spec, size=recipe.size) for spec in specs)
        return
    for rgb in kind().render_batch([spec.params for spec in specs], recipe.size):
        yield in_gray(rgb) if recipe.gray else rgb
