"""A run's progress: a bar, and a line for each finished epoch."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from fractalgen.cli.output import progress_bar

if TYPE_CHECKING:
    from fractalgen.training.config import Config
    from fractalgen.training.progress import Callbacks, StepReport
    from fractalgen.training.run_folder import EpochRecord

__all__ = ["training_progress"]


@contextlib.contextmanager
def training_progress(config: Config, *, quiet: bool) -> Iterator[Callbacks]:
    """Show a run's progress on stderr, unless `quiet`; the bar appears only on a terminal.

    Yields
    ------
    Callbacks
        For `fractalgen.training.train.train`.
    """
    from tqdm import tqdm

    from fractalgen.training.progress import Callbacks

    bar: Any = None

    def show_step(report: StepReport) -> None:
        nonlocal bar
        if sys.stderr is None:  # as after 2>&-
            return
        if bar is None:
            bar = tqdm(
                desc="training",
                total=config.epochs * report.n_steps,
                unit=" steps",
                disable=None,
                dynamic_ncols=True,
                leave=False,
                initial=(report.epoch - 1) * report.n_steps,
            )
        bar.set_postfix_str(
            f"epoch {report.epoch}/{config.epochs}, loss {report.loss:.3f}, "
            f"accuracy {report.accuracy:.1%}, {report.images_per_second:,.0f} images/s, "
            f"augmentation {report.augmentation_share:.0%}",
            refresh=False,
        )
        bar.update((report.epoch - 1) * report.n_steps + report.step - bar.n)

    def show_note(line: str) -> None:
        if bar is not None:
            bar.clear()
        click.echo(line, err=True)

    def show_epoch(record: EpochRecord) -> None:
        show_note(
            f"epoch {record.epoch:>{len(str(config.epochs))}}/{config.epochs}: "
            f"loss {record.loss:.3f}, test error {record.test_error:.2%}, "
            f"{record.images_per_second:,.0f} images/s, "
            f"augmentation {record.augmentation_share:.1%} of {record.seconds:.1f} s"
        )

    if quiet:
        yield Callbacks()
        return
    with progress_bar("fetching", "B", quiet=quiet, in_bytes=True) as fetching:
        try:
            yield Callbacks(fetching, show_step, show_epoch, show_note)
        finally:
            if bar is not None:
                bar.close()
