"""Whether the network is less confident on out-of-distribution images."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import RunError, RunUsageError
from fractalgen.evaluation.evaluated_model import EvaluatedModel, batches_of
from fractalgen.evaluation.measurements.measurement import (
    NONE,
    Entry,
    Figure,
    Measured,
    Measurement,
    Options,
    Section,
    folder_names,
    of_test_images,
    option,
    percent,
)
from fractalgen.evaluation.measurements.natural_shift import SubsetFolder, read_subset
from fractalgen.evaluation.metrics.detection import SCORES, aupr, auroc, fpr_at_95_tpr

if TYPE_CHECKING:
    from fractalgen.evaluation.ood_images import OODImages

__all__ = ["OOD", "OODEntry", "OODOptions", "Separation"]

_TEST_IMAGES_PER_OOD_IMAGE = 5
"""The usual ratio; the area under precision and recall depends on it."""


@dataclass(frozen=True)
class OODOptions(Options):
    """Sources of out-of-distribution images."""

    ood: tuple[str, ...] = option(
        (),
        "Out-of-distribution (OOD) images, one for every five test images. Can be repeated.",
        metavar=f"noise|fractals|DATASET|DIR|{NONE}",
        default_text="noise, and fractals if there is a mixing set",
    )
    imagenet_o: Path | None = option(
        None,
        "Folder of OOD images laid out like ImageNet-O, with subfolders for some of the classes.",
        metavar="DIR",
    )


@dataclass(frozen=True)
class Separation:
    """The areas under two curves, and the false positive rate at 95% recall, of one score."""

    auroc: float
    aupr: float
    fpr95: float


@dataclass(frozen=True)
class OODEntry(Entry):
    """How well scores separate OOD (positive) from test images.

    Attributes
    ----------
    auroc, aupr, fpr95 : float
        With the maximum softmax probability.
    n_test, n_ood : int
        Numbers of images.
    max_logit, energy : Separation or None
        With the maximum logit and the energy; None in results of earlier versions.
    """

    auroc: float
    aupr: float
    fpr95: float
    n_test: int
    n_ood: int
    max_logit: Separation | None = None
    energy: Separation | None = None


class OOD(Measurement[OODOptions, OODEntry]):
    """Measures each source of OOD images."""

    key = "ood"
    options = OODOptions
    entry = OODEntry

    def plan(self, model: EvaluatedModel, options: OODOptions) -> Sequence[Callable[[], Measured]]:
        """Read one image of each source, and open ImageNet-O."""
        from fractalgen.evaluation.ood_images import NAMES, is_of_data_set, is_path, ood_images

        sources = _sources(model, options)
        folders: list[str | Path] = [source for source in sources if is_path(source)]
        folders += [] if options.imagenet_o is None else [options.imagenet_o]
        names = dict(zip(folders, folder_names(folders, NAMES), strict=True))
        runs = []
        for source in sources:
            if is_of_data_set(source, model.data.name):
                raise RunUsageError(
                    f"the network was trained on {source}, so it is in distribution; choose "
                    "other images with --ood"
                )
            open_some = functools.partial(
                ood_images,
                source,
                size=model.data.size,
                seed=model.seed,
                data_dir=model.data_dir,
                set_folder=model.set_folder,
            )
            next(open_some(n=1).batches(1))
            called = names.get(source, source)
            runs.append(functools.partial(self._measure, model, called, open_some))
        if options.imagenet_o is not None:
            folder = read_subset(
                options.imagenet_o,
                model.data.classes,
                model.data.size,
                whole=model.sees_whole_images,
            )
            if not len(folder.of_subset(model.labels)):
                raise RunError(
                    f"no chosen test image belongs to a class in {options.imagenet_o}; leave out "
                    "--imagenet-o, or measure more images"
                )
            called = names[options.imagenet_o]
            runs.append(functools.partial(self._measure_subset, model, called, folder))
        return runs

    def _measure(
        self, model: EvaluatedModel, source: str, open_some: Callable[..., OODImages]
    ) -> Measured:
        images = open_some(n=max(1, len(model.indices) // _TEST_IMAGES_PER_OOD_IMAGE))
        ood = model.logits(images.batches(model.batch_size), source, len(images))
        return _measured(source, ood, model.clean_logits[model.indices])

    def _measure_subset(self, model: EvaluatedModel, source: str, folder: SubsetFolder) -> Measured:
        """Compare with test images of the folder's classes, with outputs for only those classes."""
        chosen = model.chosen(len(folder.images))
        batches = batches_of(folder.images, model.batch_size, chosen)
        ood = model.logits(batches, source, len(chosen))
        test = model.clean_logits[model.indices[folder.of_subset(model.labels)]]
        return _measured(source, folder.restricted(ood), folder.restricted(test))

    def section(self, entry: OODEntry, n_test: int) -> Section:
        """Return the two areas and the false positive rate; other scores are details."""
        chance = entry.n_ood / max(1, entry.n_test + entry.n_ood)
        figures = (
            Figure(
                "auroc",
                "AUROC",
                entry.auroc,
                "How often an OOD image gets lower confidence than a test image; chance is 50%.",
                higher_is_better=True,
            ),
            Figure(
                "aupr",
                "AUPR",
                entry.aupr,
                f"Area under the precision-recall curve; chance is {percent(chance, 0)}.",
                higher_is_better=True,
            ),
            Figure(
                "fpr95",
                "FPR at 95% recall",
                entry.fpr95,
                "Share of test images mistaken for OOD when 95% of the OOD images are found.",
            ),
        )
        others = [
            Figure(
                f"{score}_{figure.key}",
                f"{figure.name}, {score.replace('_', ' ')}",
                getattr(separation, figure.key),
                higher_is_better=figure.higher_is_better,
                detail=True,
            )
            for score, separation in (("max_logit", entry.max_logit), ("energy", entry.energy))
            if separation is not None
            for figure in figures
        ]
        return Section(
            f"OOD detection, {entry.source}",
            f"{entry.n_ood:,} OOD, {of_test_images(entry.n_test, n_test)}",
            (*figures, *others),
        )


def _sources(model: EvaluatedModel, options: OODOptions) -> list[str]:
    """Return the requested sources; by default noise, and fractals if there is a mixing set."""
    if options.ood:
        return [source for source in options.ood if source != NONE]
    if model.set_folder is not None:
        return ["noise", "fractals"]
    if model.run.set_folder is not None:
        model.tell(
            f"skipping fractals: the run's mixing set {model.run.set_folder} cannot be found; "
            "choose another with --set"
        )
    return ["noise"]


def _measured(source: str, ood: NDArray[np.float32], test: NDArray[np.float32]) -> Measured:
    found = {name: _separation(score(ood), score(test)) for name, score in SCORES.items()}
    entry = OODEntry(
        source=source,
        **dataclasses.asdict(found["softmax"]),
        n_test=len(test),
        n_ood=len(ood),
        max_logit=found["max_logit"],
        energy=found["energy"],
    )
    return Measured(entry)


def _separation(ood: NDArray[np.float64], test: NDArray[np.float64]) -> Separation:
    return Separation(auroc(ood, test), aupr(ood, test), fpr_at_95_tpr(ood, test))
