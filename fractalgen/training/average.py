"""The average of a network's weights over the steps of its training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

__all__ = ["WeightAverage"]


class WeightAverage:
    """An exponential moving average of a network's weights and buffers.

    After step n, counted from 0, average = d average + (1 - d) weights, with the smaller of `decay`
    and (1 + n) / (10 + n) as d, so that the random initial weights are soon forgotten. The running
    statistics of BatchNorm are averaged alike; whole numbers are those of the last step.

    Parameters
    ----------
    network : nn.Module
        The network on its device; its weights are changed in place only.
    decay : float
        From 0 to below 1; at 0.995 the average is over about the last 200 steps.
    start : mapping of str to tensor, optional
        The average to go on from, as from `tensors`; by default the network's weights.
    """

    def __init__(
        self, network: nn.Module, decay: float, start: Mapping[str, torch.Tensor] | None = None
    ) -> None:
        self._decay = decay
        self._live = {name: value.detach() for name, value in network.state_dict().items()}
        self.tensors = {name: value.clone() for name, value in self._live.items()}
        for name, value in (start or {}).items():
            self.tensors[name].copy_(value)
        floats = [name for name, value in self._live.items() if value.is_floating_point()]
        self._floats = (
            [self.tensors[name] for name in floats],
            [self._live[name] for name in floats],
        )
        self._whole = [name for name in self._live if name not in floats]

    def update(self, step: int) -> None:
        """Take in the weights after a step, which is counted from 0 over the whole run."""
        decay = min(self._decay, (1 + step) / (10 + step))
        with torch.no_grad():
            average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call, unused-ignore]
            average(*self._floats, step)
            for name in self._whole:
                self.tensors[name].copy_(self._live[name])

    @contextlib.contextmanager
    def in_network(self) -> Iterator[dict[str, torch.Tensor]]:
        """Put the average into the network, and its own weights back at the end.

        Yields those weights, a copy.
        """
        kept = {name: value.clone() for name, value in self._live.items()}
        self._set(self.tensors)
        try:
            yield kept
        finally:
            self._set(kept)

    def _set(self, values: Mapping[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, value in self._live.items():
                value.copy_(values[name])
