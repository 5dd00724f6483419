"""Where compiled kernels, banks and corrupted images are kept between runs."""

import atexit
import functools
import os
import shutil
import sys
import tempfile
from pathlib import Path

__all__ = ["default_folder", "temporary_folder"]


def default_folder() -> Path:
    """Return the user's folder for caches, with one for fractalgen in it.

    ``$XDG_CACHE_HOME`` if it is set, else ``~/Library/Caches`` on macOS, ``%LOCALAPPDATA%`` on
    Windows, ``~/.cache`` elsewhere; the temporary folder of this process if there is no home.
    """
    named = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(named):  # noqa: PTH117 - a relative one is to be ignored
        return Path(named) / "fractalgen"
    local = os.environ.get("LOCALAPPDATA", "")
    if sys.platform == "win32" and local:
        return Path(local) / "fractalgen" / "Cache"
    try:
        home = Path.home()
    except RuntimeError:
        return temporary_folder()
    place = home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"
    return place / "fractalgen"


@functools.cache
def temporary_folder() -> Path:
    """Return a folder that goes with this process; its children use it and leave it alone."""
    folder = Path(tempfile.mkdtemp(prefix="fractalgen-"))
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder
