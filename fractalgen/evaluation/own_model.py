"""A network that fractalgen did not train, with the data set to measure it on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fractalgen.arguments import channel_numbers, whole_number
from fractalgen.errors import ArgumentError, RunError, RunUsageError
from fractalgen.evaluation.evaluated_model import evaluating
from fractalgen.registry import shown
from fractalgen.torch.datasets import normalized_tensor
from fractalgen.training.datasets import load_data
from fractalgen.training.datasets.data_set import ImageData

__all__ = ["OwnConfig", "OwnModel", "own_model"]

_MAX_SIZE = 1 << 14


@dataclass(frozen=True)
class OwnConfig:
    """What is known about a network of the user's: its name and the images that it takes."""

    dataset: str
    model: str
    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def as_json(self) -> dict[str, Any]:
        """Return plain dictionaries, lists, strings and numbers."""
        return {
            "dataset": self.dataset,
            "model": self.model,
            "image_size": self.image_size,
            "mean": list(self.mean),
            "std": list(self.std),
        }


@dataclass(frozen=True, repr=False)
class OwnModel:
    """A network of the user's, to evaluate and to inspect; made by `own_model`.

    Attributes
    ----------
    folder : Path
        Folder for the results.
    config : OwnConfig
        The network's name and its images.
    data : ImageData
        The data set.
    model : nn.Module
        The network.
    checkpoint : dict
        ``sha256`` of the weights and the configuration.
    """

    folder: Path
    config: OwnConfig
    data: ImageData
    model: nn.Module
    checkpoint: dict[str, Any]
    set_folder: None = None
    set_digest: None = None

    def preprocess(self, images: NDArray[np.uint8]) -> torch.Tensor:
        """Turn uint8 RGB images (n, size, size, 3) into inputs of `model`, on its device."""
        inputs: torch.Tensor = normalized_tensor(images, self.data.mean, self.data.std)
        return inputs.to(next(self.model.parameters()).device)

    def __repr__(self) -> str:
        return f"<OwnModel {str(self.folder)!r}: {self.config.model} on {self.config.dataset}>"


def own_model(
    network: nn.Module,
    dataset: str,
    out: str | Path,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    name: str | None = None,
    image_size: int | None = None,
    data_dir: str | Path = "data",
) -> OwnModel:
    """Describe a network that fractalgen did not train, for `evaluate` and `inspect`.

    Parameters
    ----------
    network : nn.Module
        Maps float32 images (n, 3, image_size, image_size) to logits (n, classes), in the order of
        the data set's classes: sorted by name for a folder, as in torchvision's ImageFolder. It
        stays on its device, and is in evaluation mode only while it is measured.
    dataset : str
        ``folder:DIR`` with a folder of images for each class in ``DIR/val/``, or another data set
        of 'train-with-set'.
    out : str or Path
        Folder for the results, such as ``metrics.json`` and ``report.html``; made if it does not
        exist.
    mean, std : sequence of 3 floats
        The network's images are normalised to (value - mean) / std, for values from 0 to 1; so
        `mean` must be from 0 to 1, `std` above 0 and at most 1.
    name : str, optional
        The network's name in reports and comparisons; by default the name of its class. Networks
        of the same name are told apart by a hash of their weights.
    image_size : int, optional
        Side of the images in pixels; by default the data set's, 224 for a folder. The shorter side
        of a folder's images is resized to 8/7 of it, and the centre is cropped.
    data_dir : str or Path
        Folder for data sets; missing ones are downloaded to it.

    Returns
    -------
    OwnModel
        Takes the place of a run in `fractalgen.evaluate` and `fractalgen.inspect`.

    Raises
    ------
    RunUsageError
        If an argument is of the wrong kind or out of range.
    RunError
        If the data set cannot be read, or the network cannot take its images or has another
        number of outputs.
    OSError
        If `out` cannot be made.
    """
    if not isinstance(network, nn.Module):
        raise RunUsageError(
            f"network must be a torch.nn.Module, not {shown(network)}; load weights into one first"
        )
    if next(network.parameters(), None) is None:
        raise RunUsageError("network has no parameters, so its device is unknown")
    if name is not None and not isinstance(name, str):
        raise RunUsageError(f"name must be a string, not {shown(name)}")
    try:
        if image_size is not None:
            image_size = whole_number("image_size", image_size, 1, _MAX_SIZE)
        red, green, blue = channel_numbers("mean", mean)
        shift = (red, green, blue)
        red, green, blue = channel_numbers("std", std, scale=True)
        scale = (red, green, blue)
    except ArgumentError as error:
        raise RunUsageError(str(error)) from None
    data = load_data(dataset, data_dir=Path(data_dir), image_size=image_size, only_tests=True)
    # All that is measured normalises by the data's statistics.
    data = dataclasses.replace(data, mean=shift, std=scale)
    config = OwnConfig(dataset, name or type(network).__name__, data.size, shift, scale)
    _check_outputs(network, data)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    return OwnModel(folder, config, data, network, {"sha256": _digest(network, config)})


def _check_outputs(network: nn.Module, data: ImageData) -> None:
    """Raise RunError unless the network has an output for each class."""
    images = normalized_tensor(data.test.for_testing([0]), data.mean, data.std)
    device = next(network.parameters()).device
    try:
        with evaluating(network), torch.no_grad():
            outputs = network(images.to(device))
    except Exception as error:  # networks refuse images by errors of any type
        reason = f"{type(error).__name__}: {error}"
        raise RunError(
            f"the network cannot take float32 images of shape {tuple(images.shape)}: {reason}"
        ) from error
    expected = (1, len(data.classes))
    if not isinstance(outputs, torch.Tensor) or tuple(outputs.shape) != expected:
        found = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else shown(outputs)
        raise RunError(
            f"the network must return logits of shape {expected} for an image of {data.name}, "
            f"not {found}"
        )


def _digest(network: nn.Module, config: OwnConfig) -> str:
    """Return a hash of all that the figures depend on, apart from the network's code."""
    digest = hashlib.sha256(json.dumps(config.as_json(), sort_keys=True).encode())
    for key, value in sorted(network.state_dict().items()):
        digest.update(key.encode())
        if isinstance(value, torch.Tensor):
            plain = value.detach().cpu().contiguous().reshape(-1)
            digest.update(plain.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
