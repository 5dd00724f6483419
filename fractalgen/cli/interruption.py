"""What a Ctrl-C and a request to end do."""

import os
import signal
import time
from typing import Any

__all__ = ["INTERRUPTED", "catch_signals"]

INTERRUPTED = 130

_PATIENCE_SECONDS = 2.0


def catch_signals() -> None:
    """Raise KeyboardInterrupt at the first SIGINT or SIGTERM, and only then.

    A second one while the first is being dealt with would break into the very code that leaves
    things tidy. If that code has not ended the process after two seconds, the next one does.
    """
    first: float | None = None

    def handle(_number: int, _frame: Any) -> None:
        nonlocal first
        now = time.monotonic()
        if first is None:
            first = now
            raise KeyboardInterrupt
        if now - first > _PATIENCE_SECONDS:
            os._exit(INTERRUPTED)

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as a shell's background jobs have it
            signal.signal(number, handle)
