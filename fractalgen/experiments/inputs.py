"""What runs need besides the computer, tried once before the hours, and not by every run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from fractalgen.bank.source import as_place
from fractalgen.errors import FractalgenError
from fractalgen.evaluation.evaluate import options_from
from fractalgen.evaluation.evaluated_model import EvaluatedModel
from fractalgen.evaluation.measurements import MEASUREMENTS
from fractalgen.experiments.grid import GENERAL, Experiment
from fractalgen.experiments.state import Step
from fractalgen.training.config import Config
from fractalgen.training.datasets import load_data
from fractalgen.training.datasets.data_set import ImageData, held_out
from fractalgen.training.job import check_batch
from fractalgen.training.models import check_image_size, create_model
from fractalgen.training.models.weights import load_weights
from fractalgen.training.run import Run

__all__ = ["unusable_inputs"]


def unusable_inputs(missing: Sequence[tuple[Experiment, Step]], data_dir: Path) -> dict[str, str]:
    """Return why experiments would fail, by their names: those whose inputs cannot be used.

    Inputs are the data, which is downloaded here if it is missing, the mixing set's folder, the
    initial weights, and the images to measure on. Nothing is trained or measured.

    Parameters
    ----------
    missing : sequence of (Experiment, Step)
        What is to be done.
    data_dir : Path
        Folder for data sets.
    """
    groups: dict[Any, list[tuple[Experiment, Step]]] = {}
    for one, step in missing:
        key = (one.config.dataset, one.config.image_size, one.config.hold_out)
        groups.setdefault(key, []).append((one, step))
    found: dict[str, str] = {}
    for members in groups.values():  # so that only one data set is in memory
        found |= _of_group(members, data_dir)
    return found


def _of_group(members: Sequence[tuple[Experiment, Step]], data_dir: Path) -> dict[str, str]:
    """Return the reasons of experiments that have the same data."""
    absent = {one.name: _absent_set(one, step) for one, step in members}
    members = [(one, step) for one, step in members if not absent[one.name]]
    found = {name: reason for name, reason in absent.items() if reason}
    if not members:
        return found
    first = members[0][0]
    config = first.config
    try:
        data = load_data(config.dataset, data_dir=data_dir, image_size=config.image_size)
        data = held_out(data, config.hold_out)
    except (FractalgenError, OSError) as error:
        return found | {one.name: str(error) for one, _ in members}
    measuring = _reason(_try_measuring, first, data, data_dir)
    tried: dict[Any, str] = {}
    for one, step in members:
        reason = measuring
        if step is not Step.EVALUATE:
            key = (one.config.batch_size, one.config.model, one.config.weights, step)
            if key not in tried:
                tried[key] = _reason(_try_start, one.config, step, data)
            reason = tried[key] or measuring
        if reason:
            found[one.name] = reason
    return found


def _reason(attempt: Callable[..., None], *arguments: Any) -> str:
    """Return why something fails; empty if it does not."""
    try:
        attempt(*arguments)
    except (FractalgenError, OSError) as error:
        return str(error)
    return ""


def _absent_set(experiment: Experiment, step: Step) -> str:
    """Say which mixing set does not exist; empty if all are there."""
    measured_with = experiment.measure.get("set_folder")
    for place in (
        None if step is Step.EVALUATE else experiment.set_folder,
        as_place("set", measured_with) if measured_with else None,
    ):
        if isinstance(place, Path) and not place.exists():
            return f"{place} does not exist; 'fractalgen build-set {place}' draws a mixing set"
    return ""


def _try_start(config: Config, step: Step, data: ImageData) -> None:
    """Raise RunError if training cannot start, or continue."""
    check_batch(config, data)
    check_image_size(config.model, data.size)
    if config.weights is not None and step is Step.TRAIN:
        with torch.random.fork_rng(devices=[]):
            network = create_model(config.model, len(data.classes), data.size)
        load_weights(network, config.weights, config.model)


def _try_measuring(experiment: Experiment, data: ImageData, data_dir: Path) -> None:
    """Open all images to measure on, as an evaluation does before it measures; see RunError."""
    measure: Mapping[str, Any] = experiment.measure
    if measure["images"] == "validation" and data.validation is not None:
        data = dataclasses.replace(data, test=data.validation)
    network = torch.nn.Identity()  # no plan uses it
    run = Run(experiment.folder, experiment.config, data, network, {}, experiment.set_folder, None)
    place = measure.get("set_folder")
    model = EvaluatedModel(
        run=run,
        network=network,
        limit=measure["limit"],
        batch_size=1,
        seed=measure["seed"],
        set_folder=as_place("set", place) if place else None,
        data_dir=data_dir,
        accelerator=None,
        progress=_silent,
        tell=_silent,
    )
    own = {key: value for key, value in measure.items() if key not in (*GENERAL, "set_folder")}
    options = options_from(own)
    for key, measurement in MEASUREMENTS.items():
        measurement.plan(model, options[key])


def _silent(*_: Any) -> None:
    """Show nothing."""
