"""Where compiled kernels, banks and corrupted images are kept between runs."""

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path

import platformdirs

__all__ = ["default_folder", "temporary_folder"]


def default_folder() -> Path:
    """Return fractalgen's folder in the user's folder for caches.

    ``$XDG_CACHE_HOME`` is respected on every system. Without a home, it is a temporary folder.
    """
    named = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(named):  # noqa: PTH117 - a relative one is to be ignored
        return Path(named) / "fractalgen"
    folder = platformdirs.user_cache_path("fractalgen", appauthor=False)
    # Without a home, "~" is left as it is.
    return folder if folder.is_absolute() else temporary_folder()


@functools.cache
def temporary_folder() -> Path:
    """Return a folder that is removed when this process ends; its children may use it."""
    folder = Path(tempfile.mkdtemp(prefix="fractalgen-"))
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder
