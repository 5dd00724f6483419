"""Whether the network is less sure of out-of-distribution images."""

from __future__ import annotations

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
from fractalgen.evaluation.metrics.detection import aupr, auroc, fpr_at_95_tpr, ood_scores

if TYPE_CHECKING:
    from fractalgen.evaluation.ood_images import OODImages

__all__ = ["OOD", "OODEntry", "OODOptions"]

_TEST_IMAGES_PER_OOD_IMAGE = 5
"""The usual ratio; the area under precision and recall depends on it."""


@dataclass(frozen=True)
class OODOptions(Options):
    """Where out-of-distribution images come from."""

    ood: tuple[str, ...] = option(
        (),
        "Source of out-of-distribution (OOD) images, one for every five test images. Can be "
        "repeated.",
        metavar=f"noise|fractals|DATASET|DIR|{NONE}",
        default_text="noise, and fractals if there is a mixing set",
    )
    imagenet_o: Path | None = option(
        None,
        "Folder of OOD images in the layout of ImageNet-O: a folder for each of some classes.",
        metavar="DIR",
    )


@dataclass(frozen=True)
class OODEntry(Entry):
    """How well the maximum softmax probability tells OOD images (positives) from test images."""

    auroc: float
    aupr: float
    fpr95: float
    n_test: int
    n_ood: int


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
                    f"the network knows {source}: those images are not out of distribution; name "
                    "others by --ood"
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
                    f"no test image is of the classes in {options.imagenet_o}; leave --imagenet-o "
                    "out, or measure more images"
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
        """Compare with test images of the classes that the folders name, and among those alone."""
        chosen = model.chosen(len(folder.images))
        batches = batches_of(folder.images, model.batch_size, chosen)
        ood = model.logits(batches, source, len(chosen))
        test = model.clean_logits[model.indices[folder.of_subset(model.labels)]]
        return _measured(source, folder.restricted(ood), folder.restricted(test))

    def section(self, entry: OODEntry, n_test: int) -> Section:
        """Return the two areas and the false positive rate."""
        chance = entry.n_ood / max(1, entry.n_test + entry.n_ood)
        figures = (
            Figure(
                "auroc",
                "AUROC",
                entry.auroc,
                "How often an OOD image gets less confidence than a test image; chance is 50%.",
                higher_is_better=True,
            ),
            Figure(
                "aupr",
                "AUPR",
                entry.aupr,
                f"Area under precision and recall; chance is {percent(chance, 0)}.",
                higher_is_better=True,
            ),
            Figure(
                "fpr95",
                "FPR at 95% recall",
                entry.fpr95,
                "Test images taken for OOD images when 95% of the OOD images are found.",
            ),
        )
        return Section(
            f"OOD detection, {entry.source}",
            f"{entry.n_ood:,} OOD, {of_test_images(entry.n_test, n_test)}",
            figures,
        )


def _sources(model: EvaluatedModel, options: OODOptions) -> list[str]:
    """Return the sources requested; by default noise, and fractals if there is a mixing set."""
    if options.ood:
        return [source for source in options.ood if source != NONE]
    if model.set_folder is not None:
        return ["noise", "fractals"]
    if model.run.set_folder is not None:
        model.tell(
            f"fractals are left out: the run's mixing set, {model.run.set_folder}, is not there; "
            "name another by --set"
        )
    return ["noise"]


def _measured(source: str, ood: NDArray[np.float32], test: NDArray[np.float32]) -> Measured:
    ood_score, test_score = ood_scores(ood), ood_scores(test)
    entry = OODEntry(
        source=source,
        auroc=auroc(ood_score, test_score),
        aupr=aupr(ood_score, test_score),
        fpr95=fpr_at_95_tpr(ood_score, test_score),
        n_test=len(test_score),
        n_ood=len(ood_score),
    )
    return Measured(entry)
