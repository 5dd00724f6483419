"""Measure a trained classifier, and keep the figures in its run's folder."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fractalgen.errors import RunError, RunUsageError
from fractalgen.evaluation.earlier_results import (
    earlier_results,
    keeping,
    set_aside,
    versions_with,
)
from fractalgen.evaluation.options import GENERATE, EvaluationOptions
from fractalgen.evaluation.parts.adversarial import adversarial_parts
from fractalgen.evaluation.parts.anomalies import anomaly_parts
from fractalgen.evaluation.parts.clean import clean_result
from fractalgen.evaluation.parts.consistency import consistency_parts
from fractalgen.evaluation.parts.corruptions import corruption_parts
from fractalgen.evaluation.parts.natural_shifts import natural_shift_parts
from fractalgen.evaluation.report.images import Samples
from fractalgen.evaluation.report.page import page
from fractalgen.evaluation.results import Results
from fractalgen.evaluation.results_file import METRICS, REPORT
from fractalgen.evaluation.samples import samples_for
from fractalgen.evaluation.shifts.generated import DISTRIBUTIONS
from fractalgen.evaluation.subject import Answers, Part, Progress, Subject
from fractalgen.files.atomic import write_atomically
from fractalgen.training.run import Run, versions_of

__all__ = ["REPORT", "evaluate"]

_LIBRARIES = ("numpy", "pillow", "torch", "torchvision")


def evaluate(
    run: Run,
    options: EvaluationOptions | None = None,
    *,
    data_dir: Path = Path("data"),
    accelerator: Any = None,
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
) -> Results:
    """Measure a trained classifier.

    All that the options name is looked for first, and then measured part by part. After each
    part the figures so far replace ``metrics.json`` in the run's folder, so that a failure loses
    the part that fails alone; ``report.html`` is of the same figures. What an earlier call left
    there stays, if it is of the same checkpoint, seed and limit, until the same kind of figure on
    the same source is measured again; of the consistency and the attack there is one each. What
    is of others, or cannot be read, is renamed first, so that it is not lost: see
    `fractalgen.evaluation.earlier_results.set_aside`.

    Parameters
    ----------
    run : Run
        What `fractalgen.training.run.load_run` returns.
    options : EvaluationOptions, optional
        What to measure.
    data_dir : Path
        Where data sets are, for unknown images.
    accelerator : accelerate.Accelerator, optional
        Says where, and in which precision, to compute; otherwise the model is used where it is.
    progress : callable, optional
        Told what is being measured, how many images of it are done, and how many there are.
    tell : callable, optional
        Told in a line where earlier figures are kept, if they were renamed.

    Returns
    -------
    Results
        All that is in ``metrics.json`` now.

    Raises
    ------
    RunUsageError
        If `accelerator` is one of several processes.
    RunError
        If something that they name is missing or damaged, or cannot be imported; if the network's
        outputs are not finite, or the device's memory is too small.
    OSError
        If the run's folder cannot be written to.
    """
    options = options or EvaluationOptions()
    if accelerator is not None and accelerator.num_processes > 1:
        raise RunUsageError("evaluation runs in one process; start it without accelerate launch")
    try:
        return _evaluate(run, options, data_dir, accelerator, progress or _silent, tell or _mute)
    except torch.OutOfMemoryError:
        raise RunError(
            f"the device has too little memory for {options.batch_size} images at a time; "
            "give a smaller --batch-size"
        ) from None


def _evaluate(
    run: Run,
    options: EvaluationOptions,
    data_dir: Path,
    accelerator: Any,
    progress: Progress,
    tell: Callable[[str], None],
) -> Results:
    set_folder = _set_folder(run, options)
    model = run.model if accelerator is None else run.model.to(accelerator.device)
    subject = Subject(
        # Twice as fast on a CPU, and as fast elsewhere.
        model.to(memory_format=torch.channels_last),
        run.data,
        options.chosen(len(run.data.test)),
        options.batch_size,
        options.seed,
        accelerator,
    )
    shown: dict[str, dict[str, NDArray[np.uint8]]] = {}
    parts: list[Part] = [
        *corruption_parts(subject, options, shown),
        *consistency_parts(subject, options),
        *adversarial_parts(subject, options),
        *anomaly_parts(subject, options, set_folder=set_folder, data_dir=data_dir),
        *natural_shift_parts(subject, options),
    ]
    answers = Answers.of(subject.clean_logits(progress), run.data.test.labels)
    versions = _versions(options)
    now = Results(
        run=str(run.folder),
        config=run.config.as_json(),
        checkpoint=dict(run.checkpoint),
        set_digest=run.set_digest,
        versions=versions,
        options=options.as_json(),
        clean=clean_result(answers),
    )
    earlier = earlier_results(run.folder, now)
    samples = samples_for(subject, run.config, answers, run.set_folder, run.set_digest)
    results = keeping(now, earlier)
    if (kept := set_aside(run.folder, now)) is not None:
        tell(kept)
    for measure in (_nothing, *parts):
        results = measure(results, progress)
        of_both = versions_with(results, earlier, versions)
        results = dataclasses.replace(results, versions=of_both)
        _save(run.folder, dataclasses.replace(samples, corruptions=shown), results)
    return results


def _set_folder(run: Run, options: EvaluationOptions) -> Path | None:
    if options.set_folder is not None:
        return options.set_folder
    return run.set_folder if run.set_folder is not None and run.set_folder.is_dir() else None


def _save(folder: Path, samples: Samples, results: Results) -> None:
    data = json.dumps(results.as_json(), indent=2, allow_nan=False)
    write_atomically(folder / METRICS, f"{data}\n".encode())
    write_atomically(folder / REPORT, page(results, samples).encode("utf-8", "replace"))


def _nothing(results: Results, _: Progress) -> Results:
    """Leave the results as they are."""
    return results


def _versions(options: EvaluationOptions) -> dict[str, str]:
    generating = GENERATE in options.corruptions or options.perturbations == GENERATE
    return versions_of(_LIBRARIES + (DISTRIBUTIONS if generating else ()))


def _silent(_what: str, _done: int, _total: int | None) -> None:
    """Show nothing."""


def _mute(_line: str) -> None:
    """Say nothing."""
