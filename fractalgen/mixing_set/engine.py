"""Draw the images of a recipe: what an engine does, and the one that uses this machine."""

import hashlib
import itertools
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.color.gray import in_gray
from fractalgen.errors import FractalgenError
from fractalgen.families import FAMILIES, render
from fractalgen.families.base import ImageSpec
from fractalgen.families.compilation import Compilation, n_compilations
from fractalgen.images.formats import FORMATS, encode
from fractalgen.mixing_set.keys import Key, image_file
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.mixing_set.record import Record, params_text
from fractalgen.pool import OrderedPool, Stopped, default_workers

__all__ = ["Drawn", "Engine", "Failure", "LocalEngine", "Task"]

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_MAX_BYTES_AHEAD = 32 << 20  # of images drawn by one thread that are not yet stored
_MAX_AHEAD = 16


OnDrawn = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Drawn:
    """An image that was drawn: its record, and the contents of its file."""

    record: Record
    data: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """An image that could not be drawn.

    Attributes
    ----------
    file : str
        Its path within the set.
    reason : str
        The exception's type and text.
    params : str or None
        The parameters as JSON text; None if sampling them failed.
    """

    file: str
    reason: str
    params: str | None = None


class Task(Protocol[R_co]):
    """Some images of one family, and where they are stored. It can be pickled."""

    @property
    def family(self) -> str:
        """The family's name."""

    def keys(self, recipe: Recipe) -> Sequence[Key]:
        """Return the images to draw; none if they are stored already."""

    def store(self, images: Iterable[Drawn | Failure]) -> Iterator[R_co]:
        """Store the images as they come, in the order of the keys; yield what was stored."""


class Engine(Protocol):
    """Draws and stores images. What is stored does not depend on the engine."""

    def run(
        self, recipe: Recipe, tasks: Sequence[Task[R]], on_drawn: OnDrawn | None = None
    ) -> Generator[R, None, None]:
        """Do the tasks in any order; yield what they stored, each once.

        `on_drawn` is called with the number of images drawn since its last call.
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

    def run(
        self, recipe: Recipe, tasks: Sequence[Task[R]], on_drawn: OnDrawn | None = None
    ) -> Generator[R, None, None]:
        """Do the tasks, the families first whose kernels are compiled first."""
        if not tasks:
            return
        n_workers = self._workers or default_workers(recipe.size)
        families = sorted({task.family for task in tasks}, key=n_compilations)
        ordered = sorted(tasks, key=lambda task: families.index(task.family))
        with Compilation(families, n_workers) as compilation:

            def draw_some(
                batch: tuple[str, Sequence[Key]], stopping: threading.Event
            ) -> list[Drawn | Failure]:
                family, keys = batch
                compilation.wait_for(family)
                return _draw(recipe, keys, stopping)

            ahead = max(1, min(_MAX_AHEAD, _MAX_BYTES_AHEAD // (3 * recipe.size**2)))
            begun, planned = itertools.tee(
                (task, keys) for task in ordered if (keys := task.keys(recipe))
            )
            batches = (
                (task.family, some) for task, keys in planned for some in _batches(recipe, keys)
            )
            with OrderedPool(draw_some, n_workers, ahead) as pool:
                images = _counted(pool.map(batches), on_drawn)
                for task, keys in begun:
                    yield from task.store(itertools.islice(images, len(keys)))


def _counted(
    batches: Iterable[list[Drawn | Failure]], on_drawn: OnDrawn | None
) -> Iterator[Drawn | Failure]:
    for batch in batches:
        yield from batch
        if on_drawn:
            on_drawn(len(batch))


def _batches(recipe: Recipe, keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    """Split a family's keys into those that are drawn together."""
    family = recipe.family_of(keys[0][0])
    n: int = getattr(family.family, "batch_size", lambda: 1)() if family else 1
    return (keys[start : start + n] for start in range(0, len(keys), n))


def _draw(recipe: Recipe, keys: Sequence[Key], stopping: threading.Event) -> list[Drawn | Failure]:
    """Draw images of a family; raises Stopped if the pool stops first."""
    found: dict[Key, Drawn | Failure] = {}
    specs: dict[Key, ImageSpec] = {}
    for key in keys:
        if stopping.is_set():
            raise Stopped
        try:
            specs[key] = recipe.spec(*key)
        except Exception as error:
            found[key] = _failure(recipe, key, error)
    if stopping.is_set():
        raise Stopped
    try:
        rendered = dict(zip(specs, _rendered(recipe, list(specs.values())), strict=True))
    except Exception as error:
        if len(keys) > 1:  # one of them is to blame
            return [image for key in keys for image in _draw(recipe, [key], stopping)]
        rendered = {}
        found |= {key: _failure(recipe, key, error, spec) for key, spec in specs.items()}
    found |= {key: _encoded(recipe, key, specs[key], rgb) for key, rgb in rendered.items()}
    return [found[key] for key in keys]


def _encoded(recipe: Recipe, key: Key, spec: ImageSpec, rgb: NDArray[np.uint8]) -> Drawn | Failure:
    try:
        data = encode(rgb, recipe.format, gray=recipe.gray)
    except Exception as error:
        return _failure(recipe, key, error, spec)
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
    return Drawn(record, data)


def _failure(recipe: Recipe, key: Key, error: Exception, spec: ImageSpec | None = None) -> Failure:
    known = isinstance(error, FractalgenError)
    reason = str(error) if known else f"{type(error).__name__}: {error}"
    params = None if spec is None else params_text(spec.params)
    return Failure(image_file(*key, FORMATS[recipe.format]), reason, params)


def _rendered(recipe: Recipe, specs: Sequence[ImageSpec]) -> Iterator[NDArray[np.uint8]]:
    if not specs:
        return
    kind: Any = FAMILIES[specs[0].family]
    if not hasattr(kind, "render_batch"):
        yield from (render(spec, size=recipe.size) for spec in specs)
        return
    for rgb in kind().render_batch([spec.params for spec in specs], recipe.size):
        yield in_gray(rgb) if recipe.gray else rgb
