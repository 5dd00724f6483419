"""Read back the figures that an evaluation left in a run's folder."""

from __future__ import annotations

import dataclasses
import json
import math
import typing
from pathlib import Path
from types import NoneType, UnionType
from typing import Any

from fractalgen.errors import RunError
from fractalgen.evaluation.results import RESULTS_VERSION, Results

__all__ = ["METRICS", "REPORT", "read_results"]

METRICS = "metrics.json"
REPORT = "report.html"


def read_results(run: Path) -> Results:
    """Read ``metrics.json`` of a run.

    Parameters
    ----------
    run : Path
        The run's folder.

    Raises
    ------
    RunError
        If the folder is not there or was not evaluated; if the file is damaged, or was written
        by a newer fractalgen.
    """
    path = run / METRICS
    if not run.is_dir():
        raise RunError(f"{run}: there is no such run")
    again = f"write it anew by 'fractalgen evaluate {run}'"
    try:
        data = json.loads(path.read_bytes(), parse_constant=_refuse)
    except FileNotFoundError:
        raise RunError(
            f"{run} has no {METRICS}; measure it first by 'fractalgen evaluate {run}'"
        ) from None
    except (ValueError, RecursionError):
        raise RunError(f"{path} is not readable as JSON; {again}") from None
    version = data.get("version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > RESULTS_VERSION:
        raise RunError(
            f"{path} was written by a newer fractalgen; update this one, or "
            f"measure the run anew by 'fractalgen evaluate {run}'"
        )
    try:
        results: Results = _read(Results, data, "")
        for number, result in enumerate(results.corruptions):
            if not all(result.errors.values()):
                raise _WrongError(f"corruptions.{number}.errors", "has a corruption without errors")
    except _WrongError as error:
        raise RunError(f"{path} is damaged: {error}; {again}") from None
    return results


class _WrongError(Exception):
    """Something in the file is not what it has to be."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{name.removeprefix('.') or 'the whole'} {what}")


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _read(kind: Any, data: Any, name: str) -> Any:
    """Make a value of a type that the results are made of, or say what is wrong with it."""
    if dataclasses.is_dataclass(kind):
        return _read_fields(kind, data, name)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is UnionType:
        if data is None:
            return None
        return _read(next(kind for kind in arguments if kind is not NoneType), data, name)
    if origin is tuple:
        if not isinstance(data, list):
            raise _WrongError(name, "is not a list")
        return tuple(_read(arguments[0], item, f"{name}.{i}") for i, item in enumerate(data))
    if origin is dict:
        if not isinstance(data, dict):
            raise _WrongError(name, "is not an object")
        return {key: _read(arguments[1], item, f"{name}.{key}") for key, item in data.items()}
    if kind is float:
        if isinstance(data, bool) or not isinstance(data, (int, float)) or not math.isfinite(data):
            raise _WrongError(name, "is not a number")
        return float(data)
    if kind is not Any and type(data) is not kind:
        raise _WrongError(name, "is not a whole number" if kind is int else "is not a text")
    return data


def _read_fields(kind: Any, data: Any, name: str) -> Any:
    if not isinstance(data, dict):
        raise _WrongError(name, "is not an object")
    hints = typing.get_type_hints(kind)
    values = {}
    for field in dataclasses.fields(kind):
        if field.name in data:
            values[field.name] = _read(hints[field.name], data[field.name], f"{name}.{field.name}")
        elif field.default is dataclasses.MISSING:
            raise _WrongError(f"{name}.{field.name}", "is missing")
    return kind(**values)
