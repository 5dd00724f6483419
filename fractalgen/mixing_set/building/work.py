"""The work of a build: make the images that a set lacks, and sum up what was done."""

import contextlib
import dataclasses
import time

from fractalgen.errors import FractalgenError
from fractalgen.mixing_set.building.plan import Plan
from fractalgen.mixing_set.building.summary import BuildInterrupted, Summary
from fractalgen.mixing_set.collecting.collector import Collector
from fractalgen.mixing_set.engines.engine import Engine
from fractalgen.mixing_set.recipes.part import WHOLE, Part
from fractalgen.mixing_set.stores.description import Overwriting
from fractalgen.mixing_set.stores.store import Store
from fractalgen.mixing_set.stores.task import Failure
from fractalgen.pool import Progress
from fractalgen.version import __version__

__all__ = ["Work"]


class Work:
    """Makes the images that a plan requests and the set lacks.

    Parameters
    ----------
    store : Store
        The set. Its lock is held.
    plan : Plan
        What to make of it.
    collector : Collector or None
        Collects a user's own images.
    part : Part
        The images or shards to draw.
    progress : callable or None
        Called with the number of images done and the total.

    Attributes
    ----------
    notes : list of str
        Notes for the user.
    """

    def __init__(
        self,
        store: Store,
        plan: Plan,
        collector: Collector | None = None,
        part: Part = WHOLE,
        progress: Progress | None = None,
    ) -> None:
        self.notes: list[str] = []
        self._began = time.monotonic()
        self._store = store
        self._plan = plan
        self._collector = collector
        self._part = part
        self._progress = progress
        self._failed: list[Failure] = []
        self._n_shown = 0
        self._n_total: int | None = 0

    def run(self, engine: Engine) -> None:
        """Describe the set, make what it lacks, and describe what it then is."""
        store, plan, collector = self._store, self._plan, self._collector
        tasks = store.tasks(plan.description, plan.requested, self._part)
        drawn_with = self._drawn_with(anything=bool(tasks))
        described = dataclasses.replace(plan.description, drawn_with=drawn_with)
        begins = store.description is None
        store.describe(described)
        store.list_classes()
        self._n_total = sum(len(task.planned()) for task in tasks)
        if collector:
            n = collector.n_images
            self._n_total = None if n is None else self._n_total + n
        self._show(0)
        n_done = 0
        try:
            with store.adding():
                if collector:
                    for _ in collector.run(plan.recipe):
                        n_done += 1
                        self._show(1)
                with contextlib.closing(engine.run(plan.recipe, tasks, self._show)) as results:
                    for result in results:
                        if isinstance(result, Failure):
                            self._failed.append(result)
                            n_done += 1
                        else:
                            n_done += store.add(result)
        except KeyboardInterrupt:
            raise BuildInterrupted(n_done, self._n_total) from None
        except FractalgenError:  # the engine cannot begin
            if begins and not n_done:
                store.abandon()
            raise
        recipe = store.recipe or plan.recipe
        recipe = recipe.without([one.name for one in recipe.families if not one.ranges])
        left = self._overwriting_left(plan.description.overwriting)
        part = described.part
        if part != WHOLE and not store.n_missing(recipe):
            part = WHOLE  # the other parts were drawn here, too
        store.describe(dataclasses.replace(described, recipe=recipe, overwriting=left, part=part))

    def _drawn_with(self, *, anything: bool) -> tuple[str, ...]:
        drawn_with = self._plan.description.drawn_with
        if self._store.is_new:
            return (__version__,)
        if not anything or __version__ in drawn_with:
            return drawn_with
        self.notes.append(
            f"Started with fractalgen {', '.join(drawn_with)}, continued with {__version__}: "
            "'fractalgen verify --redraw 100' checks that both draw the same images."
        )
        return (*drawn_with, __version__)

    def _overwriting_left(self, overwriting: Overwriting | None) -> Overwriting | None:
        """Return the overwriting in progress; None if it is complete."""
        if overwriting is None:
            return None
        again = overwriting.requested
        if again == self._plan.requested and not self._store.is_shared:
            return None
        collects = any(family.collected for family in again.families)
        return overwriting if collects or self._store.n_missing(again) else None

    def _show(self, n: int) -> None:
        self._n_shown += n
        if self._progress:
            self._progress(self._n_shown, self._n_total)

    def summary(self, n_removed: int = 0) -> Summary:
        """Count the requested images by family, and add everything else to report."""
        store, recipe, requested = self._store, self._store.recipe, self._plan.requested
        assert recipe is not None
        summary = Summary(
            store.name,
            tuple(store.family_summaries(requested, self._part)),
            time.monotonic() - self._began,
            n_removed,
            store.n_missing(recipe),
            notes=tuple(self.notes),
            failed=tuple(self._failed),
            part=self._part,
            size=recipe.size if any(not one.collected for one in requested.families) else None,
        )
        if self._part != WHOLE and not summary.n_images:
            things = "images" if self._plan.description.shards is None else "shards"
            note = f"Part {self._part} has no images: the set has fewer {things} than parts."
            summary = dataclasses.replace(summary, notes=(*summary.notes, note))
        collector = self._collector
        if collector is None:
            return summary
        return dataclasses.replace(
            summary,
            refused=tuple(collector.refused),
            near_duplicates=tuple(collector.near_duplicates),
            n_left_out=collector.n_left_out,
            licences=collector.licences(requested),
            notes=(*summary.notes, *collector.notes),
        )
