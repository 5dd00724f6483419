"""Statistics of the images in a set, or in any folder."""

import contextlib
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractalgen.arguments import whole_number
from fractalgen.bank.folder import list_images
from fractalgen.errors import ImageError, SetError, unreadable
from fractalgen.images.decoding import to_rgb
from fractalgen.mixing_set.measuring.image_measures import MEASURES
from fractalgen.mixing_set.measuring.perceptual_hash import (
    NEAR_DISTANCE,
    nearest_distances,
    perceptual_hash,
)
from fractalgen.mixing_set.recipes.keys import MAX_INDEX
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.folder_set import FolderSet
from fractalgen.mixing_set.stores.open_set import is_sharded
from fractalgen.mixing_set.stores.shard_set import ShardSet
from fractalgen.pool import OrderedPool, Progress, check_workers, default_workers

__all__ = ["Group", "Spread", "Stats", "stats"]

_MAX_NAME = 32  # characters of a group's name in a table


@dataclass(frozen=True)
class Spread:
    """The mean and the 5th and 95th percentiles of a measure; NaN if it has no value."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> "Spread":
        """Return the spread of the values that are numbers."""
        values = values[np.isfinite(values)]
        if not len(values):
            return cls(math.nan, math.nan, math.nan)
        low, high = np.percentile(values, (5, 95))
        return cls(float(values.mean()), float(low), float(high))

    def to_json(self) -> dict[str, float | None]:
        """Return a dictionary; NaN is None."""
        values = {"mean": self.mean, "p5": self.low, "p95": self.high}
        return {key: None if math.isnan(x) else x for key, x in values.items()}


@dataclass(frozen=True)
class Group:
    """The statistics of a group of images.

    Attributes
    ----------
    name : str
        Name of the folder.
    values : dict of str to ndarray, shape (n_images,)
        Each measure's value for each image; NaN where it is undefined.
    nearest : ndarray of int, shape (n_images,)
        Distance of each image's perceptual hash to the nearest of all other images' hashes.
    spreads : dict of str to Spread
        Each measure's mean and percentiles.
    """

    name: str
    values: dict[str, NDArray[np.float64]] = field(repr=False, compare=False)
    nearest: NDArray[np.int64] = field(repr=False, compare=False)
    spreads: dict[str, Spread] = field(init=False)

    def __post_init__(self) -> None:
        spreads = {name: Spread.of(values) for name, values in self.values.items()}
        object.__setattr__(self, "spreads", spreads)

    @property
    def n_images(self) -> int:
        """The number of images measured."""
        return len(self.nearest)

    @property
    def near_duplicates(self) -> float:
        """The share of images of which the folder has a near duplicate, in any group."""
        return float(np.mean(self.nearest <= NEAR_DISTANCE)) if self.n_images else math.nan

    def to_json(self) -> dict[str, Any]:
        """Return plain dictionaries, strings and numbers."""
        near = self.near_duplicates
        return {
            "name": self.name,
            "images": self.n_images,
            **{name: spread.to_json() for name, spread in self.spreads.items()},
            "near_duplicates": None if math.isnan(near) else near,
        }


@dataclass(frozen=True, repr=False)
class Stats:
    """The statistics of a folder of images. Its `repr` is a table.

    Attributes
    ----------
    folder : str
        The folder.
    groups : tuple of Group
        The statistics of each family or subfolder.
    total : Group
        The statistics of all images together.
    unreadable : tuple of (str, str)
        Path within the folder, and reason, of each image that could not be read.
    """

    folder: str
    groups: tuple[Group, ...]
    total: Group
    unreadable: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return {
            "folder": self.folder,
            "groups": [group.to_json() for group in self.groups],
            "all": self.total.to_json(),
            "unreadable": [{"file": file, "reason": reason} for file, reason in self.unreadable],
        }

    def __repr__(self) -> str:
        rows = [("", "images", *(one.heading for one in MEASURES.values()), "near dup.")]
        groups = self.groups if len(self.groups) == 1 else (*self.groups, self.total)
        for group in groups:
            means, ranges = [], []
            for name, measure in MEASURES.items():
                spread, unit = group.spreads[name], "%" if measure.percent else ""
                known = not math.isnan(spread.mean)
                low, high = measure.number(spread.low), measure.number(spread.high)
                means.append(measure.number(spread.mean) + unit if known else "-")
                ranges.append(f"{low} to {high}{unit}" if known else "")
            near = f"{group.near_duplicates:.2%}" if group.n_images else "-"
            long = len(group.name) > _MAX_NAME
            name = group.name[: _MAX_NAME - 3] + "..." if long else group.name
            rows.append((name, f"{group.n_images:,}", *means, near))
            rows.append(("", "", *ranges, ""))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for first, *others in rows:
            cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
            lines.append("  ".join([first.ljust(widths[0]), *cells]).rstrip())
        return "\n".join([*lines, "Below each mean: the 5th and 95th percentiles."])


class _Image(NamedTuple):
    """What is measured of one image."""

    values: list[float]
    hash: int


def stats(
    folder: str | Path,
    *,
    limit: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Stats:
    """Measure the images in a set, or in any folder, and compute the statistics of each group.

    A group is a direct subfolder with all images below it, such as a set's family or a data set's
    class; in a class set, it is a family with all its classes. Images that lie in `folder` itself
    are a group of their own, with the folder's name.

    Parameters
    ----------
    folder : str or Path
        The folder, or the URL of a set in shards.
    limit : int or None
        Maximum number of images to measure of each group, spaced evenly in the order of their
        names; None for all.
    workers : int or None
        Number of threads; None for one per CPU core.
    progress : callable or None
        Called with the number of images measured and the total.

    Returns
    -------
    Stats
        Images that cannot be read are listed in `unreadable` and left out otherwise.

    Raises
    ------
    ArgumentError
        If `limit` or `workers` is out of its range.
    SetError
        If `folder` does not exist or holds no image that can be read.
    """
    limit = None if limit is None else whole_number("limit", limit, 1, MAX_INDEX)
    workers = check_workers(workers)
    images = _open_images(folder)
    files = _grouped(images, limit)
    tasks = [(name, file) for name, chosen in files.items() for file in chosen]
    measured: dict[str, list[_Image]] = {name: [] for name in files}
    refused = []

    with OrderedPool(_measured, workers or default_workers()) as pool:
        results = pool.map(images.readers(file for _, file in tasks))
        for number, ((name, file), result) in enumerate(zip(tasks, results, strict=True), 1):
            if isinstance(result, _Image):
                measured[name].append(result)
            else:
                refused.append((file, result))
            if progress:
                progress(number, len(tasks))
    if len(refused) == len(tasks):
        raise SetError(unreadable(images.place, refused))
    everything = [image for group in measured.values() for image in group]
    nearest = nearest_distances([image.hash for image in everything])
    ends = np.cumsum([len(group) for group in measured.values()])[:-1]
    groups = [
        _group(name, group, part)
        for (name, group), part in zip(measured.items(), np.split(nearest, ends), strict=True)
    ]
    return Stats(images.place, tuple(groups), _group("all", everything, nearest), tuple(refused))


class _Images(NamedTuple):
    """The images of a set or of any folder.

    `own` is the name of the folder, and `recipe` says which family a subfolder belongs to.
    """

    place: str
    own: str
    files: Iterable[str]
    recipe: Recipe | None
    readers: Callable[[Iterable[str]], Iterable[Callable[[], bytes]]]


def _open_images(place: str | Path) -> _Images:
    if is_sharded(place):
        store = ShardSet.open(place)
        return _Images(store.name, "", sorted(store.files()), store.recipe, store.readers)
    folder = Path(place)
    unread, described = FolderSet(folder), None
    with contextlib.suppress(SetError, OSError):  # then it is measured as any other folder
        described = unread.read_description()
    return _Images(
        str(folder),
        folder.resolve().name,
        (image.name for image in list_images(folder)),
        described.recipe if described else None,
        unread.readers,
    )


def _grouped(images: _Images, limit: int | None) -> dict[str, list[str]]:
    """Return the names of each group's images, at most `limit`."""
    groups: dict[str, list[str]] = {}
    family_of = {
        name: family.name
        for family in (images.recipe.families if images.recipe else ())
        for name in family.folders()
    }
    for file in images.files:
        subfolder = file.partition("/")[0] if "/" in file else ""
        groups.setdefault(family_of.get(subfolder, subfolder), []).append(file)
    own = "." if images.own in groups else images.own or "."
    return {
        name or own: [files[i * len(files) // n] for i in range(n)]
        for name, files in sorted(groups.items())
        for n in [min(limit or len(files), len(files))]
    }


def _measured(read: Callable[[], bytes], _: threading.Event) -> _Image | str:
    """Measure an image, or return the reason why it cannot be read."""
    try:
        data = read()
        rgb = to_rgb(data)[0]
        values = [measure.function(rgb, len(data)) for measure in MEASURES.values()]
        return _Image(values, perceptual_hash(rgb))
    except ImageError as error:
        return str(error)
    except MemoryError:
        return "not enough memory to measure it"


def _group(name: str, images: Sequence[_Image], nearest: NDArray[np.int64]) -> Group:
    table = np.array([image.values for image in images]).reshape(-1, len(MEASURES))
    return Group(name, dict(zip(MEASURES, table.T, strict=True)), nearest)
