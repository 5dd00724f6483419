"""What a family of images is, and how its parameters become JSON and come back."""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.registry import shown

P = TypeVar("P")

_LARGEST_WHOLE = 2**63

__all__ = ["Family", "log_uniform", "params_from_json", "params_to_json", "rounded"]


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


def params_to_json(params: Any) -> dict[str, Any]:
    """Turn a parameters dataclass into plain dictionaries, lists, strings and numbers."""
    return dataclasses.asdict(params)


def params_from_json(params_type: type[P], data: Mapping[str, Any]) -> P:
    """Rebuild a parameters dataclass from what `params_to_json` gave, after a trip through JSON.

    Raises
    ------
    ValueError
        If a key is missing or unknown, or a value has another type than its field.
    """
    value: P = _decode(params_type, data, params_type.__name__)
    return value


def _decode(kind: Any, data: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, data, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if data is None and type(None) in arguments:
            return None
        (kind,) = [argument for argument in arguments if argument is not type(None)]
        return _decode(kind, data, where)
    if origin is tuple:
        return _decode_tuple(arguments, data, where)
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        if abs(data) > _LARGEST_WHOLE:  # what float does not hold, it raises an OverflowError for
            raise ValueError(f"{where}: {shown(data)} is out of range")
        return float(data)
    if type(data) is not kind:
        raise ValueError(f"{where}: expected {kind.__name__}, found {shown(data)}")
    return data


def _decode_dataclass(kind: Any, data: Any, where: str) -> Any:
    if not isinstance(data, Mapping):
        raise ValueError(f"{where}: expected an object, found {shown(data)}")
    hints = typing.get_type_hints(kind)
    names = {field.name for field in dataclasses.fields(kind)}
    if names != set(data):
        odd = ", ".join(sorted(names ^ set(data)))
        raise ValueError(f"{where}: missing or unknown: {odd}")
    return kind(**{name: _decode(hints[name], data[name], f"{where}.{name}") for name in names})


def _decode_tuple(arguments: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(data, (list, tuple)):
        raise ValueError(f"{where}: expected a list, found {shown(data)}")
    kinds = (arguments[0],) * len(data) if arguments[-1] is Ellipsis else arguments
    if len(kinds) != len(data):
        raise ValueError(f"{where}: expected {len(kinds)} values, found {len(data)}")
    pairs = enumerate(zip(kinds, data, strict=True))
    return tuple(_decode(item_kind, item, f"{where}[{i}]") for i, (item_kind, item) in pairs)
