"""A run's folder: what lies where, whose it is, and its log of epochs.

::

    runs/digits-resnet-8-0/
      run.json             configuration, mixing set, versions
      metrics.jsonl        an epoch a line
      last.safetensors     checkpoint after the last epoch
      best.safetensors     weights after the epoch of the least test error
      tensorboard/         where TensorBoard is installed
      metrics.json         what `fractalgen evaluate` measured
      report.html          the same to look at, with images
      metrics-*, report-*  of other checkpoints, limits or seeds; nothing here removes them
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from fractalgen.errors import RunError, RunUsageError
from fractalgen.files.atomic import remove_leftovers, write_atomically
from fractalgen.training.config import Config, differing_keys

__all__ = ["EpochRecord", "RunFile", "RunFolder", "default_run_folder"]

RUN_VERSION = 1


@dataclass(frozen=True)
class RunFile:
    """A run's description.

    Attributes
    ----------
    config : Config
        What was asked for.
    set_folder, set_digest : str or None
        Where the mixing set was, and what its images are.
    data_digest : str
        What the data's classes and labels are.
    versions : dict of str to str
        Of fractalgen, Python and the libraries that the weights depend on.
    """

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
        The first is 1.
    loss : float
        Mean over the epoch's steps.
    train_error, test_error : float
        Of the clean training images while they were learnt (of the mixed view without JSD), and
        of the test images after the epoch.
    learning_rate : float
        Of the epoch's last step.
    seconds : float
        Of training, without the test.
    images_per_second : float
        Training images, whatever the number of their views.
    augmentation_share : float
        The part of `seconds` in which training waited for the next batch: all of the cropping and
        augmentation without worker processes, what they did not overlap with them. A graphics
        card may have been at work meanwhile.
    """

    epoch: int
    loss: float
    train_error: float
    test_error: float
    learning_rate: float
    seconds: float
    images_per_second: float
    augmentation_share: float


class RunFolder:
    """Reads and writes the parts of a run.

    Parameters
    ----------
    path : Path
        The folder; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run_file = path / "run.json"
        self.log = path / "metrics.jsonl"
        self.last = path / "last.safetensors"
        self.best = path / "best.safetensors"
        self.tensorboard = path / "tensorboard"

    def check_place(self, *, resume: bool, overwrite: bool) -> None:
        """Make sure that a run may be written here. Nothing is written.

        A run of which no epoch was finished has nothing to be lost, and makes way.

        Raises
        ------
        RunUsageError
            If the folder holds a run and neither `resume` nor `overwrite` is set, or something
            else.
        RunError
            If it is no folder.
        """
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{self.path} is not a folder")
        strangers = [] if self.run_file.exists() else self._strangers()
        if strangers:
            raise RunUsageError(
                f"{self.path} holds something else than a run ({strangers[0]}); "
                "name another folder by --out"
            )
        has_weights = self.last.exists() or self.best.exists()
        if has_weights and not resume and not overwrite:
            raise RunUsageError(
                f"{self.path} holds a run already; --resume goes on with it, --overwrite starts "
                "anew, --out names another folder"
            )

    def check_same(self, run: RunFile) -> None:
        """Make sure that a run that is to go on is the one that is here, if there is one.

        Raises
        ------
        RunUsageError
            Naming what differs.
        RunError
            If the run's description is damaged.
        """
        if not self.last.exists():
            return
        there = self.read()
        different = differing_keys(run.config, there.config)
        if run.set_digest != there.set_digest:
            different.append(f"another mixing set (it was {there.set_folder})")
        if run.data_digest != there.data_digest:
            different.append("other data (classes or images were added or removed)")
        if different:
            raise RunUsageError(
                f"{self.path} is another run, of {'; '.join(different)}; ask for the same to go "
                "on, start anew by --overwrite, or name another folder by --out"
            )

    def claim(self, run: RunFile, *, overwrite: bool) -> None:
        """Make the folder this run's, unless it is already; after the checks."""
        remove_leftovers(self.path)
        if self.last.exists() and not overwrite:
            return
        self._clear()
        data = {"version": RUN_VERSION, **dataclasses.asdict(run), "config": run.config.as_json()}
        write_atomically(self.run_file, (json.dumps(data, indent=2) + "\n").encode(), durable=True)

    def read(self) -> RunFile:
        """Read the run's description.

        Raises
        ------
        RunError
            If there is none, or it is damaged or of another version.
        """
        if not self.path.is_dir():
            raise RunError(
                f"{self.path} does not exist; 'fractalgen train-with-set' makes a run's folder"
            )
        try:
            data = json.loads(self.run_file.read_bytes())
            version = data["version"]
        except FileNotFoundError:
            raise RunError(f"{self.path} is no run: it has no {self.run_file.name}") from None
        except (ValueError, KeyError, TypeError):
            raise RunError(f"{self.run_file} is damaged; --overwrite starts the run anew") from None
        if version != RUN_VERSION:
            raise RunError(
                f"{self.run_file} is of version {version!r}; this fractalgen reads {RUN_VERSION}"
            )
        try:
            config = Config.from_json(data["config"])
            return RunFile(
                config,
                data["set_folder"],
                data["set_digest"],
                data["data_digest"],
                dict(data["versions"]),
            )
        except (KeyError, TypeError, ValueError, RunError):
            raise RunError(f"{self.run_file} is damaged; --overwrite starts the run anew") from None

    def append(self, record: EpochRecord) -> None:
        """Add a line to the log."""
        with self.log.open("a") as file:
            file.write(json.dumps(dataclasses.asdict(record)) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def keep_log_up_to(self, epoch: int) -> None:
        """Drop lines of later epochs, and torn ones, which a run that was killed may have left."""
        kept = [line for line in self._lines() if json.loads(line)["epoch"] <= epoch]
        write_atomically(self.log, "".join(line + "\n" for line in kept).encode())

    def records(self) -> list[EpochRecord]:
        """Return the log."""
        return [EpochRecord(**json.loads(line)) for line in self._lines()]

    def _lines(self) -> list[str]:
        """Return the lines that hold an epoch; a crash may leave others."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return [line for line in text.splitlines() if _record(line)]

    def _strangers(self) -> list[str]:
        names = [path.name for path in self.path.glob("*")] if self.path.is_dir() else []
        return sorted(name for name in names if not name.startswith("."))

    def _clear(self) -> None:
        for path in (self.log, self.last, self.best, self.path / "metrics.json"):
            path.unlink(missing_ok=True)
        (self.path / "report.html").unlink(missing_ok=True)
        shutil.rmtree(self.tensorboard, ignore_errors=True)


def default_run_folder(config: Config) -> Path:
    """Return where a run goes if no folder is named, such as ``runs/digits-resnet-8-0``."""
    dataset = config.dataset
    if dataset.startswith("folder:"):
        dataset = Path(dataset.removeprefix("folder:")).resolve().name
    method = "" if config.method == "ipmix" else f"-{config.method}"
    return Path("runs") / f"{dataset}-{config.model}{method}-{config.seed}"


def _record(line: str) -> EpochRecord | None:
    """Return a line of the log; None of one that is torn."""
    try:
        return EpochRecord(**json.loads(line))
    except (ValueError, TypeError):
        return None
