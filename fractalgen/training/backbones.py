"""Trained networks to visualise: those of runs, of torchvision and of timm."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fractalgen.errors import ArgumentError, MissingPackageError, RunError, UnknownNameError
from fractalgen.families.feature_vis.backbones import Backbone
from fractalgen.families.feature_vis.listening import backbone_of
from fractalgen.families.feature_vis.published import model_names
from fractalgen.registry import nearest
from fractalgen.training.checkpoints import read_checkpoint
from fractalgen.training.models import create_model, find_model
from fractalgen.training.run_folder import RunFolder

__all__ = ["open_run", "open_timm", "open_torchvision"]

# A checkpoint lacks the statistics of its data.
_USUAL = ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def open_run(folder: str, weights: str) -> Backbone:
    """Open the last checkpoint of a run; RunError if it cannot be used."""
    if weights:
        raise ArgumentError("weights are for a torchvision or timm backbone; a run has its own")
    run = RunFolder(Path(folder))
    run.read()
    state = read_checkpoint(run.last)
    config, tensors = state.config, state.model
    entry = find_model(config.model)
    misfit = RunError(f"{run.last} does not fit {config.model}; it is another model's checkpoint")
    head = tensors.get(f"{entry.head}.weight")
    if head is None or head.ndim != 2:
        raise misfit
    places = tensors.get("encoder.pos_embedding")  # of a transformer, for images of one size
    side = config.image_size or 32
    if places is not None and places.ndim == 3:
        side = entry.size_multiple * math.isqrt(places.shape[1] - 1)
    network = create_model(config.model, len(head), side)
    try:
        network.load_state_dict(dict(tensors))
    except RuntimeError:
        raise misfit from None
    return backbone_of(network, folder, *_USUAL, side)


def open_torchvision(name: str, weights: str) -> Backbone:
    """Open a model of torchvision with its default weights, or those of a file."""
    _check_name("torchvision", name)
    models: Any = importlib.import_module("torchvision.models")
    network = _built(lambda: models.get_model(name, weights=None), f"torchvision:{name}")
    if weights:
        _load(network, weights, f"torchvision:{name}")
    else:
        published = models.get_model_weights(name).DEFAULT
        network.load_state_dict(
            _fetched(lambda: published.get_state_dict(progress=False, check_hash=True), name)
        )
    return backbone_of(network, f"torchvision:{name}", *_IMAGENET)


def open_timm(name: str, weights: str) -> Backbone:
    """Open a model of timm with its published weights, or those of a file."""
    if importlib.util.find_spec("timm") is None:
        raise MissingPackageError(f"the backbone timm:{name} needs timm; pip install timm")
    _check_name("timm", name)
    timm: Any = importlib.import_module("timm")
    what = f"timm:{name}"
    if weights:
        network = _built(lambda: timm.create_model(name), what)
        _load(network, weights, what)
    else:
        network = _fetched(lambda: timm.create_model(name, pretrained=True), what)
    config = network.pretrained_cfg
    side = int(config.get("input_size", (3, 224, 224))[-1])
    return backbone_of(network, what, config["mean"], config["std"], side)


def _check_name(kind: str, name: str) -> None:
    known = list(model_names(kind))
    # timm's names can go on with a dot and the name of their weights.
    if name not in known and name.partition(".")[0] not in known:
        hint = nearest(name, known)
        hint = hint if len(hint) < 80 else f"{kind} lists its {len(known):,} names"
        raise UnknownNameError(f"unknown model '{name}' of {kind}: {hint}")


def _built(build: Any, what: str) -> Any:
    """Build a network, and leave PyTorch's random stream as it was."""
    with torch.random.fork_rng(devices=[]):
        try:
            return build()
        except (MemoryError, RuntimeError) as error:
            raise RunError(f"{what} cannot be built ({_first_line(error)})") from None


def _fetched(fetch: Any, what: str) -> Any:
    """Download weights; torch.hub and timm print on stdout, which is for results."""
    try:
        with contextlib.redirect_stdout(sys.stderr), torch.random.fork_rng(devices=[]):
            return fetch()
    # The libraries raise exceptions of many types where there is no network, or no such file.
    except Exception as error:
        raise RunError(
            f"cannot get the weights of {what} ({_first_line(error)}); download a state dict "
            "elsewhere and name its file with --weights"
        ) from None


def _load(network: Any, weights: str, what: str) -> None:
    """Load a file of weights, by the names of the tensors or else by their order."""
    from fractalgen.training.models.weights import read_weights

    tensors = read_weights(Path(weights))
    expected: Mapping[str, Tensor] = network.state_dict()
    fitting = _fitted(tensors, expected)
    if fitting is None:
        raise RunError(
            f"the weights of {weights} do not fit {what}: their names, shapes or number differ; "
            "use a file of the same model"
        )
    for name, tensor in fitting.items():
        if tensor.is_floating_point() and not tensor.float().isfinite().all():
            raise RunError(f"the weights of {weights} are damaged: {name} is not finite")
    network.load_state_dict(fitting, strict=False)


def _fitted(
    tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> Mapping[str, Tensor] | None:
    """Return tensors by the names that a network expects; None if they do not fit.

    Ports of a network name its layers otherwise, but list them in the same order.
    """
    counts = "num_batches_tracked"  # of norm layers, which old files lack and predictions ignore
    wanted = {name: one for name, one in expected.items() if not name.endswith(counts)}
    given = {name: one for name, one in tensors.items() if not name.endswith(counts)}
    if given.keys() != wanted.keys():
        parts = [[name.rpartition(".")[2] for name in names] for names in (given, wanted)]
        if parts[0] != parts[1]:
            return None
        given = dict(zip(wanted, given.values(), strict=True))
    same = all(given[name].shape == one.shape for name, one in wanted.items())
    return given if same else None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")[:160]
