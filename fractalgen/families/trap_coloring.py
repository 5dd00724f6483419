"""Draw how an escape-time image is coloured."""

import math

import numpy as np

from fractalgen.color.palettes import choose
from fractalgen.families.base import log_uniform, rounded
from fractalgen.families.coloring import BLENDS, Coloring, FieldWeights

__all__ = ["sample_coloring"]


def sample_coloring(rng: np.random.Generator, palette: str) -> Coloring:
    """Draw two palettes and how far each field moves along them."""
    angle = rng.random() * math.tau
    return Coloring(
        base_colors=choose(palette, rng).colors,
        trap_colors=choose(palette, rng).colors,
        base=FieldWeights(
            smooth=log_uniform(rng, 0.6, 2.5),
            distance=_sometimes(rng, 0.4, rng.uniform(0.2, 1.0)),
            hit=_sometimes(rng, 0.25, rng.uniform(0.1, 0.6)),
            angle=_sometimes(rng, 0.15, _sign(rng)),
            phase=rounded(rng.random()),
        ),
        trap=FieldWeights(
            smooth=_sometimes(rng, 0.3, rng.uniform(0.2, 0.8)),
            distance=log_uniform(rng, 0.5, 2.0),
            hit=_sometimes(rng, 0.5, rng.uniform(0.2, 1.0)),
            angle=_sometimes(rng, 0.35, _sign(rng)),
            phase=rounded(rng.random()),
        ),
        interior=FieldWeights(
            smooth=0.0,
            distance=log_uniform(rng, 0.5, 2.0),
            hit=_sometimes(rng, 0.5, rng.uniform(0.2, 1.0)),
            angle=_sometimes(rng, 0.3, _sign(rng)),
            phase=rounded(rng.random()),
        ),
        normalizer=str(rng.choice(["linear", "balanced", "rank"], p=[0.2, 0.5, 0.3])),
        blend=str(rng.choice(BLENDS, p=[0.6, 0.15, 0.15, 0.1])),
        opacity=rounded(rng.uniform(0.7, 1.0)),
        reach=rounded(rng.uniform(0.3, 1.0)),
        relief=_sometimes(rng, 0.5, log_uniform(rng, 0.02, 0.2)),
        light=(rounded(math.cos(angle)), rounded(math.sin(angle))),
    )


def _sometimes(rng: np.random.Generator, share: float, value: float) -> float:
    return rounded(value) if rng.random() < share else 0.0


def _sign(rng: np.random.Generator) -> float:
    return 1.0 if rng.random() < 0.5 else -1.0
