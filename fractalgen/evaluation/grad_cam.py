"""Where a network looks: Grad-CAM, and the features before its last layer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from fractalgen.errors import RunError

__all__ = ["grad_cam", "penultimate_features"]


def grad_cam(network: nn.Module, images: torch.Tensor, name: str) -> NDArray[np.float32]:
    """Return how much each place of an image speaks for the predicted class.

    The channels of the last feature map are summed, each weighted by the mean gradient of the
    class's logit over the map; negative sums become 0, and the map is enlarged bilinearly. Source:
    Selvaraju et al., "Grad-CAM: Visual explanations from deep networks via gradient-based
    localization", ICCV 2017, equations 1 and 2.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode.
    images : tensor, float32 (n, 3, size, size)
        Normalised images.
    name : str
        The network's name, for messages.

    Returns
    -------
    ndarray of float32, shape (n, size, size)
        From 0 to 1, where 1 is the largest value of each image; all 0 if no place speaks for the
        class.

    Raises
    ------
    RunError
        If the network has no convolutional feature map of more than one place.
    """
    with _last_map(network) as found, torch.enable_grad():
        logits = network(images.detach().requires_grad_())  # the network may be frozen
        maps = found.get("map")
        if maps is None or maps.dim() != 4:
            raise RunError(
                f"{name} has no convolutional feature map for images of {images.shape[-1]} pixels, "
                "which Grad-CAM needs; use --tsne alone"
            )
        chosen = logits.gather(1, logits.argmax(1, keepdim=True)).sum()
        (gradient,) = torch.autograd.grad(chosen, maps)
    weights = gradient.mean((2, 3), keepdim=True)
    cam = functional.relu((weights * maps.detach()).sum(1, keepdim=True))
    cam = functional.interpolate(cam, images.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    top = cam.amax((1, 2), keepdim=True)
    result: NDArray[np.float32] = torch.where(top > 0, cam / top, 0.0).float().cpu().numpy()
    return result


@contextlib.contextmanager
def _last_map(network: nn.Module) -> Iterator[dict[str, torch.Tensor]]:
    """Record the last output of a module that has places: (n, channels, y, x) or (n, tokens, d)."""
    found: dict[str, torch.Tensor] = {}

    def record(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and (
            output.dim() == 3 or (output.dim() == 4 and output.shape[2] * output.shape[3] > 1)
        ):
            found["map"] = output

    hooks = [module.register_forward_hook(record) for module in network.modules()]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def penultimate_features(
    network: nn.Module, head: str | None, images: torch.Tensor
) -> NDArray[np.float32]:
    """Return what the last layer reads, float32 (n, features).

    `head` is the layer's name in the network, such as ``fc``; None for the linear layer that runs
    last. The network is in evaluation mode. RunError if it has no such layer.
    """
    found: list[torch.Tensor] = []

    def record(_module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        found.append(inputs[0])

    layers = (
        [each for each in network.modules() if isinstance(each, nn.Linear)]
        if head is None
        else [network.get_submodule(head)]
    )
    hooks = [layer.register_forward_pre_hook(record) for layer in layers]
    try:
        with torch.inference_mode():
            network(images)
    finally:
        for hook in hooks:
            hook.remove()
    if not found or found[-1].shape[:-1] != images.shape[:1]:
        raise RunError("t-SNE needs a network whose last layer is linear and reads one vector")
    features: NDArray[np.float32] = found[-1].float().cpu().numpy()
    return features
