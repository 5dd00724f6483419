"""The error on images of some of the classes from elsewhere."""

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from fractalgen.evaluation.metrics.calibration import rms_calibration_error
from fractalgen.evaluation.metrics.classification import error_rate
from fractalgen.evaluation.options import EvaluationOptions, names_of_sources
from fractalgen.evaluation.predictions import batches_of
from fractalgen.evaluation.results import NaturalShiftResult, Results, with_entry
from fractalgen.evaluation.shifts.natural_shifts import NaturalShift, read_shift, restricted
from fractalgen.evaluation.subject import Answers, Part, Progress, Subject, counted

__all__ = ["natural_shift_parts"]


def natural_shift_parts(subject: Subject, options: EvaluationOptions) -> list[Part]:
    """Plan a part for each folder.

    Raises
    ------
    RunError
        If a folder has no images of the run's classes.
    """
    parts: list[Part] = []
    names = names_of_sources(options.shifted)
    for folder, name in zip(options.shifted, names, strict=True):
        shift = read_shift(
            folder, subject.data.classes, subject.data.size, whole=subject.sees_whole_images
        )
        chosen = options.chosen(len(shift.images))
        parts.append(functools.partial(_measured, name, shift, chosen, subject))
    return parts


def _measured(
    source: str,
    shift: NaturalShift,
    chosen: NDArray[np.int64],
    subject: Subject,
    results: Results,
    progress: Progress,
) -> Results:
    batches = batches_of(shift.images, subject.batch_size, chosen)
    logits = subject.logits(counted(batches, source, len(chosen), progress))
    answers = Answers.of(restricted(logits, shift.subset), shift.labels[chosen])
    result = NaturalShiftResult(
        source=source,
        error=error_rate(answers.predictions, answers.labels),
        rms_calibration_error=rms_calibration_error(answers.confidence, answers.correct),
        n_classes=len(shift.subset),
        n=len(chosen),
    )
    natural_shifts = with_entry(results.natural_shifts, result)
    return dataclasses.replace(results, natural_shifts=natural_shifts)
