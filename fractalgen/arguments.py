"""Check arguments: return each value as a plain type, or raise an ArgumentError that names it."""

import numbers
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from fractalgen.errors import ArgumentError
from fractalgen.registry import nearest, shown

__all__ = [
    "channel_numbers",
    "one_of",
    "real_number",
    "some_of",
    "true_or_false",
    "whole_number",
]

_MIN_SCALE = 1e-6
_MAX_LEVEL = 255


def whole_number(name: str, value: Any, low: int, high: int) -> int:
    """Return a whole number or NumPy integer from `low` to `high` as an int; bools are refused."""
    if type(value) is int and low <= value <= high:
        return value
    try:
        number = None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        given = shown(value if number is None else number)
        raise ArgumentError(f"{name} must be a whole number from {low} to {high}, not {given}")
    return number


def real_number(name: str, value: Any, low: float, high: float) -> float:
    """Return a number from `low` to `high` as a float; NaN is refused."""
    if type(value) is float and low <= value <= high:
        return value
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if is_number and low <= value <= high:
        return float(value)
    given = shown(float(value) if isinstance(value, np.floating) else value)
    raise ArgumentError(f"{name} must be a number from {low:g} to {high:g}, not {given}")


def true_or_false(name: str, value: Any) -> bool:
    """Return a bool; other values are refused."""
    if not isinstance(value, bool):
        raise ArgumentError(f"{name} must be True or False, not {shown(value)}")
    return value


def one_of(name: str, value: Any, known: Sequence[str]) -> str:
    """Return `value` if it is one of the `known` words; an error suggests the nearest."""
    if not isinstance(value, str):
        raise ArgumentError(f"{name} must be one of {', '.join(known)}, not {shown(value)}")
    if value not in known:
        raise ArgumentError(f"{name}: {shown(value)} is unknown; {nearest(value, list(known))}")
    return value


def some_of(name: str, values: Any, known: Sequence[str]) -> tuple[str, ...]:
    """Return one or more of the `known` words, given as a list or another sequence."""
    if not isinstance(values, Sequence) or isinstance(values, (str, bytes)) or not values:
        raise ArgumentError(
            f"{name} must be a list of one or more of {', '.join(known)}, not {shown(values)}"
        )
    return tuple(one_of(name, value, known) for value in values)


def channel_numbers(name: str, values: Any, *, scale: bool = False) -> tuple[float, ...]:
    """Return three numbers from 0 to 1, such as the means of channels with values from 0 to 1.

    Those of a `scale`, which divides, must be above 0.
    """
    low = _MIN_SCALE if scale else 0.0
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError):  # ragged, or a tensor on another device
        array = np.empty(0)
    is_fit = array.shape == (3,) and array.dtype.kind in "iuf"
    if not is_fit or not np.all((array >= low) & (array <= 1)):
        of_bytes = is_fit and np.all((array >= low) & (array <= _MAX_LEVEL))
        hint = "; divide mean and std for pixels from 0 to 255 by 255" if of_bytes else ""
        raise ArgumentError(
            f"{name} must be three numbers from {low:g} to 1, not {shown(values)}{hint}"
        )
    return tuple(float(value) for value in array)
