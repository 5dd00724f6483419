"""A set in shards that is built: which of them are missing, and how they are added or removed."""

import contextlib
import random
import tarfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from fractalgen.bank.folder import CLASSES_FILE, MANIFEST_FILE, SET_FILE
from fractalgen.bank.shards import (
    complete_shards,
    index_file,
    shard_file,
)
from fractalgen.errors import DamagedSetError, SetError
from fractalgen.files.atomic import remove_leftovers
from fractalgen.files.location import Location, make_folder
from fractalgen.files.lock import locked, remove_lock
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.keys import parse_image_file
from fractalgen.mixing_set.recipes.part import WHOLE, Part
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.class_list import class_list
from fractalgen.mixing_set.stores.description import Description
from fractalgen.mixing_set.stores.family_summary import FamilySummary
from fractalgen.mixing_set.stores.shard_plan import DEFAULT_SHARD_SIZE, ShardPlan
from fractalgen.mixing_set.stores.shard_set import ShardSet
from fractalgen.mixing_set.stores.task import ShardTask, StoredShard

__all__ = ["ShardStore"]

# Takes nothing from the caller's random stream, which may be the same in two builds.
_CHANCE = random.SystemRandom()


class ShardStore(ShardSet):
    """A set in shards, to build.

    Parameters
    ----------
    location : Location
        Where the set lies. Nothing is read until `read` or `read_to_add`.
    shard_size : int or None
        Number of images per shard of a new set; None for 1,000.
    """

    is_shared: ClassVar[bool] = True

    def __init__(self, location: Location, shard_size: int | None = None) -> None:
        super().__init__(location)
        self._shard_size = shard_size
        self._added: list[StoredShard] = []
        self._made_folder = False

    @property
    def is_new(self) -> bool:
        """Whether no release has drawn any of the images, nor is another build about to."""
        return self.description is None

    def make_folder(self) -> None:
        """Create the folder if there is to be one; SetError if a file has its name."""
        if self.folder:
            self._made_folder = make_folder(self.folder)

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Hold the folder's lock; an object store has none, and two builds do no harm there."""
        folder = self.location.folder
        if folder is None:
            return contextlib.nullcontext()
        return self._locked_and_clean(folder)

    @contextlib.contextmanager
    def _locked_and_clean(self, folder: Path) -> Iterator[None]:
        with locked(folder):
            remove_leftovers(folder)
            yield

    def read_to_add(self, *, overwrite: bool) -> None:
        """Read ``set.json``, which need not exist.

        With `overwrite`, it counts as missing if it is damaged.

        Raises
        ------
        SetError
            If it is damaged, if another kind of set is there, or if there are shards without it.
        """
        try:
            self.read()
        except DamagedSetError:
            if not overwrite:
                raise
        if self.description is None:
            self._check_undescribed(overwrite=overwrite)
        elif self.description.shards is None:
            raise SetError(f"{self.name} is a set in folders, not in shards; use another folder")
        elif self._shard_size not in (None, self.plan.size):
            raise SetError(
                f"{self.name} has {self.plan.size:,} images per shard, not {self._shard_size:,}; "
                "leave out --shard-size, or use another folder"
            )

    def _check_undescribed(self, *, overwrite: bool) -> None:
        names = self.location.sizes()
        if MANIFEST_FILE in names:
            raise SetError(
                f"{self.name} has a {MANIFEST_FILE}, so it is not a set in shards; use another "
                "folder"
            )
        if not overwrite and any(name.startswith("shard-") for name in names):
            raise SetError(
                f"{self.name} has shards but no {SET_FILE}; use another folder, or --overwrite to "
                "start over"
            )

    def shards_of(self, recipe: Recipe, replaced: Collection[str]) -> ShardPlan:
        """Plan the shards of a recipe: those that are planned already, and new ones."""
        new = ShardPlan(self._shard_size or DEFAULT_SHARD_SIZE)
        plan = self.plan if self.description else new
        return plan.without(replaced).extended(recipe)

    def describe(self, description: Description) -> None:
        """Write ``set.json`` and ``classes.jsonl`` if they change.

        The list is removed if classes are given up.
        """
        if description == self.description:
            return
        if description.recipe.has_classes:
            self._write_classes(description.recipe)
        elif self.recipe and self.recipe.has_classes:
            self.location.remove(CLASSES_FILE)
        with self.location.writing(SET_FILE) as file:
            file.write(description.as_bytes())
        self.description = description

    def abandon(self) -> None:
        """Remove the description of a set in which nothing was drawn, and the folder made for it.

        An object store has no lock, and another build may have begun, so nothing is removed there.
        """
        if self.folder and not any(name.startswith("shard-") for name in self.location.sizes()):
            self.location.remove(SET_FILE)
            self.location.remove(CLASSES_FILE)
            self.description = None
            remove_lock(self.folder, and_folder=self._made_folder)

    def list_classes(self) -> None:
        """Write ``classes.jsonl`` if the set has classes and the list is missing or altered."""
        if self.recipe and self.fault_of_class_list():
            self._write_classes(self.recipe)

    def _write_classes(self, recipe: Recipe) -> None:
        with self.location.writing(CLASSES_FILE) as file:
            file.write(class_list(recipe))

    def tasks(self, planned: Description, requested: Recipe, part: Part = WHOLE) -> list[ShardTask]:
        """Return the drawing of the requested families' shards that are missing or short.

        Where there is no lock, the order is random: two builds that go through the shards in the
        same order would both draw all of them, and these draw each other's last few alone.
        """
        names = self.location.sizes()
        stored = complete_shards(names)
        tasks = [
            ShardTask(self.location, shard, index_file(shard.number, short=True) in names)
            for shard in part.of(planned.shards or ())
            if requested.family(shard.family)
            and not shard.images.collected
            and stored.get(shard.number, True)
        ]
        if self.location.folder is None:
            _CHANCE.shuffle(tasks)
        return tasks

    @contextlib.contextmanager
    def adding(self) -> Iterator[None]:
        """Do nothing: a shard is recorded by its index."""
        yield

    def add(self, stored: StoredShard) -> int:
        """Note a shard that a task stored; return the number of its images."""
        self._added.append(stored)
        return stored.n_images

    def make_ready(
        self, recipe: Recipe, requested: Recipe | None = None, replaced: Collection[str] = ()
    ) -> None:
        """Remove shards whose sizes say that they are damaged.

        Their tar files are gone, or don't have a whole number of records, or their indexes are
        empty. Others that are damaged are left to `verify`, which reads them; so are those of
        collected images, which cannot be drawn again.
        """
        if self.description is None:
            return
        sizes = self.location.sizes()
        stored = complete_shards(sizes)
        for shard in self.plan:
            index = index_file(shard.number)
            is_cut = shard.number in stored and (
                sizes[shard.file] % tarfile.RECORDSIZE != 0 or sizes.get(index) == 0
            )
            is_gone = shard.file not in sizes and index in sizes
            if is_gone or (is_cut and not shard.images.collected):
                self.remove_shards([shard.number])

    def n_missing(self, recipe: Recipe) -> int:
        """Return the number of images in planned shards of a recipe's families not there."""
        stored = self.stored()
        missing = (shard for shard in self.plan if shard.number not in stored)
        return sum(shard.n for shard in missing if recipe.family(shard.family))

    def remove_all(self) -> None:
        """Remove every shard and index, indexes first."""
        names = [name for name in self.location.sizes() if name.startswith("shard-")]
        for name in sorted(names, key=lambda name: name.endswith(".tar")):
            self.location.remove(name)

    def remove(self, families: Collection[str]) -> int:
        """Remove the shards of families; return their number of images.

        Without a description, every shard is removed, and none is counted.
        """
        if self.description is None:
            self.remove_all()
            return 0
        stored, names = self.stored(), self.location.sizes()
        gone = [shard for shard in self.plan if shard.family in families]
        # A tar file without an index, which a killed build left, goes too.
        self.remove_shards(shard.number for shard in gone if shard.file in names)
        return sum(shard.n for shard in gone if shard.number in stored)

    def parts_of(self, files: Collection[str]) -> Iterator[FamilyRecipe]:
        """Yield the drawn images of the shards that are or have some of the files."""
        wanted = set(files)
        drawn = (shard for shard in self.plan if not shard.images.collected)
        yield from (shard.images for shard in drawn if shard.file in wanted)
        for file in files:
            with contextlib.suppress(ValueError):
                found = self.plan.find(parse_image_file(file))
                if found and not found.images.collected:
                    yield found.images

    def forget(self, files: Collection[str]) -> None:
        """Remove those of the files that are shards of drawn images."""
        gone = set(files)
        drawn = (shard for shard in self.plan if not shard.images.collected)
        self.remove_shards(shard.number for shard in drawn if shard.file in gone)

    def collected_among(self, files: Collection[str]) -> tuple[str, ...]:
        """Return those of the files that are shards of collected images, which no build draws."""
        wanted = set(files)
        collected = (shard for shard in self.plan if shard.images.collected)
        return tuple(shard.file for shard in collected if shard.file in wanted)

    def remove_shards(self, numbers: Iterable[int]) -> None:
        """Remove shards, each with its index first."""
        for number in numbers:
            for short in (False, True):
                self.location.remove(index_file(number, short=short))
            self.location.remove(shard_file(number))

    def family_summaries(self, requested: Recipe, part: Part = WHOLE) -> Iterator[FamilySummary]:
        """Count the images in planned shards by family: those that were added, and those before."""
        sizes = self.location.sizes()
        complete = {number for number, short in complete_shards(sizes).items() if not short}
        kept = complete - {shard.number for shard in self._added}  # or drawn by another build
        planned = [shard for shard in part.of(self.plan) if requested.family(shard.family)]
        for name in dict.fromkeys(shard.family for shard in planned):
            own = [shard for shard in planned if shard.family == name]
            added = [shard for shard in self._added if shard.family == name]
            n_added = sum(shard.n_images for shard in added)
            n_attempts = sum(shard.n_attempts for shard in added)
            yield FamilySummary(
                name,
                sum(shard.n for shard in own),
                n_added,
                sum(shard.n for shard in own if shard.number in kept),
                n_added / n_attempts if n_attempts else None,
                sum(sizes.get(shard.file, 0) for shard in own),
                collected=own[0].images.collected,
            )
