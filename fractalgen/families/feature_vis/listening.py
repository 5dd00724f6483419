"""A network that reports what its layers give out, to several threads at once."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from fractalgen.errors import RunError
from fractalgen.families.feature_vis.backbones import Backbone

__all__ = ["Listening", "backbone_of"]

_PROBE_SIDE = 64
_MAX_STRIDE = 16  # of a layer: beyond it there are too few places to respond
_DEPTH = 0.6  # share of the convolutions that are visualised, from the first on
_SILENT = 0.02  # a channel whose filter is this much weaker than the layer's median is dead


class _Heard(Exception):  # noqa: N818 - not an error
    """Every layer of interest has answered, so the rest of the network need not run."""


class _Wanted(threading.local):
    names: frozenset[str] = frozenset()
    heard: dict[str, Tensor]


class Listening:
    """A frozen network in eval mode whose convolutions are listened to.

    Parameters
    ----------
    network : nn.Module
        Takes images (n, 3, side, side).
    side : int or None
        The only side that the network takes; images of another one are resized.
    """

    def __init__(self, network: nn.Module, side: int | None = None) -> None:
        self.network = network.eval().requires_grad_(False)
        self.side = side
        self.convolutions = {
            name: module
            for name, module in network.named_modules()
            if isinstance(module, nn.Conv2d)
        }
        self._wanted = _Wanted()
        for name, module in self.convolutions.items():
            module.register_forward_hook(self._hook(name))

    def _hook(self, name: str) -> Any:
        def listen(_module: Any, _inputs: Any, output: Tensor) -> None:
            wanted = self._wanted
            if name in wanted.names:
                wanted.heard[name] = output.clone()  # the next layer may change it in place
                if len(wanted.heard) == len(wanted.names):
                    raise _Heard

        return listen

    def answers(self, images: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Run the network as far as needed; return what layers give out, in order of use."""
        if self.side is not None and images.shape[-1] != self.side:
            images = functional.interpolate(
                images, (self.side, self.side), mode="bilinear", align_corners=False
            )
        self._wanted.names, self._wanted.heard = frozenset(names), {}
        try:
            with contextlib.suppress(_Heard):
                self.network(images)
            return self._wanted.heard
        finally:
            self._wanted.names, self._wanted.heard = frozenset(), {}

    def to(self, device: torch.device) -> Listening:
        """Move the network to a device."""
        self.network.to(device)
        return self


def backbone_of(
    network: nn.Module,
    what: str,
    mean: Sequence[float],
    std: Sequence[float],
    side: int = 224,
) -> Backbone:
    """Prepare a network to be visualised; `side` is that of its usual images.

    RunError if it does not take RGB images, or has no convolution that can be visualised.
    """
    listening, shapes = _probed(network, what, side)
    seen = listening.side or _PROBE_SIDE
    fine = [
        name
        for name, shape in shapes.items()
        if len(shape) == 4 and min(shape[2:]) * _MAX_STRIDE >= seen and min(shape[2:]) > 1
    ]
    layers = {
        name: alive
        for name in fine[: max(4, round(_DEPTH * len(shapes)))]
        if (alive := _living(listening.convolutions[name].weight))
    }
    if not layers:
        raise RunError(f"{what} has no convolutions that can be visualised; use another backbone")
    return Backbone(
        listening, layers, (mean[0], mean[1], mean[2]), (std[0], std[1], std[2]), _digest(network)
    )


def _probed(
    network: nn.Module, what: str, side: int
) -> tuple[Listening, dict[str, tuple[int, ...]]]:
    """Run a network on noise; return it with the shape that each convolution gives out."""
    reason: Exception | None = None
    listening = Listening(network)
    for only in (None, side):
        listening.side = only
        try:
            noise = torch.zeros(1, 3, _PROBE_SIDE, _PROBE_SIDE)
            with torch.no_grad():
                answers = listening.answers(noise, list(listening.convolutions))
            return listening, {name: tuple(one.shape) for name, one in answers.items()}
        except (RuntimeError, AssertionError, ValueError, TypeError) as error:
            reason = error
    first = (str(reason).splitlines() or [type(reason).__name__])[0]
    raise RunError(f"{what} does not take RGB images ({first}); use another backbone")


def _living(weight: Tensor) -> tuple[int, ...]:
    """Return the channels whose filters are not almost zero."""
    norms = weight.flatten(1).norm(dim=1)
    if not norms.isfinite().all():
        return ()
    return tuple(
        torch.nonzero(norms > _SILENT * norms.median().clamp_min(1e-12)).flatten().tolist()
    )


def _digest(network: nn.Module) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of a network's tensors and their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {plain.dtype} {tuple(plain.shape)};".encode())
        digest.update(plain.flatten().view(torch.uint8).numpy().data if plain.numel() else b"")
    return digest.hexdigest()[:16]
