"""The decorators for kernels, and the cache folder for compiled kernels."""

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.core.caching import FunctionCache
from numba.core.registry import cpu_target
from numba.core.sigutils import normalize_signature

from fractalgen.files.cache_folder import default_folder
from fractalgen.files.lock import held

F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["compiled_mark", "inlined", "inlined_early", "kernel", "one_process_compiles"]

_config: Any = numba.config  # its settings are made at run time
# Strict IEEE arithmetic: every processor must compute the same bits.
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": False,
    "no_cfunc_wrapper": True,  # kernels are never called from C: one function fewer to compile
}
_ready: set[str] = set()  # names of kernels that this process, or the one it was forked from, has


def _cache_folder() -> str | None:
    """Return the folder for compiled kernels, named by a digest of their sources.

    Numba's cache checks only the file of the outermost function, so it would miss an edit in
    another file; the digest in the folder's name catches it. The folder is in the user's cache,
    because files next to the sources would stay behind when the package is uninstalled, and look
    like a package. None if the folder cannot be written.
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
    return str(folder) if _is_writable(folder) else None


def _is_writable(folder: str | Path) -> bool:
    return os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


_CACHE_FOLDER = _cache_folder()


def compiled_mark(name: str) -> Path | None:
    """Return the file that marks the kernels called `name` as cached; None if nothing can be.

    Its name contains a digest of everything that Numba checks before it uses a cached kernel: the
    versions of Numba and Python, the processor, and the modification times of the sources.
    """
    folder = _config.CACHE_DIR or _CACHE_FOLDER
    if not folder or _config.DISABLE_JIT or not _is_writable(folder):
        return None
    sources = [source.stat().st_mtime_ns for source in sorted(Path(__file__).parent.glob("*.py"))]
    processor = cpu_target.target_context.codegen().magic_tuple()
    compared = repr((numba.__version__, sys.version, processor, sources))
    digest = hashlib.sha256(compared.encode()).hexdigest()[:12]
    return Path(folder) / f"{name}-{digest}.compiled"


@contextlib.contextmanager
def one_process_compiles(name: str) -> Iterator[None]:
    """Run the body, which compiles the kernels called `name`, in one process at a time.

    Processes that start together, such as the workers of a data loader, would otherwise all compile
    the same kernels. Once they are in the cache, or in this process, nothing waits.
    """
    if name in _ready:
        yield
        return
    mark = compiled_mark(name)
    with contextlib.ExitStack() as stack:
        if mark is not None and not mark.exists():
            with contextlib.suppress(OSError):  # without the lock each compiles
                stack.enter_context(held(Path(f"{mark}.lock")))
            if mark.exists():
                stack.close()
        yield
        _ready.add(name)
        if mark is not None:
            with contextlib.suppress(OSError):
                mark.touch()


@contextlib.contextmanager
def _caching_in(folder: str | None) -> Iterator[None]:
    """Point Numba's cache at `folder` while a function is declared; the user's setting wins."""
    before = _config.CACHE_DIR
    if folder and not before:
        _config.CACHE_DIR = folder
    try:
        yield
    finally:
        _config.CACHE_DIR = before


class _Cache(FunctionCache):
    """The cached code of a function, by the types of its arguments.

    Numba lets a process name the file for one signature after another process's file for another
    signature, if both save at once. From then on one of them runs the other's code, without an
    error. So processes save in turn, and what is not of the wanted signature is compiled again.
    """

    def save_overload(self, sig: Any, data: Any) -> None:
        with contextlib.suppress(OSError):  # a full disk: the next process compiles again
            self._impl.locator.ensure_cache_path()
            with held(Path(self.cache_path) / "saving.lock"):
                super().save_overload(sig, data)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        found = super().load_overload(sig, target_context)
        wanted, _ = normalize_signature(sig)
        return found if found is not None and found.signature.args == tuple(wanted) else None


def _compiled(function: F, **options: Any) -> F:
    if _config.DISABLE_JIT:  # for debuggers and coverage: plain Python, a thousand times slower
        return np.errstate(all="ignore")(function)
    compiled: Any = numba.njit(**_OPTIONS, **options)(function)
    # RuntimeError: there is no writable cache, so every process compiles.
    with _caching_in(_CACHE_FOLDER), contextlib.suppress(RuntimeError):
        compiled._cache = _Cache(function)
    return cast(F, compiled)


def kernel(function: F) -> F:
    """Compile a kernel that releases the GIL, and cache it on disk if possible."""
    return _compiled(function)


def inlined(function: F) -> F:
    """Compile a function of numbers that LLVM inlines into the kernels that call it."""
    return cast(F, numba.njit(forceinline=True, **_OPTIONS)(function))


def inlined_early(function: F) -> F:
    """Compile a function that Numba inlines before it infers types.

    Use it for small functions that write to arrays inside a loop that must be vectorised: LLVM
    inlines them too late for that. Use it also for large functions with one caller: otherwise a
    kernel is compiled again with each of its direct and indirect callers. Elsewhere it only costs
    compile time.
    """
    return _compiled(function, inline="always")
