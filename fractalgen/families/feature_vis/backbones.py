"""The networks whose channels are visualised: where they come from, and how they are told apart.

Opening one imports PyTorch. Runs and published networks belong to the room of training, above this
one; the registry holds their addresses.
"""

import functools
import importlib.util
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fractalgen.errors import ArgumentError, MissingPackageError, RunError, UnknownNameError
from fractalgen.registry import Registry, nearest, shown

__all__ = [
    "BACKBONES",
    "RANDOM",
    "RANDOM_LAYERS",
    "Backbone",
    "identified",
    "open_backbone",
    "require_torch",
]

RANDOM = "random"
RANDOM_LAYERS = {"scale1": 32, "scale2": 64, "scale3": 96, "scale4": 128}
"""The layers of a random network, with their channels: known without PyTorch."""

_DIGEST = re.compile(r"[0-9a-f]{16}")
_RUN_FILE = "run.json"
_opening = threading.Lock()


@dataclass(frozen=True)
class Backbone:
    """A network to visualise.

    Attributes
    ----------
    network : fractalgen.families.feature_vis.listening.Listening
        The network, in eval mode, which reports what its layers give out.
    layers : mapping of str to tuple of int
        The living channels of each convolution that can be visualised, from the first layer on.
    mean, std : tuple of 3 floats
        What the network's inputs, from 0 to 1, are normalised by.
    digest : str
        16 hexadecimal digits of the SHA-256 of the weights; empty for a random network.
    """

    network: Any
    layers: Mapping[str, tuple[int, ...]]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    digest: str = ""


BACKBONES: Registry[Callable[[str, str], Backbone]] = Registry("kind of backbone")
"""What opens a backbone, given its name and a file of weights or an empty text."""

for _kind, _address, _summary in (
    (RANDOM, "fractalgen.families.feature_vis.random_network:open_random", "seeded, untrained"),
    ("run", "fractalgen.training.backbones:open_run", "a run's folder"),
    ("torchvision", "fractalgen.training.backbones:open_torchvision", "a model of torchvision"),
    ("timm", "fractalgen.training.backbones:open_timm", "a model of timm"),
):
    BACKBONES.add_lazily(_kind, _address, _summary)


def require_torch(what: str = "feature-vis") -> None:
    """Raise MissingPackageError, which says what needs PyTorch, unless it can be imported.

    PyTorch's waiting threads sleep instead of spinning, which would slow down the other images.
    """
    missing = [name for name in ("torch", "torchvision") if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingPackageError(
            f"{what} needs {', '.join(missing)}; install the extra 'train': "
            "pip install 'fractalgen-ipmix[train]', or '.[train]' in a checkout"
        )
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def identified(text: str, weights: str) -> str:
    """Return a backbone as it is recorded: ``kind:name#digest``, or ``random:seed``.

    ``timm:resnet18`` becomes ``timm:resnet18#`` and the digest of its weights. A name without a
    kind is looked up among the runs, torchvision's models and timm's.

    Raises
    ------
    ArgumentError
        If it is not text, or has no name.
    UnknownNameError, RunError, MissingPackageError
        If it cannot be opened. A text that has its digest is not opened.
    """
    if not isinstance(text, str) or not text:
        raise ArgumentError("backbone must be text: random, a model's name, or a run's folder")
    kind, name, digest = _parts(text)
    if kind == RANDOM:
        if not re.fullmatch(r"\d{1,9}", name):
            raise ArgumentError(f"a random backbone's seed must be a number, not {shown(name)}")
        if weights:
            raise ArgumentError("weights are for a torchvision or timm backbone; name one")
        return f"{RANDOM}:{int(name)}"
    if not digest:
        digest = open_backbone(text, weights).digest
    return f"{kind}:{name}#{digest}"


def open_backbone(text: str, weights: str) -> Backbone:
    """Open a backbone, as `identified` returns it or without its digest.

    Raises
    ------
    RunError
        If its weights are missing, damaged, or not those of the digest.
    UnknownNameError
        If there is no such model.
    MissingPackageError
        If a package is missing.
    """
    require_torch()
    kind, name, digest = _parts(text)
    with _opening:
        backbone = _opened(kind, name, weights)
    if digest and digest != backbone.digest:
        raise RunError(
            f"the weights of {kind}:{name} are not those of these images, or have changed: their "
            f"digest is {backbone.digest}, and {digest} is recorded; use the old weights, or "
            "draw a new set"
        )
    return backbone


@functools.lru_cache(maxsize=4)
def _opened(kind: str, name: str, weights: str) -> Backbone:
    return BACKBONES[kind](name, weights)


def _parts(text: str) -> tuple[str, str, str]:
    """Split ``kind:name#digest``; the digest is empty if there is none."""
    start, mark, digest = text.rpartition("#")
    if not mark or not _DIGEST.fullmatch(digest):
        start, digest = text, ""
    kind, colon, name = start.partition(":")
    if start == RANDOM:
        return RANDOM, "0", ""
    if colon and kind in BACKBONES and name:
        return kind, name, digest
    # Unlike Path.is_file, it is False for any odd text.
    if os.path.isfile(f"{start}/{_RUN_FILE}"):  # noqa: PTH113
        return "run", start, digest
    if "/" in start or "\\" in start:
        raise RunError(f"the backbone {shown(start)} is not a run's folder: no {_RUN_FILE}")
    return _kind_of(start), start, digest


def _kind_of(name: str) -> str:
    """Find a bare name among the models of the libraries; UnknownNameError suggests the nearest."""
    from fractalgen.families.feature_vis.published import model_names

    require_torch(f"the backbone {shown(name)}")
    known = {kind: model_names(kind) for kind in ("torchvision", "timm")}
    for kind, names in known.items():
        if name in names:
            return kind
    every = [RANDOM, *dict.fromkeys(one for names in known.values() for one in names)]
    hint = nearest(name, every)
    if len(hint) > 80:
        hint = "use random, torchvision:NAME, timm:NAME or a run's folder"
    raise UnknownNameError(f"unknown backbone {shown(name)}: {hint}")
