"""The options of a family in a recipe, checked and completed."""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

from fractalgen.color.palettes import resolve
from fractalgen.errors import FractalgenError, RecipeError
from fractalgen.families import FAMILIES
from fractalgen.registry import nearest, shown

__all__ = ["check_whole", "complete_options"]


def check_whole(key: str, value: Any, low: int) -> None:
    """Raise RecipeError, with the key, unless a value is a whole number from `low` on."""
    if type(value) is not int or value < low:
        raise RecipeError(f"{key} must be a whole number, {low} or more, not {shown(value)}", key)


def complete_options(name: str, given: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Check a family's options and fill in the defaults."""
    family_type = FAMILIES[name]
    hints = typing.get_type_hints(family_type)
    known = [field.name for field in dataclasses.fields(typing.cast(Any, family_type))]
    options = dict(given)
    for key, value in options.items():
        if key not in known:
            raise RecipeError(f"{name} has no option '{key}': {nearest(key, known)}", key)
        if type(value) is not hints[key]:
            kind = {int: "a whole number", str: "text in quotes"}.get(hints[key], hints[key])
            raise RecipeError(f"{name}: {key} must be {kind}, not {shown(value)}", key)
    if "palette" in options:
        options["palette"] = resolve(options["palette"])
    try:
        family = family_type(**options)
    except ValueError as error:
        at_fault, reason = _at_fault(family_type, options) or (None, error)
        raise RecipeError(f"{name}: {reason}", at_fault) from None
    return tuple((key, getattr(family, key)) for key in known)


def _at_fault(family_type: Any, options: Mapping[str, Any]) -> tuple[str, ValueError] | None:
    """Return the first option that is wrong by itself, and why; None if they clash."""
    for key, value in options.items():
        try:
            family_type(**{key: value})
        except ValueError as error:  # noqa: PERF203 - there are few options
            return key, error
        except (FractalgenError, OSError):  # it needs another option
            continue
    return None
