"""Classes for formula-driven pre-training: parameters, and images that are variations of them."""

from functools import lru_cache
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from fractalgen.errors import ArgumentError
from fractalgen.families import FAMILIES
from fractalgen.families.base import Family, ImageSpec, first_accepted
from fractalgen.seeding import rng_for

__all__ = [
    "ClassFamily",
    "class_family",
    "class_params",
    "families_with_classes",
    "sample_instance",
]

P = TypeVar("P")


class ClassFamily(Family[P], Protocol[P]):
    """A family that has classes.

    Attributes
    ----------
    max_classes : int
        Most classes that can be told apart. With more, a small network that has not seen them would
        know fewer than one instance in twenty, by what ``benchmarks/classes.py`` measures; 21,000,
        the largest published number, where that would allow still more.
    """

    max_classes: ClassVar[int]

    def __hash__(self) -> int:
        """Hash the options, by which drawn classes are found again."""

    def vary(self, params: P, rng: np.random.Generator) -> P:
        """Draw an instance of the class that has these parameters.

        What makes a class recognisable stays: the shape. Colours are drawn anew, so that a network
        cannot learn the classes by them.
        """


def families_with_classes() -> list[str]:
    """Return the names of the families that have classes."""
    return [name for name in FAMILIES if hasattr(FAMILIES[name], "vary")]


def class_family(name: str) -> type[ClassFamily[Any]]:
    """Return a family that has classes.

    Raises
    ------
    UnknownNameError
        If there is no such family.
    ArgumentError
        If it has no classes; the message names those that have.
    """
    kind: Any = FAMILIES[name]
    if not hasattr(kind, "vary"):
        raise ArgumentError(
            f"{name} has no classes; these families have: {', '.join(families_with_classes())}"
        )
    found: type[ClassFamily[Any]] = kind
    return found


@lru_cache(maxsize=1024)
def class_params(family: Any, seed: int, class_: int) -> Any:
    """Draw the parameters of a family's class from its own stream, which no other class shares."""
    rng = rng_for(seed, f"{family.name} class", class_)
    return first_accepted(family, lambda: family.sample_params(rng))[1]


def sample_instance(family: ClassFamily[Any], seed: int, class_: int, instance: int) -> ImageSpec:
    """Draw an instance of a class; it does not depend on how many classes or instances there are.

    As in `fractalgen.families.base.sample_spec`, the last draw is used even if it is not accepted.
    """
    params = class_params(family, seed, class_)
    rng = rng_for(seed, f"{family.name} instance", class_, instance)
    attempt, varied = first_accepted(family, lambda: family.vary(params, rng))
    return ImageSpec(family.name, seed, instance, attempt, varied, class_)
