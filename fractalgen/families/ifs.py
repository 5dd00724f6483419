"""Placeholder while the real family is being written."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class IFSParams:
    """Placeholder."""

    noise_seed: int


@dataclass(frozen=True)
class IFS:
    """Placeholder."""

    name: ClassVar[str] = "ifs"
    params_type: ClassVar[type[IFSParams]] = IFSParams
    palette: str = "any"

    def sample_params(self, rng: np.random.Generator) -> IFSParams:
        return IFSParams(int(rng.integers(2**63)))

    def accepts(self, params: IFSParams) -> bool:
        return True

    def render(self, params: IFSParams, size: int) -> NDArray[np.uint8]:
        rng = np.random.default_rng(params.noise_seed)
        return rng.integers(0, 256, (size, size, 3)).astype(np.uint8)
