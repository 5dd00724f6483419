"""Some images to draw for a store, and what an engine hands back: images, or why there are none."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from fractalgen.files.location import Location
from fractalgen.mixing_set.recipes.keys import Key
from fractalgen.mixing_set.stores.record import Record

__all__ = ["Drawn", "Failure", "Task"]

R_co = TypeVar("R_co", covariant=True)


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
