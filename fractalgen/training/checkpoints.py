"""A run's state after an epoch, in one file that is written atomically.

The file is a safetensors file: weights and momentum are tensors, the rest is JSON in its metadata,
and reading it executes nothing. The learning rate and everything random are functions of the
configuration and the epoch, so no other state is needed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from fractalgen.errors import RunError
from fractalgen.files.atomic import write_atomically
from fractalgen.training.config import Config
from fractalgen.version import __version__

__all__ = ["Checkpoint", "momentum_of", "read_checkpoint", "restore_momentum", "write_checkpoint"]

CHECKPOINT_VERSION = 1
_MODEL = "model."
_MOMENTUM = "optimizer."
_TRAINED = "trained."
_HEADER = "fractalgen"


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after `epoch` epochs.

    `model` has weights and buffers; `momentum` is the optimizer's, by the names of the parameters.
    Where the weights are averaged, `model` has the average, and `trained` the weights that training
    goes on from. The best checkpoint has neither of these two. `best_error` is the lowest test
    error so far. `sha256` is the hash of the file it was read from.
    """

    epoch: int
    config: Config
    set_digest: str | None
    model: Mapping[str, torch.Tensor]
    momentum: Mapping[str, torch.Tensor] = field(default_factory=dict)
    best_error: float = 1.0
    sha256: str = ""
    trained: Mapping[str, torch.Tensor] = field(default_factory=dict)


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replace a checkpoint in one step."""
    header = {
        "version": CHECKPOINT_VERSION,
        "fractalgen": __version__,
        "epoch": checkpoint.epoch,
        "best_error": checkpoint.best_error,
        "set_digest": checkpoint.set_digest,
        "config": checkpoint.config.as_json(),
    }
    tensors = {_MODEL + name: value for name, value in checkpoint.model.items()}
    tensors |= {_MOMENTUM + name: value for name, value in checkpoint.momentum.items()}
    tensors |= {_TRAINED + name: value for name, value in checkpoint.trained.items()}
    # Clones, because tensors of one file may not share memory, as tied weights do.
    plain = {
        name: value.detach().to("cpu").clone(memory_format=torch.contiguous_format)
        for name, value in tensors.items()
    }
    write_atomically(path, save_tensors(plain, {_HEADER: json.dumps(header)}), durable=True)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint onto the CPU; RunError if it is missing, damaged or of another version."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise RunError(f"{path} does not exist; this run has not finished an epoch") from None
    try:
        tensors = load_tensors(data)
    except (SafetensorError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunError(f"{path} is truncated or damaged ({reason})") from None
    header = _header(path, data)
    try:
        return Checkpoint(
            epoch=int(header["epoch"]),
            config=Config.from_json(header["config"]),
            set_digest=header["set_digest"],
            model=_with_prefix(tensors, _MODEL),
            momentum=_with_prefix(tensors, _MOMENTUM),
            trained=_with_prefix(tensors, _TRAINED),
            best_error=float(header["best_error"]),
            sha256=hashlib.sha256(data).hexdigest(),
        )
    except (KeyError, TypeError, ValueError, RunError):
        raise RunError(f"{path}: its description of the run is damaged") from None


def momentum_of(
    optimizer: torch.optim.Optimizer, model: torch.nn.Module
) -> dict[str, torch.Tensor]:
    """Return SGD's momentum by the names of the parameters."""
    return {
        name: optimizer.state[parameter]["momentum_buffer"]
        for name, parameter in model.named_parameters()
        if optimizer.state[parameter].get("momentum_buffer") is not None
    }


def restore_momentum(
    optimizer: torch.optim.Optimizer,
    model: torch.nn.Module,
    momentum: Mapping[str, torch.Tensor],
) -> None:
    """Give SGD the momentum that `momentum_of` returned."""
    for name, parameter in model.named_parameters():
        if name in momentum:
            buffer = torch.empty_like(parameter)  # in the parameter's own memory format
            optimizer.state[parameter]["momentum_buffer"] = buffer.copy_(momentum[name])


def _header(path: Path, data: bytes) -> dict[str, Any]:
    """Read our entry in the metadata, which the library's bytes loader skips."""
    n_header = int.from_bytes(data[:8], "little")
    try:
        metadata = json.loads(data[8 : 8 + n_header]).get("__metadata__", {})
        header: dict[str, Any] = json.loads(metadata[_HEADER])
        version = header["version"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RunError(
            f"{path} holds tensors, but is not a checkpoint of a run; use --weights for such files"
        ) from None
    if version != CHECKPOINT_VERSION:
        raise RunError(
            f"{path} is a checkpoint of version {version!r}; this fractalgen reads version "
            f"{CHECKPOINT_VERSION}"
        )
    return header


def _with_prefix(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)
    }
