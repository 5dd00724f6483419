"""Progress on stderr, where a person sees it and a program does not."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["progress_bar"]


@contextlib.contextmanager
def progress_bar(
    what: str, unit: str, *, quiet: bool, in_bytes: bool = False
) -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar with rate and time left, unless `quiet` or stderr is no terminal.

    Parameters
    ----------
    what : str
        Stands before the bar.
    unit : str
        What is counted.
    quiet : bool
        Show nothing.
    in_bytes : bool
        Write large numbers with their prefixes.

    Yields
    ------
    callable
        Takes the number done and the total, or None where that is not known.
    """
    from tqdm import tqdm

    bar: Any = None

    def show(done: int, total: int | None) -> None:
        nonlocal bar
        if quiet or sys.stderr is None:  # as after 2>&-
            return
        if bar is None:
            bar = tqdm(
                desc=what,
                unit=unit,
                total=total,
                disable=None,
                unit_scale=in_bytes,
                unit_divisor=1024,
                dynamic_ncols=True,
                leave=False,
            )
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()
