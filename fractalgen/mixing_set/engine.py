"""What an engine does: it draws images, and lets whoever the set belongs to store them."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from fractalgen.files.location import Location
from fractalgen.mixing_set.keys import Key
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.mixing_set.record import Record

__all__ = ["Drawn", "Engine", "Failure", "OnDrawn", "Task"]

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

OnDrawn = Callable[[int], None]
"""Called with the number of images drawn since its last call."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """An image that was drawn: its record, and the contents of its file."""

    record: Record
    data: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """An image that could not be drawn, or several that could not be stored.

    Attributes
    ----------
    file : str
        Its path within the set; for several, the first and the last.
    reason : str
        The exception's type and text.
    params : str or None
        The parameters as JSON text; None if sampling them failed, and for several images.
    n_images : int
        Number of images.
    """

    file: str
    reason: str
    params: str | None = None
    n_images: int = 1


class Task(Protocol[R_co]):
    """Some images of one family, and where they are stored. It can be pickled."""

    @property
    def family(self) -> str:
        """The family's name."""

    @property
    def location(self) -> Location:
        """Where the images are stored."""

    def planned(self) -> Sequence[Key]:
        """Return the images."""

    def keys(self) -> Sequence[Key]:
        """Return the images to draw: all of them, or none if they are stored already."""

    def store(self, images: Iterable[Drawn | Failure]) -> Iterator[R_co]:
        """Store the images as they come, in the order of the keys; yield what was stored."""


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
