"""Manifold mixup: mixup of hidden states."""

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from fractalgen.arguments import real_number, whole_number
from fractalgen.methods.method import Batch, Method

__all__ = ["ManifoldMixup", "stages_of"]

# In this package's networks and torchvision's ResNets, and in torchvision's transformers.
_STAGE = re.compile(r"(stage|layer)\d+|encoder\.layers\.encoder_layer_\d+")


@dataclass(frozen=True)
class ManifoldMixup(Method):
    """Train on averages of two images' hidden states, with the classes of both as targets.

    In every batch a random layer is chosen: the input, or the output of one of the first stages.

    Source: Verma et al., "Manifold mixup: Better representations by interpolating hidden states",
    ICML 2019.

    Attributes
    ----------
    alpha : float
        Both parameters of the Beta distribution of the weight, 0.01 to 1000.
    n_stages : int
        Number of stages after which hidden states can be mixed, 0 to 100. A transformer's stages
        are its blocks.
    """

    alpha: float = 2.0
    n_stages: int = 2

    name: ClassVar[str] = "manifold-mixup"
    uses_network: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", real_number("alpha", self.alpha, 0.01, 1000))
        object.__setattr__(self, "n_stages", whole_number("n_stages", self.n_stages, 0, 100))

    def on_device(self, batch: Batch, network: nn.Module, rng: np.random.Generator) -> Batch:
        """Choose the layer, the weight and the partners, and mix the targets."""
        layers = [None, *stages_of(network)[: self.n_stages]]
        layer = layers[rng.integers(len(layers))]
        weight = float(rng.beta(self.alpha, self.alpha))
        partners = torch.from_numpy(rng.permutation(len(batch.labels))).to(batch.labels.device)
        mix = _Mix(layer, weight, partners)
        return dataclasses.replace(batch, targets=mix(batch.class_weights), drawn=mix)

    def forward(self, batch: Batch, model: nn.Module) -> tuple[torch.Tensor, ...]:
        """Mix the input, or what leaves the chosen layer."""
        mix: _Mix = batch.drawn
        if mix.layer is None:
            views = tuple(mix(view) for view in batch.views)
            return super().forward(dataclasses.replace(batch, views=views), model)

        def mixed(_module: nn.Module, _given: Any, out: torch.Tensor) -> torch.Tensor:
            return torch.cat([mix(part) for part in out.chunk(len(batch.views))])

        handle = mix.layer.register_forward_hook(mixed)
        try:  # a compiled network would not notice the new hook
            with torch.compiler.set_stance("force_eager"):
                return super().forward(batch, model)
        finally:
            handle.remove()


@dataclass(frozen=True, eq=False)
class _Mix:
    """Averages each row of a tensor with its partner's; behind `layer`, or the input for None."""

    layer: Any
    weight: float
    partners: torch.Tensor

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        return self.weight * rows + (1 - self.weight) * rows[self.partners]


def stages_of(network: nn.Module) -> list[nn.Module]:
    """Return the stages of a network in order.

    They are the modules called stage1 or layer1 and so on, or the blocks of a transformer; in
    another network, all of its children but the last.
    """
    named = [module for name, module in network.named_modules() if _STAGE.fullmatch(name)]
    return named or list(network.children())[:-1]
