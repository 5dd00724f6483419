"""What the processes of a run do one before the other; what fails in the first ends all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from fractalgen.errors import OtherProcessError

__all__ = ["main_first", "main_only"]

T = TypeVar("T")


def main_first(accelerator: Accelerator, work: Callable[[], T]) -> T:
    """Do some work in the main process, and then, with its files there, in the others.

    Raises
    ------
    OtherProcessError
        In the others, if the work failed in the main one.
    """
    done = main_only(accelerator, work)
    return work() if done is None else done


def main_only(accelerator: Accelerator, work: Callable[[], T]) -> T | None:
    """Do some work in the main process, while the others wait; they get None.

    Raises
    ------
    OtherProcessError
        In the others, if the work failed.
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
            raise OtherProcessError("another process of this run says what is wrong")
    if failure is not None:
        raise failure
    return done
