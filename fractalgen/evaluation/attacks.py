"""Adversarial attacks: small changes of images that make a network err."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from fractalgen.errors import RunUsageError
from fractalgen.evaluation.evaluated_model import evaluating
from fractalgen.seeding import rng_for

__all__ = ["NORMS", "Normalized", "pgd"]

NORMS = ("linf", "l2")

_TINY = 1e-30


class Normalized(nn.Module):  # type: ignore[misc, unused-ignore]
    """A network that takes pixels from 0 to 1 in place of those normalised by `mean` and `std`."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, model: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.model = model
        device = _device_of(model)
        self.register_buffer("mean", torch.tensor(mean, device=device).reshape(3, 1, 1))
        self.register_buffer("std", torch.tensor(std, device=device).reshape(3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the logits for pixels (n, 3, height, width) from 0 to 1."""
        logits: torch.Tensor = self.model((pixels - self.mean) / self.std)
        return logits


def pgd(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    epsilon: float = 2 / 255,
    steps: int = 20,
    step_size: float | None = None,
    norm: str = "linf",
    seed: int,
    indices: Sequence[int] | None = None,
) -> torch.Tensor:
    """Search nearby images for a large cross entropy by projected gradient ascent.

    From a random point of the ball of radius `epsilon` around the clean image, each step follows
    the gradient's signs ("linf") or direction ("l2"), then goes back into the ball and into the
    range from 0 to 1. The ball's centre is always the clean image; the paper's public code moves it
    to the random start, so its images can be up to twice `epsilon` away. Source: Madry et al.,
    "Towards deep learning models resistant to adversarial attacks", ICLR 2018.

    Parameters
    ----------
    model : torch.nn.Module
        From pixels from 0 to 1 to logits, such as `Normalized`. It runs in evaluation mode, and its
        modes, weights and gradients are left as they were.
    images : tensor of float32, shape (n, 3, height, width)
        Clean, from 0 to 1; not changed.
    labels : tensor of int64, shape (n,)
        The true classes.
    epsilon, step_size : float
        In units of a pixel's range from 0 to 1: the largest change of a value for "linf", the
        Euclidean length of an image's change for "l2". A step is a quarter of `epsilon` by default.
    steps : int
        0 or more; 0 gives the random start.
    seed : int
        Seed for the random starts, 0 or more.
    indices : sequence of n ints, optional
        The images' places in their data set, by default 0 to n - 1. A random start depends on the
        seed, the index and the image's shape, not on the batch.
    """
    step_size = epsilon / 4 if step_size is None else step_size
    _check_options(epsilon, steps, step_size, norm)
    if images.dtype != torch.float32 or not bool(((images >= 0) & (images <= 1)).all()):
        raise ValueError("images must be float32 with values from 0 to 1")
    indices = range(len(images)) if indices is None else indices
    if len(indices) != len(images):
        raise ValueError(f"{len(images)} images need as many indices, not {len(indices)}")
    device = _device_of(model)
    with torch.inference_mode(False), torch.enable_grad(), evaluating(model):
        clean = images.detach().to(device, copy=True)
        labels = labels.detach().to(device, copy=True)
        start = _random_starts(tuple(clean.shape), norm, seed, indices).to(device)
        attacked = _projected(clean + epsilon * start, clean, epsilon, norm)
        for _ in range(steps):
            attacked.requires_grad_()
            # A sum, so that an image's gradient does not depend on how many there are.
            loss = functional.cross_entropy(model(attacked).float(), labels, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, attacked)
            ascent = gradient.sign() if norm == "linf" else _directions(gradient)
            attacked = _projected(attacked.detach() + step_size * ascent, clean, epsilon, norm)
    return attacked


def _check_options(epsilon: float, steps: int, step_size: float, norm: str) -> None:
    if norm not in NORMS:
        raise RunUsageError(f"unknown norm '{norm}': choose from {', '.join(NORMS)}")
    for name, value in (("epsilon", epsilon), ("step size", step_size), ("steps", steps)):
        if not 0 <= value < math.inf:
            raise RunUsageError(f"the attack's {name} must be 0 or more, not {value}")


def _device_of(model: nn.Module) -> Any:
    first = next(model.parameters(), None)
    return None if first is None else first.device


def _random_starts(
    shape: tuple[int, ...], norm: str, seed: int, indices: Sequence[int]
) -> torch.Tensor:
    """Draw a point of the unit ball for each index, evenly over the ball.

    For "l2" a normal vector gives the direction, and u ** (1 / dimensions) the length.
    """
    starts = np.empty(shape, np.float32)
    for start, index in zip(starts, indices, strict=True):
        rng = rng_for(seed, f"pgd-{norm}", int(index))
        if norm == "linf":
            start[...] = rng.uniform(-1.0, 1.0, start.shape)
        else:
            direction = rng.standard_normal(start.shape)
            length = rng.uniform() ** (1.0 / start.size)
            start[...] = direction * (length / np.linalg.norm(direction))
    return torch.from_numpy(starts)


def _projected(
    attacked: torch.Tensor, clean: torch.Tensor, epsilon: float, norm: str
) -> torch.Tensor:
    """Return the nearest images in the ball, clipped to values from 0 to 1."""
    if norm == "linf":
        attacked = torch.clamp(attacked, clean - epsilon, clean + epsilon)
    else:
        change = attacked - clean
        attacked = clean + change * (epsilon / _lengths(change)).clamp(max=1.0)
    return attacked.clamp(0.0, 1.0)


def _directions(gradient: torch.Tensor) -> torch.Tensor:
    """Return each image's gradient at length 1, or 0 where it is 0."""
    # Where the network is certain, the squares of its gradient are too small for float32.
    largest = gradient.abs().flatten(1).amax(dim=1).clamp(min=_TINY).reshape(-1, 1, 1, 1)
    scaled = gradient / largest
    return scaled / _lengths(scaled)


def _lengths(change: torch.Tensor) -> torch.Tensor:
    """Return the Euclidean length of each image's change, shape (n, 1, 1, 1), never 0."""
    lengths: torch.Tensor = torch.linalg.vector_norm(change.flatten(1), dim=1)
    lengths = lengths.clamp(min=_TINY)
    return lengths.reshape(-1, 1, 1, 1)
