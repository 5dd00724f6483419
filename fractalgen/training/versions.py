"""The releases that weights and figures depend on."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from fractalgen.version import __version__

__all__ = ["versions_of"]


def versions_of(libraries: Sequence[str]) -> dict[str, str]:
    """Return the versions of fractalgen, of Python, and of those libraries that are installed."""
    found = {"fractalgen": __version__, "python": platform.python_version()}
    for name in libraries:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
