"""What an engine does: it draws images, and lets whoever the set belongs to store them."""

from collections.abc import Callable, Generator, Sequence
from typing import Protocol, TypeVar

from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.task import Failure, Task

__all__ = ["Engine", "OnDrawn"]

R = TypeVar("R")

OnDrawn = Callable[[int], None]
"""Called with the number of images drawn since its last call."""


class Engine(Protocol):
    """Draws and stores images. What is stored does not depend on the engine.

    An engine that needs more than this machine can have `prepare()`, which raises an error if that
    is missing, before anything is written.
    """

    def run(
        self, recipe: Recipe, tasks: Sequence[Task[R]], on_drawn: OnDrawn | None = None
    ) -> Generator[R | Failure, None, None]:
        """Do the tasks in any order; yield what they stored, each once.

        `on_drawn` is called with the number of images drawn since its last call.
        """
