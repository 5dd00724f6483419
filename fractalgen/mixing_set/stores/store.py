"""What a stored set is, and a store that builds one: they alone know the names of its files."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Protocol

from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.part import Part
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.description import Description
from fractalgen.mixing_set.stores.family_summary import FamilySummary
from fractalgen.mixing_set.stores.record import Record
from fractalgen.mixing_set.stores.shard_plan import ShardPlan
from fractalgen.mixing_set.stores.task import Task

__all__ = ["Store", "StoredSet"]


class StoredSet(Protocol):
    """A set in a folder or in shards, to read: what a `FolderSet` and a `ShardSet` share.

    Attributes
    ----------
    description : Description or None
        What the set is meant to hold; None if nothing says so.
    """

    description: Description | None

    @property
    def name(self) -> str:
        """The folder or URL, as messages show it."""

    @property
    def folder(self) -> Path | None:
        """The folder of this machine; None for an object store."""

    @property
    def recipe(self) -> Recipe | None:
        """The images that the set should have."""

    def files(self) -> Iterator[str]:
        """Yield the images that are there, as paths within the set."""

    def records_in_order(self) -> Iterator[Record]:
        """Yield the images' records."""

    def read_image(self, file: str) -> bytes:
        """Return an image's file; ImageError if it cannot be read. Safe in several threads."""

    def readers(self, files: Iterable[str]) -> Iterator[Callable[[], bytes]]:
        """Yield what reads each image, in order; ImageError if that is not possible."""


class Store(StoredSet, Protocol):
    """A set in a folder or in shards, to build: what a `FolderStore` and a `ShardStore` share.

    What changes it is called with the lock held, in the order of the methods below.

    Attributes
    ----------
    is_shared : bool
        Whether several builds may draw the set, at once or in turns.
    """

    is_shared: ClassVar[bool]

    def make_folder(self) -> None:
        """Create the folder if there is to be one; SetError if a file has its name."""

    def locked(self) -> AbstractContextManager[None]:
        """Hold the set's lock, if it has one; SetError if another process holds it."""

    def read_to_add(self, *, overwrite: bool) -> None:
        """Read what is there, which may be nothing.

        With `overwrite`, what is damaged counts as missing. Raises SetError if images cannot be
        added to what is there.
        """

    def shards_of(self, recipe: Recipe, replaced: Collection[str]) -> ShardPlan | None:
        """Plan the shards of a recipe, some of whose families are replaced; None without shards."""

    def make_ready(
        self, recipe: Recipe, requested: Recipe | None = None, replaced: Collection[str] = ()
    ) -> None:
        """Look at what is there of a recipe, and remove what a killed build left half-written.

        Raises SetError if images that are requested would overwrite what is not the set's.
        """

    def remove(self, families: Collection[str]) -> int:
        """Remove the images of families, or all if no description says which there are.

        Returns their number.
        """

    def parts_of(self, files: Collection[str]) -> Iterator[FamilyRecipe]:
        """Yield the images of the recipe among which some files are."""

    def forget(self, files: Collection[str]) -> None:
        """Treat files as missing."""

    def tasks(
        self, planned: Description, requested: Recipe, part: Part = ...
    ) -> Sequence[Task[Any]]:
        """Return the drawing of what a part of the requested images lacks."""

    @property
    def is_new(self) -> bool:
        """Whether no release has drawn any of the images."""

    def describe(self, description: Description) -> None:
        """Write the description if it changes."""

    def abandon(self) -> None:
        """Remove the description of a set in which nothing was drawn, and the folder made for it.

        Only where a lock is held: elsewhere another build may have begun.
        """

    def list_classes(self) -> None:
        """Write the list of classes if the set has classes and the list is not there."""

    def adding(self) -> AbstractContextManager[None]:
        """Prepare for `add`, and finish."""

    def add(self, stored: Any) -> int:
        """Record what a task stored; return the number of images."""

    def n_missing(self, recipe: Recipe) -> int:
        """Return the number of images that a recipe draws and that are not there."""

    def family_summaries(self, requested: Recipe, part: Part) -> Iterator[FamilySummary]:
        """Count the requested images by family: those that were added, and those before."""
