"""A run that has weights, as evaluation takes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from fractalgen.errors import RunError, RunUsageError
from fractalgen.training.checkpoints import read_checkpoint
from fractalgen.training.config import Config
from fractalgen.training.datasets import load_data
from fractalgen.training.datasets.image_data import ImageData
from fractalgen.training.models import create_model
from fractalgen.training.run_folder import RunFolder

__all__ = ["CHECKPOINTS", "TrainedRun", "load_run"]

CHECKPOINTS = ("last", "best")


@dataclass(frozen=True)
class TrainedRun:
    """A trained classifier and what it was trained on.

    Attributes
    ----------
    folder : Path
        The run's.
    config : Config
        What was trained.
    data : ImageData
        Its data set.
    model : nn.Module
        In eval mode, on the CPU. Takes float32 (n, 3, size, size), normalised by the data's mean
        and std, and gives logits (n, classes).
    checkpoint : dict
        ``name``, ``epoch`` and the file's ``sha256``.
    set_folder : Path or None
        The mixing set, as it was named.
    set_digest : str or None
        What the set's images were.
    """

    folder: Path
    config: Config
    data: ImageData
    model: nn.Module
    checkpoint: dict[str, Any]
    set_folder: Path | None
    set_digest: str | None


def load_run(
    folder: Path, *, checkpoint: str = "last", data_dir: Path = Path("data")
) -> TrainedRun:
    """Load a run's weights and its data set.

    Parameters
    ----------
    folder : Path
        A run's folder.
    checkpoint : str
        ``last``; or ``best``: of the least error on the test images, which therefore flatters.
    data_dir : Path
        Where data sets are, or are downloaded to.

    Raises
    ------
    RunUsageError
        If there is no such checkpoint.
    RunError
        If the folder is no run, or what it holds cannot be used.
    """
    if checkpoint not in CHECKPOINTS:
        raise RunUsageError(f"a checkpoint is one of {', '.join(CHECKPOINTS)}, not '{checkpoint}'")
    run = RunFolder(folder)
    described = run.read()
    path = run.last if checkpoint == "last" else run.best
    state = read_checkpoint(path)
    data = load_data(state.config.dataset, data_dir=data_dir, image_size=state.config.image_size)
    model = create_model(state.config.model, len(data.classes), data.size)
    try:
        model.load_state_dict(dict(state.model))
    except RuntimeError:
        raise RunError(
            f"{path} does not fit {state.config.model} on {data.name} with {len(data.classes)} "
            "classes; has the data set changed?"
        ) from None
    return TrainedRun(
        folder=folder,
        config=state.config,
        data=data,
        model=model.eval(),
        checkpoint={"name": checkpoint, "epoch": state.epoch, "sha256": state.sha256},
        set_folder=None if described.set_folder is None else Path(described.set_folder),
        set_digest=state.set_digest,
    )
