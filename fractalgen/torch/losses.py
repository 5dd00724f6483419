"""The Jensen-Shannon consistency loss for an image and its augmented views."""

import torch
from torch.nn import functional

from fractalgen.errors import ArgumentError

__all__ = ["jsd_loss"]

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
    log_p = functional.log_softmax(logits, dim=2)
    log_mean = log_p.exp().mean(dim=0).clamp(min=_MIN_PROBABILITY).log()
    divergence = (log_p.exp() * (log_p - log_mean)).sum(dim=2).mean()
    return functional.cross_entropy(logits[0], targets) + weight * divergence
