"""A run's folder: its description, its log of epochs, and its checkpoints.

::

    runs/digits-resnet-8-0/
      run.json             configuration, mixing set, versions
      metrics.jsonl        one line for each epoch
      last.safetensors     checkpoint after the last epoch
      best.safetensors     weights after the epoch with the lowest test error
      tensorboard/         if TensorBoard is installed
      metrics.json         what `fractalgen evaluate` measured
      report.html          the same results as a page with images
      metrics-*, report-*  results for other checkpoints, limits or seeds, kept by training
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fractalgen.errors import RunError, RunUsageError
from fractalgen.files.atomic import remove_leftovers, write_atomically
from fractalgen.files.json_codec import from_json, to_json
from fractalgen.training.config import Config, differing_keys
from fractalgen.version import __version__

__all__ = ["EpochRecord", "RunFile", "RunFolder", "versions_of"]

RUN_VERSION = 1


@dataclass(frozen=True)
class RunFile:
    """A run's description: its configuration, its inputs, and the versions of libraries."""

    config: Config
    set_folder: str | None
    set_digest: str | None
    data_digest: str
    versions: dict[str, str]


@dataclass(frozen=True)
class EpochRecord:
    """A line of the log; errors and shares are from 0 to 1.

    Attributes
    ----------
    epoch : int
        Number of the epoch, from 1.
    loss : float
        Mean over the epoch's steps.
    train_error, test_error : float
        Error on the first views of the training images during the epoch (the clean images, or the
        mixed ones without JSD), and on the test images after it.
    learning_rate : float
        The rate of the epoch's last step.
    seconds : float
        Training time, without testing.
    images_per_second : float
        Training images per second, not counting their views separately.
    augmentation_share : float
        Share of `seconds` that training waited for the next batch. Without worker processes this
        includes all cropping and augmentation; with them, only what they did not overlap. A GPU
        may have been busy meanwhile.
    hardware : str
        What computed it, such as ``CPU, 2 threads, float32``; empty if an earlier release did.
    """

    epoch: int
    loss: float
    train_error: float
    test_error: float
    learning_rate: float
    seconds: float
    images_per_second: float
    augmentation_share: float
    hardware: str = ""


class RunFolder:
    """Reads and writes the files of a run; the folder need not exist."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run_file = path / "run.json"
        self.log = path / "metrics.jsonl"
        self.last = path / "last.safetensors"
        self.best = path / "best.safetensors"
        self.tensorboard = path / "tensorboard"

    def check_place(self, *, resume: bool, overwrite: bool) -> None:
        """Raise RunError unless a run can be written here; nothing is written yet.

        A run without a finished epoch can be replaced.
        """
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{self.path} is not a folder")
        if self.path.is_dir() and not self.run_file.exists():
            others = sorted(it.name for it in self.path.iterdir() if not it.name.startswith("."))
            if others:
                raise RunUsageError(
                    f"{self.path} holds files that are not part of a run ({others[0]}); choose "
                    "another folder with --out"
                )
        has_weights = self.last.exists() or self.best.exists()
        if has_weights and not resume and not overwrite:
            raise RunUsageError(
                f"{self.path} already holds a run; use --resume to continue it, --overwrite to "
                "start over, or --out to choose another folder"
            )

    def check_same(self, run: RunFile) -> None:
        """Raise RunUsageError, naming the differences, unless the existing run is the same."""
        if not self.last.exists():
            return
        existing = self.read()
        different = differing_keys(run.config, existing.config)
        if run.set_digest != existing.set_digest:
            different.append(f"another mixing set (it was {existing.set_folder})")
        if run.data_digest != existing.data_digest:
            different.append("other data (classes or images were added or removed)")
        if different:
            # The learning rate of every step depends on the number of epochs.
            longer = len(different) == 1 and different[0].startswith("epochs ")
            way_on = f"; there, --weights {self.path} trains on from its weights" if longer else ""
            raise RunUsageError(
                f"{self.path} holds a different run, with {'; '.join(different)}; use the same "
                "options to continue it, --overwrite to start over, or another folder with --out"
                + way_on
            )

    def claim(self, run: RunFile, *, overwrite: bool) -> None:
        """Start this run in the folder, unless it is already there; call it after the checks."""
        remove_leftovers(self.path)
        if self.last.exists() and not overwrite:
            return
        written = (self.log, self.last, self.best, self.path / "metrics.json")
        for path in (*written, self.path / "report.html"):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.tensorboard, ignore_errors=True)
        data = {"version": RUN_VERSION, **to_json(run), "config": run.config.as_json()}
        write_atomically(self.run_file, (json.dumps(data, indent=2) + "\n").encode(), durable=True)

    def read(self) -> RunFile:
        """Read the run's description; RunError if it is missing, damaged or of another version."""
        if not self.path.exists():
            raise RunError(f"{self.path} does not exist; 'fractalgen train-with-set' creates runs")
        if not self.path.is_dir():
            raise RunError(
                f"{self.path} is not the folder of a run, which 'fractalgen train-with-set' "
                "creates; for a network of your own use fractalgen.own_model in Python"
            )
        damaged = f"{self.run_file} is damaged; --overwrite starts the run over"
        try:
            data = json.loads(self.run_file.read_bytes())
            found = data["version"]
        except FileNotFoundError:
            lacks = f"{self.path} is not a run: it has no {self.run_file.name}"
            raise RunError(f"{lacks}{self._runs_below()}") from None
        except (ValueError, KeyError, TypeError):
            raise RunError(damaged) from None
        if found != RUN_VERSION:
            raise RunError(
                f"{self.run_file} is of version {found!r}; this fractalgen reads {RUN_VERSION}"
            )
        try:
            del data["version"]
            return RunFile(**{**data, "config": Config.from_json(data["config"])})
        except (KeyError, TypeError, RunError):
            raise RunError(damaged) from None

    def _runs_below(self) -> str:
        """Say where the runs are, if they are in this folder or where comparisons keep them."""
        for place in (self.path, self.path / "runs"):
            files = sorted(place.glob(f"*/{self.run_file.name}"))
            if files:
                return f"; the runs are in {place}, such as {files[0].parent}"
        return ""

    def append(self, record: EpochRecord) -> None:
        """Add a line to the log."""
        with self.log.open("a") as file:
            file.write(json.dumps(to_json(record)) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def keep_log_up_to(self, epoch: int) -> None:
        """Drop lines of later epochs and incomplete ones, which a killed run can leave."""
        kept = [line for line, record in self._lines() if record.epoch <= epoch]
        write_atomically(self.log, "".join(line + "\n" for line in kept).encode())

    def records(self) -> list[EpochRecord]:
        """Return the log."""
        return [record for _, record in self._lines()]

    def _lines(self) -> list[tuple[str, EpochRecord]]:
        """Return the lines that hold an epoch; a crash can leave others."""
        found = []
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        for line in text.splitlines():
            with contextlib.suppress(ValueError):
                found.append((line, from_json(EpochRecord, json.loads(line))))
        return found


def versions_of(libraries: Sequence[str]) -> dict[str, str]:
    """Return the versions of fractalgen, Python and the installed libraries."""
    found = {"fractalgen": __version__, "python": platform.python_version()}
    for name in libraries:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
