"""What a family of images is."""

from collections.abc import Callable, Mapping
from typing import ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

P = TypeVar("P")

__all__ = ["Family", "log_uniform", "rounded"]


class Family(Protocol[P]):
    """One kind of image: a frozen dataclass whose fields are the options of its command.

    All randomness is in `sample_params`; `render` is pure and looks at nothing but its
    arguments, so that recorded parameters redraw an image whatever the options were.

    Attributes
    ----------
    version : int
        From 1; counts up whenever the same options, seed and index would give another image:
        other parameters, or other pixels of the same parameters. It is part of a recipe's digest,
        and a set of one version is not gone on with by another.
    """

    version: ClassVar[int]

    @property
    def name(self) -> str:
        """The command's name and the folder's: ``escape-time``."""

    @property
    def params_type(self) -> type[P]:
        """The frozen dataclass that holds one image's parameters."""

    def sample_params(self, rng: np.random.Generator) -> P:
        """Draw the parameters of one image."""

    def accepts(self, params: P) -> bool:
        """Say whether these parameters give an image worth having, from a small probe."""

    def render(self, params: P, size: int) -> NDArray[np.uint8]:
        """Draw the image as a (size, size, 3) uint8 RGB array, `size` pixels a side."""

    @classmethod
    def compilations(cls) -> Mapping[str, Callable[[], object]]:
        """Return calls that between them compile all kernels of the family, by name.

        Each may run in a process of its own, at the same time as the others.
        """


def rounded(value: float) -> float:
    """Round to nine significant digits.

    Parameters pass through this where a library's sine or logarithm made them: libraries differ
    in the seventeenth digit, and a recorded nine-digit number is the same everywhere.
    """
    return float(f"{value:.9g}")


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw from [low, high], both positive, with the logarithm uniform; nine digits."""
    return rounded(low * (high / low) ** rng.random())
