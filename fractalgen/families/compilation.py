"""Compile the kernels of several families at once, before they are needed.

Numba compiles one kernel at a time in a process, and holds the interpreter most of that time. So
other processes compile, and leave what they made in the cache that all share.
"""

import concurrent.futures
import contextlib
import gc
import subprocess
import sys
from collections.abc import Iterable
from types import TracebackType

from fractalgen.families import FAMILIES
from fractalgen.kernels.jit import compiled_mark

__all__ = ["Compilation", "compile_kernels", "n_compilations"]

_CHILD = (
    "import sys; sys.path[:] = {path!r};"
    "from fractalgen.families.compilation import compile_kernels;"
    "compile_kernels({family!r}, {part!r})"
)


def compile_kernels(family: str, part: str) -> None:
    """Compile some of a family's kernels, and mark in the cache that they are there."""
    gc.disable()  # a short process with many objects: collecting takes a tenth of its time
    FAMILIES[family].compilations()[part]()
    mark = compiled_mark(f"{family}-{part}")
    if mark is not None:
        mark.touch()


def n_compilations(family: str) -> int:
    """Return into how many parts the compiling of a family's kernels falls."""
    return len(FAMILIES[family].compilations())


class Compilation:
    """Kernels that are being compiled by other processes.

    Where one of these fails, whoever needs its kernels compiles them himself.

    Parameters
    ----------
    families : iterable of str
        The families whose kernels are needed, in the order in which they are.
    n_processes : int
        At most so many at a time.
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
                for part in FAMILIES[family].compilations()
                if (mark := compiled_mark(f"{family}-{part}")) and not mark.exists()
            ]
        if len(missing) == 1:  # which this process, having nothing else to do, compiles as fast
            missing = []
        self._futures: dict[str, list[concurrent.futures.Future[None]]] = {}
        for family, part in missing:
            future = self._executor.submit(self._compile, family, part)
            self._futures.setdefault(family, []).append(future)

    def wait_for(self, family: str) -> None:
        """Return when nobody compiles kernels of this family any more."""
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
