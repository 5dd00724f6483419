"""Whether the network is less sure of images of nothing that it knows."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import RunError, RunUsageError
from fractalgen.evaluation.metrics.anomaly_detection import (
    anomaly_scores,
    aupr,
    auroc,
    fpr_at_95_tpr,
)
from fractalgen.evaluation.options import EvaluationOptions, names_of_sources
from fractalgen.evaluation.predictions import batches_of, in_slices, softmax
from fractalgen.evaluation.results import AnomalyResult, Results, with_entry
from fractalgen.evaluation.shifts.natural_shifts import (
    NaturalShift,
    of_classes,
    read_shift,
    restricted,
)
from fractalgen.evaluation.shifts.unknown_images import (
    NAMES,
    UnknownImages,
    is_of_data_set,
    is_path,
    unknown_images,
)
from fractalgen.evaluation.subject import Part, Progress, Subject, counted

__all__ = ["anomaly_parts"]

_KNOWN_FOR_EACH_UNKNOWN = 5
"""As is usual, since the area under precision and recall depends on it."""


def anomaly_parts(
    subject: Subject, options: EvaluationOptions, *, set_folder: Path | None, data_dir: Path
) -> list[Part]:
    """Plan a part for each source of unknown images.

    Parameters
    ----------
    set_folder : Path or None
        The mixing set that fractals come from.
    data_dir : Path
        Where data sets are.

    Raises
    ------
    RunUsageError
        If there is no such source, or it is what the network was trained on.
    RunError
        If a source does not exist, or holds no images.
    """
    parts: list[Part] = []
    sources = options.unknown_sources(has_set=set_folder is not None)
    names = _names(sources, options.imagenet_o)
    for source in sources:
        if is_of_data_set(source, subject.data.name):
            raise RunUsageError(
                f"the network knows {source}: those images are not unknown; give others by --ood"
            )
        open_some = functools.partial(
            unknown_images,
            source,
            size=subject.data.size,
            seed=subject.seed,
            data_dir=data_dir,
            set_folder=set_folder,
        )
        next(open_some(n=1).batches(1))  # fail now, not later
        parts.append(functools.partial(_against_unknown, names[source], open_some, subject))
    if options.imagenet_o is not None:
        folder = options.imagenet_o
        shift = read_shift(
            folder, subject.data.classes, subject.data.size, whole=subject.sees_whole_images
        )
        if not len(of_classes(subject.labels, shift.subset)):
            raise RunError(
                f"no test image is of the classes in {folder}; leave --imagenet-o out, or "
                "measure more images"
            )
        unknown = options.chosen(len(shift.images))
        parts.append(functools.partial(_within_classes, names[folder], shift, unknown, subject))
    return parts


def _names(sources: Sequence[str], imagenet_o: Path | None) -> dict[str | Path, str]:
    """Return what to call each source."""
    names: dict[str | Path, str] = {source: source for source in sources}
    folders: list[str | Path] = [source for source in sources if is_path(source)]
    folders += [] if imagenet_o is None else [imagenet_o]
    return names | dict(zip(folders, names_of_sources(folders, NAMES), strict=True))


def _against_unknown(
    source: str,
    open_some: Callable[..., UnknownImages],
    subject: Subject,
    results: Results,
    progress: Progress,
) -> Results:
    images = open_some(n=max(1, len(subject) // _KNOWN_FOR_EACH_UNKNOWN))
    batches = images.batches(subject.batch_size)
    unknown = subject.logits(counted(batches, source, len(images), progress))
    known = subject.clean_logits(progress)[subject.indices]
    return _with(results, source, unknown, known)


def _within_classes(
    source: str,
    shift: NaturalShift,
    chosen: NDArray[np.int64],
    subject: Subject,
    results: Results,
    progress: Progress,
) -> Results:
    """Compare with test images of the classes that the folders name, and among those alone."""
    batches = batches_of(shift.images, subject.batch_size, chosen)
    unknown = subject.logits(counted(batches, source, len(chosen), progress))
    of_these = subject.indices[of_classes(subject.labels, shift.subset)]
    known = subject.clean_logits(progress)[of_these]
    return _with(
        results, source, restricted(unknown, shift.subset), restricted(known, shift.subset)
    )


def _with(
    results: Results, source: str, unknown: NDArray[np.float32], known: NDArray[np.float32]
) -> Results:
    strange, familiar = _scores(unknown), _scores(known)
    result = AnomalyResult(
        source=source,
        auroc=auroc(strange, familiar),
        aupr=aupr(strange, familiar),
        fpr95=fpr_at_95_tpr(strange, familiar),
        n_known=len(familiar),
        n_unknown=len(strange),
    )
    return dataclasses.replace(results, anomalies=with_entry(results.anomalies, result))


def _scores(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.concatenate([anomaly_scores(softmax(some)) for some in in_slices(logits)])
