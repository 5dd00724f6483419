"""Which vectors this machine's kernels were compiled for, and for which processor."""

import functools
import platform
from pathlib import Path

import numba
from llvmlite.binding import get_host_cpu_name
from numba.core.dispatcher import Dispatcher

from benchmarks.assembly import widest_register

__all__ = ["processor", "vector_bits"]


@functools.lru_cache
def vector_bits(kernel: Dispatcher) -> int:
    """Return the bits of the widest vector register in a kernel's code, and in what it calls.

    0 where there are none of x86-64's. The kernel has been called before, and is compiled once
    more for the arguments of that call: code that comes from the cache has no assembly to read.
    """
    anew = numba.jit(**kernel.targetoptions)(kernel.py_func)
    anew.compile(kernel.signatures[0])
    return widest_register(anew.inspect_asm(anew.signatures[0]))


def processor() -> str:
    """Return the processor's model, as the system names it, and LLVM's name of its kind."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return f"{model} ({get_host_cpu_name()})"
