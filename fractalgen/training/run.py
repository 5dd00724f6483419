"""A run: a trained classifier, with its data and history."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from fractalgen.bank.source import Place, as_place
from fractalgen.errors import RunError, RunUsageError
from fractalgen.files.json_codec import to_json
from fractalgen.torch.datasets import normalized_tensor
from fractalgen.training.checkpoints import read_checkpoint
from fractalgen.training.config import Config
from fractalgen.training.datasets import load_data
from fractalgen.training.datasets.data_set import ImageData, held_out
from fractalgen.training.models import create_model
from fractalgen.training.run_folder import EpochRecord, RunFolder

__all__ = ["CHECKPOINTS", "Run", "load_run"]

CHECKPOINTS = ("last", "best")


@dataclass(frozen=True, repr=False)
class Run:
    """A trained classifier, with its data and training history.

    Attributes
    ----------
    folder : Path
        The run's folder.
    config : Config
        The configuration.
    history : list of EpochRecord
        Loss and errors of each epoch.
    data : ImageData
        The data set.
    model : nn.Module
        The network, in eval mode on the CPU. It maps the output of `preprocess` to logits
        (n, classes).
    checkpoint : dict
        ``name``, ``epoch`` and the file's ``sha256``.
    set_folder : Path, str or None
        The mixing set's folder, or its URL.
    set_digest : str or None
        Digest of the set's images.
    epochs_before : int
        Epochs that were already done when `train` started.
    """

    folder: Path
    config: Config
    data: ImageData
    model: nn.Module
    checkpoint: dict[str, Any]
    set_folder: Place | None
    set_digest: str | None
    history: list[EpochRecord] = dataclasses.field(default_factory=list)
    epochs_before: int = 0

    def preprocess(self, images: NDArray[np.uint8]) -> Tensor:
        """Turn uint8 RGB images into inputs of `model`.

        Parameters
        ----------
        images : ndarray of uint8, shape (n, size, size, 3)
            Images of the data set's size, such as ``run.data.test.for_testing([0, 1])``.

        Returns
        -------
        tensor of float32, shape (n, 3, size, size)
            (value - mean) / std, with the data set's statistics for values from 0 to 1.
        """
        tensor: Tensor = normalized_tensor(images, self.data.mean, self.data.std)
        return tensor

    def as_json(self) -> dict[str, Any]:
        """Return the folder and the history as plain dictionaries, lists, strings and numbers."""
        return {
            "folder": str(self.folder),
            "epochs_before": self.epochs_before,
            "records": to_json(self.history),
        }

    def __repr__(self) -> str:
        epoch = self.checkpoint["epoch"]
        errors = {record.epoch: record.test_error for record in self.history}
        error = f", test error {errors[epoch]:.2%}" if epoch in errors else ""
        return (
            f"<Run {str(self.folder)!r}: {self.config.model} on {self.config.dataset}, "
            f"{self.config.method.name}, {epoch} of {self.config.epochs} epochs{error}>"
        )


def load_run(
    folder: str | os.PathLike[str],
    *,
    checkpoint: str = "last",
    data_dir: str | os.PathLike[str] = "data",
    data: ImageData | None = None,
) -> Run:
    """Load a run's weights and its data set.

    Parameters
    ----------
    folder : path
        A run's folder.
    checkpoint : str
        ``last``, or ``best``, which was selected by its test error, so its results are optimistic.
    data_dir : path
        Folder for data sets; missing ones are downloaded to it.
    data : ImageData, optional
        The run's data set, if it is already loaded.

    Raises
    ------
    RunUsageError
        If the checkpoint's name is unknown.
    RunError
        If the folder is not a run, or its contents cannot be used.
    """
    if checkpoint not in CHECKPOINTS:
        raise RunUsageError(
            f"checkpoint must be one of {', '.join(CHECKPOINTS)}, not '{checkpoint}'"
        )
    run = RunFolder(Path(folder))
    described = run.read()
    path = run.last if checkpoint == "last" else run.best
    state = read_checkpoint(path)
    config = state.config
    if data is None:
        data = load_data(config.dataset, data_dir=Path(data_dir), image_size=config.image_size)
        data = held_out(data, config.hold_out)
    model = create_model(config.model, len(data.classes), data.size)
    try:
        model.load_state_dict(dict(state.model))
    except RuntimeError:
        raise RunError(
            f"{path} does not fit {config.model} on {data.name} with {len(data.classes)} "
            "classes; has the data set changed?"
        ) from None
    return Run(
        folder=run.path,
        config=config,
        data=data,
        model=model.eval(),
        checkpoint={"name": checkpoint, "epoch": state.epoch, "sha256": state.sha256},
        set_folder=None
        if described.set_folder is None
        else as_place("the set", described.set_folder),
        set_digest=state.set_digest,
        history=run.records(),
    )
