"""All that one build collects: the sources of some families, and what becomes of the images."""

import contextlib
import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from fractalgen.errors import SetError
from fractalgen.files.downloader import Downloader
from fractalgen.files.urls import without_secrets
from fractalgen.mixing_set.collecting.collect import CollectOptions, collect
from fractalgen.mixing_set.collecting.item import Refusal, Source
from fractalgen.mixing_set.collecting.sources import is_url, open_source
from fractalgen.mixing_set.recipes.keys import parse_image_file
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.folder_store import FolderStore
from fractalgen.pool import Progress

__all__ = ["Collector"]

UNKNOWN_LICENCE = "unknown"


class Collector:
    """Collects into a set's folder.

    Parameters
    ----------
    store : FolderStore
        The set. Its lock is held, and its folders were scanned.
    options : CollectOptions
        How to collect.
    workers : int or None
        Number of threads; None for one per CPU core.
    lost_only : bool
        Collect only images that the set had before.

    Attributes
    ----------
    refused : list of Refusal
        Images and sources that cannot be used.
    near_duplicates : list of (str, str)
        New images that look like another, and that one.
    n_left_out : int
        Number of near duplicates that were left out.
    notes : list of str
        Notes for the user.
    """

    def __init__(
        self,
        store: FolderStore,
        options: CollectOptions,
        workers: int | None,
        *,
        lost_only: bool = False,
    ) -> None:
        self.refused: list[Refusal] = []
        self.near_duplicates: list[tuple[str, str]] = []
        self.n_left_out = 0
        self.notes: list[str] = []
        self._store = store
        self._options = options
        self._workers = workers
        self._lost_only = lost_only
        self._sources: dict[str, list[Source]] = {}

    @contextlib.contextmanager
    def opened(
        self,
        places: Mapping[str, Sequence[str]],
        fetching: Progress | None,
        replaced: Collection[str] = (),
    ) -> Iterator["Collector"]:
        """Open the sources of each family; images of the `replaced` ones are collected again.

        A URL that fails is refused if another source of its family is left.
        """
        store, options = self._store, self._options
        with contextlib.ExitStack() as stack:
            downloader = stack.enter_context(Downloader(options.web))
            for name, listed in places.items():
                recorded = {
                    record.origin.path
                    for key, record in store.records.items()
                    if key[0] == name and name not in replaced and record.origin
                    if store.on_disk.get(record.file) == record.n_bytes
                }
                opened = self._sources.setdefault(name, [])
                for number, place in enumerate(listed, 1):
                    source = open_source(
                        place, store.folder, downloader, fetching, options.max_bytes, recorded
                    )
                    try:
                        opened.append(stack.enter_context(source))
                    except SetError as error:
                        if not is_url(place) or (number == len(listed) and not opened):
                            raise
                        self.refused.append(Refusal(without_secrets(place), str(error)))
            yield self

    @property
    def n_images(self) -> int | None:
        """Number of images in the sources; None if only reading to the end would tell."""
        total = 0
        for source in itertools.chain.from_iterable(self._sources.values()):
            if source.n_images is None:
                return None
            total += source.n_images
        return total

    def run(self, recipe: Recipe) -> Iterator[None]:
        """Collect and record the images; yield after each one, whatever became of it."""
        for family, sources in self._sources.items():
            yield from self._collect(family, sources, recipe)

    def _collect(self, family: str, sources: Sequence[Source], recipe: Recipe) -> Iterator[None]:
        n_usable = 0
        results = collect(
            self._store,
            sources,
            family,
            recipe,
            self._options,
            self._workers,
            lost_only=self._lost_only,
        )
        with contextlib.closing(results):
            for result in results:
                if isinstance(result, Refusal):
                    self.refused.append(result)
                else:
                    left_out = result.like and result.record is None
                    n_usable += not left_out
                    self.n_left_out += bool(left_out)
                    if result.record is not None:
                        self._store.add(result.record)
                    if result.like:
                        self.near_duplicates.append((result.name, result.like))
                yield
        n_others = self._n_there(family) - n_usable
        if n_others > 0 and not self._lost_only:
            self.notes.append(f"{family} keeps {n_others:,} other images, from an earlier source.")

    def _n_there(self, family: str) -> int:
        return sum(name == family for name, _ in self._store.records)

    def licences(self, recipe: Recipe) -> tuple[tuple[str, int], ...]:
        """Return the number of a recipe's collected images by licence, the largest first."""
        collected = {family.name for family in recipe.families if family.collected}
        counts = Counter(
            record.origin.licence or UNKNOWN_LICENCE
            for key, record in self._store.records.items()
            if key[0] in collected and record.origin
        )
        return tuple(counts.most_common())

    def note_what_lacks(self, recipe: Recipe) -> None:
        """Note the families of which there are fewer images than a recipe requests."""
        for name in self._sources:
            wanted, n_there = recipe.family(name), self._n_there(name)
            if wanted and n_there < wanted.n:
                self.notes.append(
                    f"{name} has {n_there:,} images; the recipe requests {wanted.n:,}."
                )

    def unrepaired(self, files: Iterable[str]) -> tuple[str, ...]:
        """Return those of some files that are collected images, and still missing or altered."""
        recipe = self._store.recipe or Recipe(families=())
        collected = {family.name for family in recipe.families if family.collected}
        return tuple(
            file
            for file in files
            if file.partition("/")[0] in collected
            and not self._store.has(parse_image_file(file), recipe)
        )
