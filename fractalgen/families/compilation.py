"""Compile the kernels of several families at once, before they are needed.

Numba compiles one kernel at a time in a process, and holds the interpreter lock most of that time.
So other processes compile, and store the results in a shared cache.

A family's class method ``compilations()`` can return named calls that together compile all its
kernels; each can run in its own process. Otherwise drawing a few small images compiles them.
"""

import concurrent.futures
import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from fractalgen.families import FAMILIES, render, sample
from fractalgen.files.lock import held
from fractalgen.kernels.jit import compiled_mark

__all__ = ["Compilation", "compile_kernels", "compile_once", "n_compilations"]

_N_IMAGES = 24  # no single image needs all kernels
_SIZE = 16
_CHILD = (
    "import gc, sys; sys.path[:] = {path!r};"
    "gc.disable();"  # collecting takes a tenth of this short process's time
    "from fractalgen.families.compilation import compile_kernels;"
    "compile_kernels({family!r}, {part!r})"
)


def _compilations(family: str) -> Mapping[str, Callable[[], object]]:
    kind: Any = FAMILIES[family]
    if hasattr(kind, "compilations"):
        calls: Mapping[str, Callable[[], object]] = kind.compilations()
        return calls
    return {
        "images": lambda: [render(sample(family, index=i), size=_SIZE) for i in range(_N_IMAGES)]
    }


def compile_kernels(family: str, part: str) -> None:
    """Compile some of a family's kernels, and mark them in the cache as compiled."""
    _compilations(family)[part]()
    mark = compiled_mark(f"{family}-{part}")
    if mark is not None:
        mark.touch()


def compile_once(family: str) -> None:
    """Compile a family's kernels unless another process of this machine does; wait for those.

    Any number of processes can call this at once, and each part is compiled by one of them.
    """
    marks = {part: compiled_mark(f"{family}-{part}") for part in _compilations(family)}
    others = []
    for part, mark in marks.items():
        if mark is None or mark.exists():
            continue
        lock = Path(f"{mark}.lock")
        try:
            with held(lock, seconds=0):
                if not mark.exists():
                    with contextlib.suppress(Exception):  # who draws the image reports it
                        compile_kernels(family, part)
        except TimeoutError:
            others.append(lock)
    for lock in others:  # if its process ended early, this one compiles what it needs
        with held(lock):
            pass


def n_compilations(family: str) -> int:
    """Return the number of parts in which a family's kernels are compiled."""
    return len(_compilations(family))


class Compilation:
    """Kernels that other processes are compiling.

    If one of these processes fails, this process compiles the kernels when it needs them.

    Parameters
    ----------
    families : iterable of str
        The families whose kernels are needed, in order of need.
    n_processes : int
        The maximum number of processes at a time.
    """

    def __init__(self, families: Iterable[str], n_processes: int) -> None:
        self._ended = False
        self._running: set[subprocess.Popen[bytes]] = set()
        self._executor = concurrent.futures.ThreadPoolExecutor(n_processes)
        missing = []
        if n_processes > 1:
            missing = [
                (family, part)
                for family in families
                for part in _compilations(family)
                if (mark := compiled_mark(f"{family}-{part}")) and not mark.exists()
            ]
        if len(missing) == 1:  # this process has nothing else to do, and compiles just as fast
            missing = []
        self._futures: dict[str, list[concurrent.futures.Future[None]]] = {}
        for family, part in missing:
            future = self._executor.submit(self._compile, family, part)
            self._futures.setdefault(family, []).append(future)

    def wait_for(self, family: str) -> None:
        """Wait until no process is compiling kernels of this family."""
        concurrent.futures.wait(self._futures.get(family, ()))

    def _compile(self, family: str, part: str) -> None:
        code = _CHILD.format(path=sys.path, family=family, part=part)
        quiet = subprocess.DEVNULL
        with contextlib.suppress(OSError):
            process = subprocess.Popen(
                [sys.executable, "-c", code], stdin=quiet, stdout=quiet, stderr=quiet
            )
            self._running.add(process)
            if self._ended:
                process.kill()
            process.wait()
            self._running.discard(process)

    def __enter__(self) -> "Compilation":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended = True
        for process in tuple(self._running):
            process.kill()
        self._executor.shutdown(cancel_futures=True)
