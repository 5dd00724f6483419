"""Measure a trained classifier, and store the results in its run's folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fractalgen.bank.source import as_place, is_there
from fractalgen.errors import RunError, RunUsageError
from fractalgen.evaluation.evaluated_model import EvaluatedModel, Progress
from fractalgen.evaluation.measurements import MEASUREMENTS
from fractalgen.evaluation.measurements.measurement import Options
from fractalgen.evaluation.metrics_file import add_entry
from fractalgen.evaluation.own_model import OwnModel
from fractalgen.evaluation.report import Samples, page, samples_for
from fractalgen.evaluation.results import Results
from fractalgen.registry import nearest, shown
from fractalgen.training.run import Run, load_run
from fractalgen.training.run_folder import versions_of

__all__ = ["IMAGES", "evaluate", "options_from"]

IMAGES = ("test", "validation")

_LIBRARIES = ("numpy", "pillow", "torch", "torchvision")


def evaluate(
    run: Run | OwnModel | str | Path,
    *,
    images: str = "test",
    limit: int | None = None,
    batch_size: int = 128,
    seed: int = 0,
    set_folder: str | Path | None = None,
    data_dir: str | Path = "data",
    accelerator: Any = None,
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
    **options: Any,
) -> Results:
    """Measure a trained classifier.

    All inputs are opened and checked before anything is measured. After each measurement,
    ``metrics.json`` and ``report.html`` in the run's folder are updated, so a failure loses only
    the measurement that fails. Earlier results with the same checkpoint, seed and limit stay until
    they are measured again; others are renamed, see
    `fractalgen.evaluation.metrics_file.add_entry`.

    Parameters
    ----------
    run : Run, OwnModel, str or Path
        A run, or its folder; or a network that fractalgen did not train, see
        `fractalgen.own_model`.
    images : str
        ``test``, or ``validation`` for the training images that the run held out; a network of
        `fractalgen.own_model` has none.
    limit : int, optional
        Measure everything except the clean error on this many test images, the same for every run.
    batch_size : int
        Images per batch.
    seed : int
        Seed for generated corruptions, sequences and attacks.
    set_folder : str or Path, optional
        Mixing set, or the URL of one in shards, for the OOD source ``fractals``; by default the
        run's.
    data_dir : str or Path
        Folder of the data sets for OOD images.
    accelerator : accelerate.Accelerator, optional
        Sets the device and the precision. By default the model stays on its device.
    progress : callable, optional
        Called with the name of the current step, the number of images done, and the total.
    tell : callable, optional
        Called with lines of text for the user, such as where earlier results are kept.
    **options
        Options of the measurements, named like those of ``fractalgen evaluate`` with underscores,
        such as ``corruptions="none"``, ``natural_shift=["imagenet-r"]`` or ``pgd_steps=50``.

    Returns
    -------
    Results
        All results in ``metrics.json``, including earlier ones.

    Raises
    ------
    RunUsageError
        If an option is unknown or out of range, `run` has the wrong type, or `accelerator` has
        several processes.
    RunError
        If an input is missing or damaged, a library cannot be imported, the network's outputs are
        not finite, or the device has too little memory.
    OSError
        If the run's folder cannot be written.
    """
    if accelerator is not None and accelerator.num_processes > 1:
        raise RunUsageError("evaluation runs in one process; start it without accelerate launch")
    chosen = options_from(options)
    if isinstance(run, (str, Path)):
        run = load_run(run, data_dir=Path(data_dir))
    elif not isinstance(run, (Run, OwnModel)):
        raise RunUsageError(
            f"run must be a run or its folder, not {shown(run)}; fractalgen.own_model describes "
            "a network of your own"
        )
    network = run.model if accelerator is None else run.model.to(accelerator.device)
    if isinstance(run, Run):
        # Twice as fast on a CPU, and as fast elsewhere. A user's network may need the usual
        # order of the channels, such as for `view`.
        network = network.to(memory_format=torch.channels_last)
    run = _on(images, run)
    own_set = run.set_folder if run.set_folder is not None and is_there(run.set_folder) else None
    model = EvaluatedModel(
        run=run,
        network=network,
        limit=limit,
        batch_size=batch_size,
        seed=seed,
        set_folder=own_set if set_folder is None else as_place("set_folder", set_folder),
        data_dir=Path(data_dir),
        accelerator=accelerator,
        progress=progress or _silent,
        tell=tell or _silent,
    )
    try:
        return _measure(model, chosen, images)
    except torch.OutOfMemoryError:
        raise RunError(
            f"the device has too little memory for {batch_size} images at a time; "
            "use a smaller --batch-size"
        ) from None


def options_from(given: Mapping[str, Any]) -> dict[str, Options]:
    """Return each measurement's options, by its key.

    Raises
    ------
    RunUsageError
        If an option is unknown or out of range.
    """
    names = {
        key: {declared.name for declared in measurement.options.declared()}
        for key, measurement in MEASUREMENTS.items()
    }
    known = set().union(*names.values())
    for name in given:
        if name not in known:
            hint = nearest(name, sorted(known))
            raise RunUsageError(f"no measurement has an option '{name}': {hint}")
    return {
        key: measurement.options(**{name: given[name] for name in names[key] & given.keys()})
        for key, measurement in MEASUREMENTS.items()
    }


def _on(images: str, run: Run | OwnModel) -> Run | OwnModel:
    """Return the run with the images to measure on in place of its test images."""
    if images not in IMAGES:
        raise RunUsageError(f"images must be one of {', '.join(IMAGES)}, not '{images}'")
    if images == "test":
        return run
    if isinstance(run, OwnModel):
        raise RunUsageError(
            "a network of own_model has no validation images; to measure it on other images, give "
            "own_model a data set 'folder:DIR' with a folder of them for each class in DIR/val/"
        )
    if run.data.validation is None:
        raise RunUsageError(
            f"{run.folder} has no validation images; 'fractalgen train-with-set --hold-out' leaves "
            "some out of training"
        )
    return dataclasses.replace(run, data=dataclasses.replace(run.data, test=run.data.validation))


def _measure(model: EvaluatedModel, options: Mapping[str, Options], images_of: str) -> Results:
    """Plan all measurements, then run them one by one and store their results."""

    def show(results: Results) -> str:
        return page(results, dataclasses.replace(samples or Samples(), of_sections=images))

    planned = [
        (key, measure)
        for key, measurement in MEASUREMENTS.items()
        for measure in measurement.plan(model, options[key])
    ]
    measured = _without_entries(model, options, images_of)
    results = measured
    samples: Samples | None = None
    images: dict[str, Mapping[str, NDArray[np.uint8]]] = {}
    for place, (key, measure) in enumerate(planned, start=1):
        found = measure()
        images[MEASUREMENTS[key].section_key(found.entry)] = found.images
        samples = samples_for(model) if samples is None else samples
        measured = measured.with_entry(key, found.entry)
        measured = dataclasses.replace(measured, finished=place == len(planned))
        results, kept = add_entry(model.run.folder, measured, key, found.entry, show)
        if kept is not None:
            model.tell(kept)
    return results


def _without_entries(model: EvaluatedModel, options: Mapping[str, Options], images: str) -> Results:
    run = model.run
    distributions = [
        name
        for key, measurement in MEASUREMENTS.items()
        for name in measurement.distributions(options[key])
    ]
    requested: dict[str, Any] = {
        "images": images,
        "limit": model.limit,
        "batch_size": model.batch_size,
        "seed": model.seed,
        "set_folder": model.set_folder,
    }
    for each in options.values():
        requested |= dataclasses.asdict(each)
    return Results(
        run=str(run.folder),
        config=run.config.as_json(),
        checkpoint=dict(run.checkpoint),
        set_digest=run.set_digest,
        n_test=len(run.data.test),
        versions=versions_of(tuple(dict.fromkeys([*_LIBRARIES, *distributions]))),
        options={name: _plain(value) for name, value in requested.items()},
    )


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def _silent(*_: Any) -> None:
    """Show nothing."""
