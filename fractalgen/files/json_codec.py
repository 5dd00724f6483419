"""Dataclasses to JSON and back, with every value checked against its field's type."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from fractalgen.registry import shown

T = TypeVar("T")

__all__ = ["from_json", "to_json"]

_MAX_WHOLE = 2**63
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def to_json(value: Any) -> Any:
    """Turn a dataclass into plain dictionaries, lists, strings and numbers."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: to_json(getattr(value, field.name)) for field in fields}
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


def from_json(kind: type[T], data: Any, where: str = "", *, exact: bool = True) -> T:
    """Rebuild a dataclass from what `to_json` gave, after a trip through JSON.

    Fields can be dataclasses, tuples, lists, dictionaries with text keys, text, numbers, bools,
    any of these or None, or Any. Fields with a default can be missing. Unknown keys are refused
    with `exact`, and ignored otherwise. Messages call the whole `where`, or by the class's name.

    Raises
    ------
    ValueError
        If a key is missing or unknown, or a value does not have its field's type.
    """
    value: T = _decode(kind, data, where or kind.__name__, exact)
    return value


def _decode(kind: Any, data: Any, where: str, exact: bool) -> Any:
    if kind is Any:
        return data
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, data, where, exact)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if data is None and type(None) in arguments:
            return None
        (kind,) = [argument for argument in arguments if argument is not type(None)]
        return _decode(kind, data, where, exact)
    if origin in (tuple, list):
        return origin(_decode_items(arguments, data, where, exact))
    if origin is dict:
        if not isinstance(data, Mapping):
            raise ValueError(f"{where}: expected an object, found {shown(data)}")
        return {
            key: _decode(arguments[1], item, f"{where}.{key}", exact) for key, item in data.items()
        }
    if kind is float and type(data) in (int, float):
        if not (abs(data) <= _MAX_WHOLE if type(data) is int else math.isfinite(data)):
            raise ValueError(f"{where}: {shown(data)} is out of range")
        return float(data)
    if type(data) is not kind:
        raise ValueError(f"{where}: expected {_WORDS.get(kind, kind)}, found {shown(data)}")
    return data


def _decode_dataclass(kind: Any, data: Any, where: str, exact: bool) -> Any:
    if not isinstance(data, Mapping):
        raise ValueError(f"{where}: expected an object, found {shown(data)}")
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    odd = {name for name in fields.keys() - data.keys() if _is_required(fields[name])}
    if exact:
        odd |= data.keys() - fields.keys()
    if odd:
        raise ValueError(f"{where}: missing or unknown: {', '.join(sorted(map(str, odd)))}")
    return kind(
        **{
            name: _decode(hints[name], data[name], f"{where}.{name}", exact)
            for name in fields
            if name in data
        }
    )


def _is_required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _decode_items(
    kinds: tuple[Any, ...], data: Any, where: str, exact: bool
) -> typing.Iterator[Any]:
    if not isinstance(data, (list, tuple)):
        raise ValueError(f"{where}: expected a list, found {shown(data)}")
    if len(kinds) == 1 or kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(data)
    if len(kinds) != len(data):
        raise ValueError(f"{where}: expected {len(kinds)} values, found {len(data)}")
    for i, (kind, item) in enumerate(zip(kinds, data, strict=True)):
        yield _decode(kind, item, f"{where}[{i}]", exact)
