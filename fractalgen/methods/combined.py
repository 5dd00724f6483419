"""Methods made of others, such as augmix+mixup+cutmix."""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from fractalgen.arguments import one_of
from fractalgen.bank import MixingSet
from fractalgen.errors import ArgumentError, RunUsageError
from fractalgen.methods.method import Batch, Method, Views

__all__ = ["COMBINATIONS", "Combined", "combined"]

COMBINATIONS = ("sequence", "random", "epoch")

_HOOKS = {
    "views": "make the views of the images",
    "forward": "change the forward pass",
    "loss": "change the loss",
}
"""What at most one part can override, and how to say so."""


@dataclass(frozen=True)
class Combined(Method):
    """Train by several methods; see `combined`.

    The part that makes the views, such as AugMix, always comes first. The others mix the views as
    `combine` says.

    Source: Huang et al., "IPMix: Label-Preserving Data Augmentation Method for Training Robust
    Classifiers", NeurIPS 2023, appendix F.

    Attributes
    ----------
    combine : str
        ``sequence``: all of them on every batch, one after another; ``random``: one of them, drawn
        anew for every batch; ``epoch``: the first in the first epochs, then the next, for equal
        times.
    """

    combine: str = "sequence"

    parts: ClassVar[tuple[Method, ...]] = ()  # with their options, set on construction
    kinds: ClassVar[tuple[type[Method], ...]] = ()
    sources: ClassVar[Mapping[str, tuple[type[Method], str]]] = {}

    def __post_init__(self) -> None:
        one_of("combine", self.combine, COMBINATIONS)
        parts = []
        for kind in self.kinds:
            names = {theirs: own for own, (of, theirs) in self.sources.items() if of is kind}
            try:
                part = kind(**{theirs: getattr(self, own) for theirs, own in names.items()})
            except ArgumentError as error:
                raise ArgumentError(f"{kind.name}: {error}") from None
            for theirs, own in names.items():
                object.__setattr__(self, own, getattr(part, theirs))
            parts.append(part)
        object.__setattr__(self, "parts", tuple(parts))
        mixing = [part.name for part in parts if not part.overrides("views")]
        if self.combine != "sequence" and len(mixing) < 2:
            raise ArgumentError(
                f"combine {self.combine} chooses among methods that mix the views, and {self.name} "
                f"has {mixing[0] if mixing else 'none'}; vanilla can be one, too"
            )

    @classmethod
    def options_in(cls, by_method: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Return the parts' options under this method's names for them."""
        found = {kind: kind.options_in(by_method) for kind in cls.kinds}
        return {
            own: found[kind][theirs]
            for own, (kind, theirs) in cls.sources.items()
            if theirs in found[kind]
        }

    @property
    def n_views(self) -> int:
        """That of the part that makes the views."""
        return max(part.n_views for part in self.parts)

    def views(
        self, mixing_set: MixingSet | None, mean: Sequence[float], std: Sequence[float]
    ) -> Views:
        """Make the views of the one part that does so."""
        makers = [part for part in self.parts if part.overrides("views")]
        return (makers or self.parts)[0].views(mixing_set, mean, std)

    def on_device(self, batch: Batch, network: nn.Module, rng: np.random.Generator) -> Batch:
        """Change the batch by the chosen parts; `drawn` then maps their names to theirs."""
        drawn = {}
        for part in self._chosen(batch.progress, rng):
            batch = part.on_device(dataclasses.replace(batch, drawn=None), network, rng)
            drawn[part.name] = batch.drawn
        return dataclasses.replace(batch, drawn=drawn)

    def _chosen(self, progress: float, rng: np.random.Generator) -> list[Method]:
        first = [part for part in self.parts if part.overrides("views")]
        rest = [part for part in self.parts if part not in first]
        if self.combine == "random":
            rest = [rest[rng.integers(len(rest))]]
        elif self.combine == "epoch":
            rest = [rest[int(progress * len(rest))]]
        return first + rest

    def forward(self, batch: Batch, model: nn.Module) -> tuple[torch.Tensor, ...]:
        """Call the forward pass of the chosen part that changes it."""
        for part in self.parts:
            if part.name in batch.drawn and part.overrides("forward"):
                drawn = batch.drawn[part.name]
                return part.forward(dataclasses.replace(batch, drawn=drawn), model)
        return super().forward(batch, model)

    def loss(self, batch: Batch, logits: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the loss of the chosen part that changes it."""
        for part in self.parts:
            if part.name in batch.drawn and part.overrides("loss"):
                drawn = batch.drawn[part.name]
                return part.loss(dataclasses.replace(batch, drawn=drawn), logits)
        return super().loss(batch, logits)


@functools.lru_cache(maxsize=256)
def combined(kinds: tuple[type[Method], ...]) -> type[Combined]:
    """Make the class of a method that is made of others.

    Its options are those of its parts. Where parts share an option's name, it has the part's name
    before it: ``mixup_alpha`` and ``cutmix_alpha``.

    Raises
    ------
    RunUsageError
        If a part is given twice, or if two parts change what only one can.
    """
    name = "+".join(kind.name for kind in kinds)
    for kind, count in Counter(kinds).items():
        if count > 1:
            raise RunUsageError(f"the method {name} has {kind.name} more than once")
    for hook, words in _HOOKS.items():
        owners = [kind.name for kind in kinds if kind.overrides(hook)]
        if len(owners) > 1:
            raise RunUsageError(f"{' and '.join(owners)} both {words}; only one method can do that")
    counts = Counter(field.name for kind in kinds for field in dataclasses.fields(kind))
    sources, fields = {}, []
    for kind in kinds:
        hints = typing.get_type_hints(kind)
        for field in dataclasses.fields(kind):
            own = field.name
            if counts[own] > 1:
                own = f"{kind.name}_{own}".replace("-", "_")
            sources[own] = (kind, field.name)
            metadata = {"source": (kind, field.name)}
            default = dataclasses.field(default=field.default, metadata=metadata)
            fields.append((own, hints[field.name], default))
    made: Any = dataclasses.make_dataclass(
        f"Combined[{name}]",
        fields,
        bases=(Combined,),
        namespace={
            "name": name,
            "kinds": kinds,
            "sources": sources,
            "uses_set": any(kind.uses_set for kind in kinds),
            "uses_network": any(kind.uses_network for kind in kinds),
            "__module__": __name__,
            "__doc__": f"Images changed by {' and '.join(kind.name for kind in kinds)}.",
        },
        frozen=True,
    )
    recipes = {recipe for kind in kinds for recipe in kind.recipes}
    made.recipes = {
        recipe: made.options_in({kind.name: kind.recipes.get(recipe, {}) for kind in kinds})
        for recipe in recipes
    }
    found: type[Combined] = made
    return found
