"""A run's hardware: devices, worker processes, memory, and parallel training processes."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list, is_bf16_available, patch_environment
from torch import nn

from fractalgen.errors import OtherProcessError, RunError, RunUsageError
from fractalgen.pool import available_memory
from fractalgen.registry import nearest

__all__ = [
    "Hardware",
    "accelerator_for",
    "check_device",
    "check_memory",
    "described",
    "main_first",
    "main_only",
    "n_workers",
    "saved_bytes",
]

T = TypeVar("T")

_PRECISIONS = ("auto", "float32", "bfloat16")
_MAX_WORKERS = 8


@dataclass(frozen=True)
class Hardware:
    """How to compute. It is not part of a run's identity.

    Attributes
    ----------
    device : str
        ``auto``, or a torch device such as ``cpu`` or ``cuda:1``.
    precision : str
        ``float32``, ``bfloat16``, or ``auto``: bfloat16 where an accelerator supports it.
    workers : int or None
        Worker processes that make batches, per training process. None for one per spare CPU core,
        up to eight, or for none if the CPU trains.
    compile : bool
        Compile the network with ``torch.compile``.
    """

    device: str = "auto"
    precision: str = "auto"
    workers: int | None = None
    compile: bool = False


def accelerator_for(hardware: Hardware) -> Accelerator:
    """Start accelerate; RunUsageError if the device does not exist or the precision is unknown."""
    named = None if hardware.device == "auto" else _checked(hardware.device)
    on_cpu = not torch.accelerator.is_available() if named is None else named.type == "cpu"
    # Don't reuse the device of an earlier run in this process.
    AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())
    many = int(os.environ.get("WORLD_SIZE", "1")) > 1
    chosen = {} if named is None or on_cpu or many else {"accelerate_torch_device": str(named)}
    with patch_environment(**chosen):
        return Accelerator(cpu=on_cpu, mixed_precision=_precision(hardware.precision, on_cpu))


def check_device(name: str) -> None:
    """Raise RunUsageError if a device does not exist; ``auto`` always does.

    A GPU of Nvidia's is only looked up. To use it takes some of its memory until the process ends,
    which is for hours if this process starts others that train.
    """
    if name == "auto":
        return
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise _unavailable(name, error) from None
    if device.type != "cuda":
        _checked(name)
    elif not torch.cuda.is_available():
        raise _unavailable(name, "no GPU is found")
    elif device.index is not None and device.index >= torch.cuda.device_count():
        raise _unavailable(name, f"there are {torch.cuda.device_count()}, from cuda:0 on")


def _unavailable(name: str, reason: object) -> RunUsageError:
    first_line = (str(reason).splitlines() or [type(reason).__name__])[0].rstrip(".")
    return RunUsageError(
        f"the device '{name}' is not available ({first_line}); leave out --device to choose one "
        "automatically"
    )


def _checked(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise _unavailable(name, error) from None
    if device.index is not None and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise RunUsageError(
            f"several processes cannot share the device '{name}'; leave out its number"
        )
    return device


def _precision(requested: str, on_cpu: bool) -> str:
    """Return accelerate's name for a precision."""
    if requested not in _PRECISIONS:
        raise RunUsageError(
            f"unknown precision '{requested}': {nearest(requested, list(_PRECISIONS))}"
        )
    if requested == "auto":
        emulated = torch.cuda.is_available() and not torch.cuda.is_bf16_supported(
            including_emulation=False
        )
        has_it = not on_cpu and not emulated and is_bf16_available()
        return "bf16" if has_it else "no"
    return "bf16" if requested == "bfloat16" else "no"


def n_workers(hardware: Hardware, accelerator: Accelerator) -> int:
    """Return the number of worker processes; RunUsageError if there are fewer CPU cores."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    if hardware.workers is None:
        spare = cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")) - 1
        return 0 if accelerator.device.type == "cpu" else max(0, min(_MAX_WORKERS, spare))
    if hardware.workers > cores:
        raise RunUsageError(
            f"{hardware.workers} workers are more than the {cores} available CPU cores; use "
            f"{cores} or fewer, or 0 to make the batches in the training process"
        )
    return hardware.workers


def described(accelerator: Accelerator, workers: int, *, compiles: bool) -> str:
    """Describe what the time of an epoch depends on, such as ``CPU, 2 threads, float32``."""
    kind = accelerator.device.type
    if kind == "cpu":
        parts = [f"CPU, {_counted(torch.get_num_threads(), 'thread')}"]
    else:
        parts = [torch.cuda.get_device_name(accelerator.device) if kind == "cuda" else kind]
    if accelerator.num_processes > 1:
        parts.append(_counted(accelerator.num_processes, "process"))
    if workers:
        parts.append(_counted(workers, "worker"))
    parts.append("bfloat16" if accelerator.mixed_precision == "bf16" else "float32")
    return ", ".join([*parts, "compiled"] if compiles else parts)


def _counted(n: int, what: str) -> str:
    plural = "es" if what.endswith("s") else "s"
    return f"{n} {what}{'' if n == 1 else plural}"


def main_first(accelerator: Accelerator, work: Callable[[], T]) -> T:
    """Run `work` in the main process first, so its files exist, and then in the others."""
    done = main_only(accelerator, work)
    return work() if done is None else done


def main_only(accelerator: Accelerator, work: Callable[[], T]) -> T | None:
    """Run `work` in the main process while the others wait; they get None.

    If it fails, OtherProcessError is raised in the others.
    """
    done: T | None = None
    failure: Exception | None = None
    if accelerator.is_main_process:
        try:
            done = work()
        except Exception as error:
            failure = error
    if accelerator.num_processes > 1:
        (failed,) = broadcast_object_list([failure is not None])
        if failed and failure is None:
            raise OtherProcessError("Another process of this run reports the error.")
    if failure is not None:
        raise failure
    return done


def check_memory(network: nn.Module, image_size: int, batch_size: int, n_views: int) -> None:
    """Refuse a step on the CPU that would need more memory than is free.

    The system kills a process that runs out of memory without a message. RunError gives both
    figures and a batch size that fits. Nothing is checked if the free memory is unknown.
    """
    free = available_memory()
    if free is None:
        return
    each = n_views * saved_bytes(network, image_size)
    if each * batch_size <= free:
        return
    needed, available = (f"{n_bytes / 1e9:.0f} GB" for n_bytes in (each * batch_size, free))
    fitting = max(2, int(0.8 * free / each))
    views = "1 view" if n_views == 1 else f"{n_views} views"
    raise RunError(
        f"{batch_size} images of {image_size} x {image_size} in {views} need about {needed} of "
        f"memory, and {available} are free; a --batch-size of {fitting} or less would fit, and a "
        "smaller --image-size or fewer views take less"
    )


def saved_bytes(network: nn.Module, image_size: int) -> int:
    """Return how many bytes a network on the CPU keeps per image for the backward pass."""
    sizes: dict[int, int] = {}
    parameters = {parameter.data_ptr() for parameter in network.parameters()}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in parameters:
            sizes[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    n_images = 2  # batch statistics need more than one
    with (
        torch.random.fork_rng(devices=[]),
        torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor),
    ):
        trial = copy.deepcopy(network).train()
        parameters |= {parameter.data_ptr() for parameter in trial.parameters()}
        images = torch.zeros(n_images, 3, image_size, image_size)
        kept = trial(images)  # keeps tensors alive, so no two share an address
        total = sum(sizes.values())
        del kept
    return total // n_images
