"""The decorators that every kernel uses."""

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core.registry import cpu_target

from fractalgen.files.cache_folder import default_folder

F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["compiled_mark", "inlined", "kernel", "pasted"]

_config: Any = numba.config  # its settings are made at run time
# Strict IEEE arithmetic: no flag would be worth a promise that a kernel has to keep.
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": False,
    "no_cfunc_wrapper": True,  # nobody calls a kernel from C: one function less to compile
}


def _cache_folder() -> str | None:
    """Folder for compiled kernels, named by a digest of their sources; None if not writable.

    Numba's cache looks at the file of the outermost function only, so that an edit in another
    file would go unseen; with the digest in the folder's name it cannot. The folder is the user's:
    what lay beside the sources would be left behind when the package is uninstalled, and be taken
    for a package.
    """
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for source in sorted(here.glob("*.py")):
        digest.update(source.read_bytes())
    folder = default_folder() / f"kernels-{digest.hexdigest()[:12]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return str(folder) if os.access(folder, os.W_OK) else None


_CACHE_FOLDER = _cache_folder()


def compiled_mark(name: str) -> Path | None:
    """Return the file whose presence says that the kernels called `name` are in the cache.

    Its name has a digest of all that Numba looks at before it takes a kernel from there: its own
    version and Python's, the processor, and when the sources were written. None where there is no
    cache.
    """
    folder = _config.CACHE_DIR or _CACHE_FOLDER
    if not folder or _config.DISABLE_JIT:
        return None
    sources = [source.stat().st_mtime_ns for source in sorted(Path(__file__).parent.glob("*.py"))]
    processor = cpu_target.target_context.codegen().magic_tuple()
    looked_at = repr((numba.__version__, sys.version, processor, sources))
    digest = hashlib.sha256(looked_at.encode()).hexdigest()[:12]
    return Path(folder) / f"{name}-{digest}.compiled"


@contextlib.contextmanager
def _caching_in(folder: str | None) -> Iterator[None]:
    """Point Numba's cache at `folder` while one function is declared; the user's setting wins."""
    before = _config.CACHE_DIR
    if folder and not before:
        _config.CACHE_DIR = folder
    try:
        yield
    finally:
        _config.CACHE_DIR = before


def _compiled(function: F, **options: Any) -> F:
    with _caching_in(_CACHE_FOLDER):
        try:
            return cast(F, numba.njit(cache=True, **_OPTIONS, **options)(function))
        except RuntimeError:  # nowhere to keep a cache: compile in every process
            return cast(F, numba.njit(**_OPTIONS, **options)(function))


def kernel(function: F) -> F:
    """Compile a kernel that releases the GIL and is cached on disk where that is possible."""
    return _compiled(function)


def inlined(function: F) -> F:
    """Compile a function of numbers that LLVM inlines into the kernels that call it."""
    return cast(F, numba.njit(forceinline=True, **_OPTIONS)(function))


def pasted(function: F) -> F:
    """Compile a kernel that is inlined before its types are known.

    For the few small functions that write to arrays inside a loop that must be vectorised: LLVM
    inlines them too late for that. And for large ones that are called in one place: a kernel is
    compiled once more with each that calls it, directly or not. Anywhere else it costs compile
    time.
    """
    return _compiled(function, inline="always")
