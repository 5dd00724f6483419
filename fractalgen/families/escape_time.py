"""Placeholder while the real family is being written."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class EscapeTimeParams:
    """Placeholder."""

    noise_seed: int


@dataclass(frozen=True)
class EscapeTime:
    """Placeholder."""

    name: ClassVar[str] = "escape-time"
    params_type: ClassVar[type[EscapeTimeParams]] = EscapeTimeParams
    palette: str = "any"

    def sample_params(self, rng: np.random.Generator) -> EscapeTimeParams:
        return EscapeTimeParams(int(rng.integers(2**63)))

    def accepts(self, params: EscapeTimeParams) -> bool:
        return True

    def render(self, params: EscapeTimeParams, size: int) -> NDArray[np.uint8]:
        rng = np.random.default_rng(params.noise_seed)
        return rng.integers(0, 256, (size, size, 3)).astype(np.uint8)
