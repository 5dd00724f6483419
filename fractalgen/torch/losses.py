"""Jensen-Shannon consistency losses for the views of an image."""

import torch
from torch.nn import functional

from fractalgen.errors import ArgumentError

__all__ = ["jsd_loss", "pair_loss"]

_MIN_PROBABILITY = 1e-7


def jsd_loss(
    clean: torch.Tensor,
    aug1: torch.Tensor,
    aug2: torch.Tensor,
    targets: torch.Tensor,
    weight: float = 12.0,
) -> torch.Tensor:
    """Return the cross entropy of the clean images plus the weighted divergence of three views.

    loss = CE(clean, targets) + weight * (KL(p0 | m) + KL(p1 | m) + KL(p2 | m)) / 3, where p0, p1
    and p2 are the predicted probabilities, m is their mean, clamped from below to 1e-7, and KL is
    the mean over the batch. Source: Hendrycks et al., "AugMix: A simple data processing method to
    improve robustness and uncertainty", ICLR 2020.

    Parameters
    ----------
    clean, aug1, aug2 : tensor, shape (batch, classes)
        Logits for the clean images and their two views. The loss is always computed in float32.
    targets : tensor
        Class indices, shape (batch,), or probabilities, shape (batch, classes).
    weight : float
        Weight of the divergence.
    """
    views = (clean, aug1, aug2)
    if not all(isinstance(view, torch.Tensor) and view.shape == clean.shape for view in views):
        raise ArgumentError("clean, aug1 and aug2 must have the same shape, (batch, classes)")
    logits = torch.stack(views).float()
    return functional.cross_entropy(logits[0], targets) + weight * _divergence(logits)


def pair_loss(
    first: torch.Tensor, second: torch.Tensor, targets: torch.Tensor, weight: float
) -> torch.Tensor:
    """Return the mean cross entropy of two views of each image, plus their weighted divergence.

    loss = (CE(first, targets) + CE(second, targets)) / 2 + weight * (KL(p0 | m) + KL(p1 | m)) / 2,
    with the divergence of `jsd_loss` for two views, whatever they are. The arguments are those of
    `jsd_loss`.
    """
    logits = torch.stack((first, second)).float()
    entropies = [functional.cross_entropy(view, targets) for view in logits]
    return (entropies[0] + entropies[1]) / 2 + weight * _divergence(logits)


def _divergence(logits: torch.Tensor) -> torch.Tensor:
    """Return the mean divergence of views, shape (views, batch, classes), from their mean."""
    log_p = functional.log_softmax(logits, dim=2)
    log_mean = log_p.exp().mean(dim=0).clamp(min=_MIN_PROBABILITY).log()
    return (log_p.exp() * (log_p - log_mean)).sum(dim=2).mean()
