"""What a run computes on, by accelerate: one processor, one graphics card, or many of either."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import is_bf16_available, patch_environment

from fractalgen.errors import RunUsageError
from fractalgen.registry import nearest

__all__ = ["Hardware", "accelerator_for", "n_workers"]

_PRECISIONS = ("auto", "float32", "bfloat16")
_MOST_WORKERS = 8


@dataclass(frozen=True)
class Hardware:
    """How to compute, which leaves the meaning of a run as it is.

    Attributes
    ----------
    device : str
        ``auto``, or a name that torch knows, such as ``cpu`` or ``cuda:1``.
    precision : str
        ``auto`` is bfloat16 where an accelerator has it, else float32.
    workers : int or None
        Processes that make batches, for each training process. None is as many as there are
        processors to spare beside an accelerator, and none of them where the CPU trains.
    compile : bool
        Compile the network by ``torch.compile``.
    """

    device: str = "auto"
    precision: str = "auto"
    workers: int | None = None
    compile: bool = False


def accelerator_for(hardware: Hardware) -> Accelerator:
    """Start what accelerate needs.

    Raises
    ------
    RunUsageError
        If the device is not there, or the precision is unknown.
    """
    named = None if hardware.device == "auto" else _checked(hardware.device)
    on_cpu = not torch.accelerator.is_available() if named is None else named.type == "cpu"
    # What another run in this process computed on does not bind this one.
    AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())
    many = int(os.environ.get("WORLD_SIZE", "1")) > 1
    chosen = {} if named is None or on_cpu or many else {"accelerate_torch_device": str(named)}
    with patch_environment(**chosen):
        return Accelerator(cpu=on_cpu, mixed_precision=_precision(hardware.precision, on_cpu))


def _checked(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise RunUsageError(
            f"the device '{name}' is not there ({reason}); leave --device out to take what is"
        ) from None
    if device.index is not None and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise RunUsageError(
            f"several processes cannot all use the device '{name}'; leave its number out"
        )
    return device


def _precision(asked: str, on_cpu: bool) -> str:
    """Return what accelerate calls it; ``auto`` is bfloat16 where the hardware computes in it."""
    if asked not in _PRECISIONS:
        raise RunUsageError(
            f"no precision is called '{asked}': {nearest(asked, list(_PRECISIONS))}"
        )
    if asked == "auto":
        emulated = torch.cuda.is_available() and not torch.cuda.is_bf16_supported(
            including_emulation=False
        )
        has_it = not on_cpu and not emulated and is_bf16_available()
        return "bf16" if has_it else "no"
    return "bf16" if asked == "bfloat16" else "no"


def n_workers(hardware: Hardware, accelerator: Accelerator) -> int:
    """Return how many processes make batches for this one.

    Raises
    ------
    RunUsageError
        If more were asked for than there are processors.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    if hardware.workers is None:
        spare = cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")) - 1
        return 0 if accelerator.device.type == "cpu" else max(0, min(_MOST_WORKERS, spare))
    if hardware.workers > cores:
        raise RunUsageError(
            f"{hardware.workers} workers are more than the {cores} processors here; "
            f"ask for {cores} or fewer, 0 makes the batches in the training process"
        )
    return hardware.workers
