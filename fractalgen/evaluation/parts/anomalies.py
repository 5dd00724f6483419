"""Whether the network is less sure of pictures of nothing that it knows."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.evaluation.metrics.anomaly_detection import (
    anomaly_scores,
    aupr,
    auroc,
    fpr_at_95_tpr,
)
from fractalgen.evaluation.options import EvaluationOptions, name_of_source
from fractalgen.evaluation.predictions import batches_of, softmax
from fractalgen.evaluation.results import AnomalyResult, Results
from fractalgen.evaluation.shifts.natural_shifts import (
    NaturalShift,
    of_classes,
    read_shift,
    restricted,
)
from fractalgen.evaluation.shifts.unknown_pictures import unknown_pictures
from fractalgen.evaluation.subject import Part, Progress, Subject, counted
from fractalgen.training.errors import RunError, RunUsageError

__all__ = ["anomaly_parts"]

_KNOWN_FOR_EACH_UNKNOWN = 5
"""As is usual, since the area under precision and recall depends on it."""


def anomaly_parts(
    subject: Subject, options: EvaluationOptions, *, set_folder: Path | None, data_dir: Path
) -> list[Part]:
    """Plan a part for each source of unknown pictures.

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
        If a source does not exist, or holds no pictures.
    """
    parts: list[Part] = []
    for source in options.unknown_sources(has_set=set_folder is not None):
        if source == subject.data.name:
            raise RunUsageError(
                f"the network knows {source}: those pictures are not unknown; give others by --ood"
            )
        read = functools.partial(
            unknown_pictures,
            source,
            size=subject.data.size,
            seed=subject.seed,
            data_dir=data_dir,
            set_folder=set_folder,
        )
        read(n=1)  # fail now, not later
        parts.append(functools.partial(_against_unknown, read, subject))
    if options.imagenet_o is not None:
        folder = options.imagenet_o
        shift = read_shift(folder, subject.data.classes, subject.data.size)
        if not len(of_classes(subject.labels, shift.subset)):
            raise RunError(
                f"no test picture is of the classes in {folder}; leave --imagenet-o out, or "
                "measure more pictures"
            )
        unknown = options.chosen(len(shift.pictures))
        parts.append(
            functools.partial(_within_classes, name_of_source(folder), shift, unknown, subject)
        )
    return parts


_Unknown = Callable[..., tuple[NDArray[np.uint8], str]]


def _against_unknown(
    read: _Unknown, subject: Subject, results: Results, progress: Progress
) -> Results:
    pictures, source = read(n=max(1, len(subject) // _KNOWN_FOR_EACH_UNKNOWN))
    batches = batches_of(pictures, subject.batch_size)
    unknown = subject.logits(counted(batches, source, len(pictures), progress))
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
    """Compare with test pictures of the classes that the folders name, and among those alone."""
    batches = batches_of(shift.pictures, subject.batch_size, chosen)
    unknown = subject.logits(counted(batches, source, len(chosen), progress))
    of_these = subject.indices[of_classes(subject.labels, shift.subset)]
    known = subject.clean_logits(progress)[of_these]
    return _with(
        results, source, restricted(unknown, shift.subset), restricted(known, shift.subset)
    )


def _with(
    results: Results, source: str, unknown: NDArray[np.float32], known: NDArray[np.float32]
) -> Results:
    strange, familiar = anomaly_scores(softmax(unknown)), anomaly_scores(softmax(known))
    result = AnomalyResult(
        source=source,
        auroc=auroc(strange, familiar),
        aupr=aupr(strange, familiar),
        fpr95=fpr_at_95_tpr(strange, familiar),
        n_known=len(familiar),
        n_unknown=len(strange),
    )
    return dataclasses.replace(results, anomalies=(*results.anomalies, result))
