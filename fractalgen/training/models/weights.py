"""Start a network from weights: of a file, of a run, or published."""

import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from fractalgen.errors import RunError, RunUsageError
from fractalgen.files.regular_file import file_hash
from fractalgen.training.models.catalogue import MODELS, ModelEntry
from fractalgen.training.models.weight_files import read_weights

__all__ = ["PRETRAINED", "load_weights"]

PRETRAINED = "pretrained"

_LAST = "last.safetensors"
_MOST_NAMED = 5


def load_weights(model: Any, source: str, model_name: str) -> str:
    """Replace a network's weights; where this fails, none has changed.

    Parameters
    ----------
    model : torch.nn.Module
        As `create_model` builds it, with weights on any device and of any floating type.
    source : str
        A ``.safetensors``, ``.pt`` or ``.pth`` file, a run's folder, whose last weights are taken,
        or ``pretrained``: torchvision's, of ImageNet. Of those the last layer is left fresh where
        the number of classes is not ImageNet's.
    model_name : str
        The network's name in `MODELS`.

    Returns
    -------
    str
        What was loaded, for the record: ``sha256:`` and the file's digest, or the published name
        and whether the last layer was left fresh.

    Raises
    ------
    RunError
        If the weights cannot be read, do not fit, or are not all finite numbers.
    RunUsageError
        If there are no published weights for this network.
    """
    entry = MODELS[model_name]
    if source == PRETRAINED:
        return _load_published(model, entry)
    path = _file_of(source)
    weights = read_weights(path)
    _check(model, weights, str(path), entry)
    record = f"sha256:{file_hash(path)}"
    model.load_state_dict(weights, strict=False)
    return record


def _file_of(source: str) -> Path:
    path = Path(source)
    try:
        if not path.is_dir():
            return path
        if (path / _LAST).exists():
            return path / _LAST
    except OSError as error:
        raise RunError(f"cannot read {source}: {error.strerror}") from None
    raise RunError(
        f"{source} has no {_LAST}; give the folder of a run that finished an epoch, or a file of"
        " weights"
    )


def _load_published(model: Any, entry: ModelEntry) -> str:
    if entry.published_weights is None:
        known = ", ".join(name for name, other in MODELS.items() if other.published_weights)
        raise RunUsageError(
            f"nobody publishes weights for {entry.name} that fit; use --model {known},"
            " or give --weights a file"
        )
    weights = dict(_download(entry))
    current = model.state_dict()
    head = [f"{entry.head}.{part}" for part in ("weight", "bias")]
    record = f"torchvision {entry.published_weights}"
    if any(name in weights and weights[name].shape != current[name].shape for name in head):
        n_classes = len(current[head[0]])
        record += f"; the last layer is fresh, for {n_classes} classes"
        weights.update({name: current[name] for name in head})
    _check(model, weights, record, entry)
    model.load_state_dict(weights, strict=False)
    return record


def _download(entry: ModelEntry) -> Mapping[str, torch.Tensor]:
    from torchvision.models import get_weight

    published = get_weight(entry.published_weights)
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    try:
        # torch.hub announces a download on the standard output, which is for results.
        with contextlib.redirect_stdout(sys.stderr):
            weights: Mapping[str, torch.Tensor] = published.get_state_dict(
                progress=sys.stderr.isatty(),
                check_hash=True,
                weights_only=True,
                map_location=lambda storage, _: storage,
            )
    except OSError as error:
        raise RunError(
            f"cannot download {published.url} ({getattr(error, 'reason', error)});"
            f" download it elsewhere and put the file into {folder}"
        ) from None
    # A damaged file can fail in many ways, by errors of no common kind.
    except Exception:
        raise RunError(
            f"what came from {published.url} is damaged; remove it from {folder} if it is there,"
            " and try again"
        ) from None
    return weights


def _check(model: Any, weights: Mapping[str, torch.Tensor], source: str, entry: ModelEntry) -> None:
    """Raise RunError unless the weights fit."""
    current = model.state_dict()
    misfits = _misfits(current, weights)
    head = [name for name in misfits if name.startswith(f"{entry.head}.")]
    if head and len(head) == len(misfits) and all(name in weights for name in head):
        found, expected = (tensors[f"{entry.head}.weight"] for tensors in (weights, current))
        if found.ndim == expected.ndim and found.shape[1:] == expected.shape[1:]:
            raise RunError(
                f"the weights of {source} tell {len(found)} classes apart, and the data has"
                f" {len(expected)}; start from weights of the same classes, or leave --weights out"
            )
    if misfits:
        named = "; ".join(list(misfits.values())[:_MOST_NAMED])
        more = len(misfits) - _MOST_NAMED
        rest = f"; and {more} more" if more > 0 else ""
        raise RunError(f"the weights of {source} do not fit {entry.name}: {named}{rest}")
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not tensor.float().isfinite().all():
            raise RunError(
                f"the weights of {source} are damaged: {name} has values that are not finite"
            )


def _misfits(
    current: Mapping[str, torch.Tensor], weights: Mapping[str, torch.Tensor]
) -> dict[str, str]:
    """Say by name what is wrong with the tensors that do not fit, in the network's order."""
    found = {}
    for name, expected in current.items():
        given = weights.get(name)
        if given is None:
            # How many batches a norm has seen is not in old files, and changes no prediction.
            if not name.endswith(".num_batches_tracked"):
                found[name] = f"{name} {_form(expected)} is missing"
        elif (
            given.shape != expected.shape
            or given.is_floating_point() != expected.is_floating_point()
        ):
            found[name] = f"{name} is {_form(given)} and should be {_form(expected)}"
    for name, given in weights.items():
        if name not in current:
            found[name] = f"{name} {_form(given)} is unknown"
    return found


def _form(tensor: torch.Tensor) -> str:
    kind = "" if tensor.is_floating_point() else f" of {str(tensor.dtype).rpartition('.')[2]}"
    return f"{tuple(tensor.shape)}{kind}"
