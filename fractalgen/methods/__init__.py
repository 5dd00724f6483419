"""Training methods by name. Listing them loads no PyTorch; asking for one loads its module."""

from __future__ import annotations

import pkgutil
from typing import TYPE_CHECKING

from fractalgen.errors import RunUsageError, UnknownNameError
from fractalgen.registry import Registry

if TYPE_CHECKING:
    from fractalgen.methods.method import Method

__all__ = ["DEFAULT_METHOD", "METHODS", "find_method"]

DEFAULT_METHOD = "ipmix"

METHODS: Registry[str] = Registry("method")
"""Where each method's class is."""

METHODS.add("ipmix", "fractalgen.methods.ipmix:IPMixMethod")
METHODS.add("vanilla", "fractalgen.methods.vanilla:Vanilla")


def find_method(name: str) -> type[Method]:
    """Load a method's class; RunUsageError suggests the nearest name."""
    try:
        method: type[Method] = pkgutil.resolve_name(METHODS[name])
    except UnknownNameError as error:
        raise RunUsageError(str(error)) from None
    return method
