"""How much memory a step takes: a system that runs out of it kills the process without a word."""

from __future__ import annotations

import copy

import torch
from torch import nn

from fractalgen.errors import RunError
from fractalgen.pool import available_memory

__all__ = ["check_memory", "saved_bytes"]


def saved_bytes(network: nn.Module, image_size: int) -> int:
    """Return how many bytes a network keeps of one image until the gradients are computed.

    Parameters
    ----------
    network : nn.Module
        On the CPU; it is not changed.
    image_size : int
        Pixels a side.
    """
    sizes: dict[int, int] = {}
    parameters = {parameter.data_ptr() for parameter in network.parameters()}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in parameters:
            sizes[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    n_images = 2  # batch statistics need more than one
    with (
        torch.random.fork_rng(devices=[]),
        torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor),
    ):
        trial = copy.deepcopy(network).train()
        parameters |= {parameter.data_ptr() for parameter in trial.parameters()}
        images = torch.zeros(n_images, 3, image_size, image_size)
        kept = trial(images)  # while it lives, no two tensors share an address
        total = sum(sizes.values())
        del kept
    return total // n_images


def check_memory(network: nn.Module, image_size: int, batch_size: int, n_views: int) -> None:
    """Refuse a step on the CPU that would need more memory than there is.

    Where the system does not tell how much that is, nothing is checked.

    Raises
    ------
    RunError
        With both figures, and a batch size that would fit.
    """
    free = available_memory()
    if free is None:
        return
    each = n_views * saved_bytes(network, image_size)
    if each * batch_size <= free:
        return
    needed, there = (f"{n_bytes / 1e9:.0f} GB" for n_bytes in (each * batch_size, free))
    fitting = max(2, int(0.8 * free / each))
    raise RunError(
        f"{batch_size} images of {image_size} x {image_size} in {n_views} views need about "
        f"{needed} of memory, and {there} are free; a --batch-size of {fitting} or less would fit, "
        "and a smaller --image-size or --no-jsd takes less"
    )
