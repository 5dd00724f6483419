"""Plain training with random crops and mirroring only."""

from dataclasses import dataclass
from typing import ClassVar

from fractalgen.methods.method import Method

__all__ = ["Vanilla"]


@dataclass(frozen=True)
class Vanilla(Method):
    """Train on each image as it is, with cross entropy."""

    name: ClassVar[str] = "vanilla"
