"""Placeholder while the real family is being written."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FeaturesParams:
    """Placeholder."""

    noise_seed: int


@dataclass(frozen=True)
class Features:
    """Placeholder."""

    name: ClassVar[str] = "features"
    params_type: ClassVar[type[FeaturesParams]] = FeaturesParams
    palette: str = "any"

    def sample_params(self, rng: np.random.Generator) -> FeaturesParams:
        return FeaturesParams(int(rng.integers(2**63)))

    def accepts(self, params: FeaturesParams) -> bool:
        return True

    def render(self, params: FeaturesParams, size: int) -> NDArray[np.uint8]:
        rng = np.random.default_rng(params.noise_seed)
        return rng.integers(0, 256, (size, size, 3)).astype(np.uint8)
