"""The engine that uses this machine alone."""

import itertools
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import TypeVar

from fractalgen.families.compilation import Compilation, n_compilations
from fractalgen.mixing_set.engines.drawing import batches, draw
from fractalgen.mixing_set.engines.engine import OnDrawn
from fractalgen.mixing_set.recipes.keys import Key
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.task import Drawn, Failure, Task
from fractalgen.pool import OrderedPool, default_workers

__all__ = ["LocalEngine"]

R = TypeVar("R")

_MAX_BYTES_AHEAD = 32 << 20  # of images drawn by one thread that are not yet stored
_MAX_AHEAD = 16


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
                return draw(recipe, keys, stopping)

            ahead = max(1, min(_MAX_AHEAD, _MAX_BYTES_AHEAD // (3 * recipe.size**2)))
            begun, planned = itertools.tee(
                (task, keys) for task in ordered if (keys := task.keys())
            )
            work = ((task.family, some) for task, keys in planned for some in batches(recipe, keys))
            with OrderedPool(draw_some, n_workers, ahead) as pool:
                images = itertools.chain.from_iterable(pool.map(work))
                for task, keys in begun:
                    yield from task.store(_counted(itertools.islice(images, len(keys)), on_drawn))


def _counted(
    images: Iterable[Drawn | Failure], on_drawn: OnDrawn | None
) -> Iterator[Drawn | Failure]:
    for image in images:
        yield image
        if on_drawn:
            on_drawn(1)
