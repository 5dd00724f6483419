"""What is on disk of an experiment, and what is left to do: nothing here changes a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from fractalgen.bank.folder import content_key
from fractalgen.bank.source import Place, open_source, recorded_place
from fractalgen.errors import FractalgenError, RunError
from fractalgen.evaluation.metrics_file import METRICS, read_results
from fractalgen.evaluation.results import Results
from fractalgen.experiments.grid import Experiment
from fractalgen.training.checkpoints import read_checkpoint
from fractalgen.training.config import Config, differing_keys
from fractalgen.training.models.weights import recorded_weights
from fractalgen.training.run_folder import RunFolder, versions_of

__all__ = ["Decision", "Found", "Step", "decide", "digest_of", "look", "placed"]


class Step(Enum):
    """What an experiment needs next."""

    TRAIN = "train"
    RESUME = "resume"
    EVALUATE = "evaluate"
    DONE = "done"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Found:
    """What is on disk of an experiment.

    Attributes
    ----------
    config : Config or None
        The configuration of the run in the folder; None if no epoch of one is there.
    epoch : int
        Finished epochs.
    checkpoint : str
        The SHA-256 of the last checkpoint.
    set_digest, wanted_digest : str or None
        Digests of the run's mixing set, and of the set to train with; None if there is none.
    results : Results or None
        What was measured; None if nothing was, or the file is damaged.
    versions : dict of str to str
        Versions of the libraries that are installed now.
    foreign : str or None
        What else is in the run's folder, if it holds no run.
    """

    config: Config | None = None
    epoch: int = 0
    checkpoint: str = ""
    set_digest: str | None = None
    wanted_digest: str | None = None
    results: Results | None = None
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    foreign: str | None = None
    wanted_weights: str | None = None


@dataclass(frozen=True)
class Decision:
    """The next step of an experiment, and why, for people."""

    step: Step
    reason: str


def decide(experiment: Experiment, found: Found) -> Decision:
    """Return what an experiment needs next. A run of another configuration is refused."""
    config = found.config
    if found.foreign is not None:
        return Decision(Step.REFUSE, f"holds files that are not part of a run ({found.foreign})")
    if config is None:
        return Decision(Step.TRAIN, _epochs(experiment.config.epochs))
    wanted = experiment.config
    if wanted.weights is not None and config.weights is not None:
        record = found.wanted_weights or config.weights  # of what it names
        wanted = dataclasses.replace(wanted, weights=record)
    different = differing_keys(wanted, config)
    if found.wanted_digest is not None and found.wanted_digest != found.set_digest:
        different.append("another mixing set")
    if different:
        return Decision(Step.REFUSE, f"holds a different run, with {'; '.join(different)}")
    if found.epoch < wanted.epochs:
        return Decision(Step.RESUME, f"after epoch {found.epoch} of {wanted.epochs}")
    unlike = _unlike(experiment, found)
    return (
        Decision(Step.EVALUATE, unlike) if unlike else Decision(Step.DONE, "trained and measured")
    )


def _unlike(experiment: Experiment, found: Found) -> str:
    """Say why the results cannot stand in the table; empty if they can."""
    results = found.results
    if results is None:
        return "not measured yet"
    if results.checkpoint.get("sha256") != found.checkpoint:
        return "another checkpoint was measured"
    for name, value in experiment.measure.items():
        if name not in results.options or results.options[name] != value:
            was = results.options.get(name)
            return f"measured with {name.replace('_', ' ')} {_shown(was)}, now {_shown(value)}"
    if not results.finished:
        return "not all was measured"
    for library, version in found.versions.items():
        measured = results.versions.get(library, version).split(", ")[-1]
        if measured != version and library != "python":  # no figure depends on it
            return f"measured with {library} {measured}, now {version}"
    return ""


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def placed(experiments: Iterable[Experiment]) -> tuple[Experiment, ...]:
    """Return experiments with the folders where their runs lie already, if they do.

    So a run keeps its folder when others of the same short name join the comparison, or leave it.
    """
    found: list[Experiment] = []
    taken: set[Path] = set()
    for experiment in experiments:
        short, long = experiment.places
        if RunFolder(long).run_file.exists():
            folder = long
        elif short not in taken and _holds(short, experiment):
            folder = short
        else:
            folder = experiment.folder
        taken.add(folder)
        found.append(dataclasses.replace(experiment, folder=folder))
    return tuple(found)


def _holds(folder: Path, experiment: Experiment) -> bool:
    """Whether the run in a folder is an experiment's: its configuration and its mixing set."""
    try:
        described = RunFolder(folder).read()
    except (RunError, OSError):
        return False
    config = dataclasses.replace(described.config, weights=experiment.config.weights)
    if differing_keys(experiment.config, config):
        return False
    own = experiment.set_folder
    if own is None or described.set_folder == recorded_place(own):
        return True
    return described.set_digest == digest_of(own)  # the whole project may have moved


def look(experiment: Experiment, digests: Mapping[Any, str | None]) -> Found:
    """Read what is on disk of an experiment.

    Parameters
    ----------
    digests : mapping
        The digest of each mixing set by its folder or URL, from `digest_of`.

    Raises
    ------
    RunError
        If a run's files are damaged.
    """
    run = RunFolder(experiment.folder)
    if run.path.exists() and not run.path.is_dir():
        raise RunError(f"{run.path} is not a folder")
    wanted = digests.get(experiment.set_folder)
    if not run.last.exists():
        others = () if not run.path.is_dir() or run.run_file.exists() else run.path.iterdir()
        foreign = next((each.name for each in others if not each.name.startswith(".")), None)
        return Found(wanted_digest=wanted, foreign=foreign)
    described, checkpoint = run.read(), read_checkpoint(run.last)
    results = None
    if (run.path / METRICS).exists():
        try:
            results = read_results(run.path)
        except RunError:
            results = None  # measured again, which keeps the damaged file
    weights = experiment.config.weights
    libraries = () if results is None else tuple(results.versions)
    return Found(
        config=checkpoint.config,
        epoch=checkpoint.epoch,
        checkpoint=checkpoint.sha256,
        set_digest=described.set_digest,
        wanted_digest=wanted,
        results=results,
        versions=versions_of(libraries),
        wanted_weights=None if weights is None else recorded_weights(weights),
    )


def digest_of(place: Place) -> str | None:
    """Return the digest of a mixing set; None if there is none, which training reports."""
    try:
        return content_key(open_source(place).images)
    except (FractalgenError, OSError):
        return None


def _epochs(n: int) -> str:
    return "1 epoch" if n == 1 else f"{n:,} epochs"
