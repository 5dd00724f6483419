"""A comparison from its plan to its table: train and evaluate what is missing, then compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fractalgen.bank.source import as_place
from fractalgen.errors import FractalgenError, RunError, RunUsageError
from fractalgen.evaluation.compare import compare
from fractalgen.evaluation.comparison import Comparison
from fractalgen.experiments.execution import Machine, execute
from fractalgen.experiments.grid import Experiment, Grid
from fractalgen.experiments.layout import layout, names_of
from fractalgen.experiments.metrics import check_sources, find_metrics, measured_for
from fractalgen.experiments.outputs import write_outputs
from fractalgen.experiments.state import (
    Decision,
    Found,
    Step,
    decide,
    digest_of,
    look,
    placed,
)
from fractalgen.experiments.variant import parse_all
from fractalgen.files.lock import locked
from fractalgen.training.datasets import DATASETS, load_data

__all__ = ["Outcome", "run_grid", "train_and_compare"]


@dataclass(frozen=True)
class Outcome:
    """What a comparison came to.

    Attributes
    ----------
    experiments : tuple of Experiment
        All runs.
    comparison : Comparison or None
        The figures of the runs that are measured; None if none is.
    failures : dict of str to str
        Why runs failed, by their names.
    """

    experiments: tuple[Experiment, ...]
    comparison: Comparison | None
    failures: dict[str, str]


def train_and_compare(
    methods: Sequence[str],
    *,
    dataset: str | Sequence[str] = "digits",
    model: str | Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    sets: Sequence[str | Path] = ("ipmix-set",),
    metrics: Sequence[str] = (),
    measure: Mapping[str, Any] | None = None,
    out: str | Path = "comparison",
    machine: Machine | None = None,
    tell: Callable[[str], None] = lambda _: None,
    **common: Any,
) -> Outcome:
    """Train and evaluate methods where that is missing, and compare them.

    It does what ``fractalgen compare --methods`` does, and writes the same files to `out`.

    Parameters
    ----------
    methods : sequence of str
        Methods with their options, such as ``"ipmix:jsd=false"``; see
        `fractalgen.experiments.variant.Variant.parse`. ``"all"`` stands for every method.
    dataset, model : str or sequence of str
        Data sets and networks; a model of None is the data set's own.
    seeds : sequence of int
        Seeds of the runs.
    sets : sequence of path or URL
        Mixing sets.
    metrics : sequence of str
        Names in `fractalgen.experiments.metrics.METRICS` for the table. If given, only what they
        need is measured.
    measure : dict, optional
        Options of `fractalgen.evaluate`, such as ``{"limit": 500, "pgd_steps": 0}``.
    out : path
        Folder for the runs and the tables.
    machine, tell
        See `run_grid`.
    **common
        Options of `fractalgen.training.config.configure` for all runs, such as ``epochs``.

    Returns
    -------
    Outcome
        Its `comparison` has all figures.

    Raises
    ------
    RunUsageError
        If an option is wrong, or a run's folder holds another run.
    """
    shown = find_metrics(metrics)
    options = {**(measured_for(shown) if shown else {}), **(measure or {})}
    check_sources(metrics, options)
    grid = Grid(
        parse_all(methods),
        (dataset,) if isinstance(dataset, str) else tuple(dataset),
        (model,) if model is None or isinstance(model, str) else tuple(model),
        tuple(seeds),
        tuple(map(str, sets)),
        common,
        options,
        Path(out),
    )
    outcome = run_grid(grid, machine, tell)
    tables = layout("metrics", outcome.experiments, outcome.comparison, outcome.failures, metrics)
    names = names_of(outcome.experiments)
    write_outputs(grid.out, outcome.comparison, tables, outcome.failures, names)
    return outcome


def run_grid(
    grid: Grid, machine: Machine | None = None, tell: Callable[[str], None] = lambda _: None
) -> Outcome:
    """Train and evaluate what is missing of a grid, and compare all runs.

    Call it again after an interruption, even a ``kill -9``: finished runs are not touched, and
    unfinished ones resume after their last epoch. A run that fails does not end the others.

    Parameters
    ----------
    grid : Grid
        What to compare.
    machine : Machine, optional
        How to compute.
    tell : callable
        Called with lines of text for the user.

    Raises
    ------
    RunUsageError
        If an option is wrong, or a run's folder holds another run; nothing was changed.
    SetError
        If another process works in the same folder.
    """
    machine = machine or Machine()
    experiments = placed(grid.experiments())
    machine.slots()  # fails before the hours and not after
    grid.out.mkdir(parents=True, exist_ok=True)
    with locked(grid.out):
        failures: dict[str, str] = {}
        decisions = _decisions(experiments, failures)
        _check_refusals(experiments, decisions)
        missing = []
        for experiment in experiments:
            decision = decisions.get(experiment.name)
            if decision is not None and decision.step is not Step.DONE:
                missing.append((experiment, decision.step is not Step.EVALUATE))
                tell(f"{experiment.name}: {decision.step.value} ({decision.reason})")
            elif decision is None:
                tell(f"{experiment.name}: failed: {failures[experiment.name]}")
        missing = _with_data(missing, machine.data_dir, failures, tell)
        n_done = sum(decision.step is Step.DONE for decision in decisions.values())
        tell(f"{len(experiments)} runs, {n_done} done, {len(missing)} to do")
        failures |= execute(missing, machine, grid.out, tell)
    measured = [one.folder for one in experiments if one.name not in failures]
    return Outcome(experiments, compare(measured) if measured else None, failures)


def _decisions(experiments: Sequence[Experiment], failures: dict[str, str]) -> dict[str, Decision]:
    """Decide on each experiment; add those whose files cannot be read to `failures`."""
    digests = {each: digest_of(each) for each in {one.set_folder for one in experiments} if each}
    decisions = {}
    for experiment in experiments:
        try:
            found: Found = look(experiment, digests)
        except (FractalgenError, OSError) as error:  # noqa: PERF203
            failures[experiment.name] = str(error)
        else:
            decisions[experiment.name] = decide(experiment, found)
    return decisions


def _with_data(
    missing: Sequence[tuple[Experiment, bool]],
    data_dir: Path,
    failures: dict[str, str],
    tell: Callable[[str], None],
) -> list[tuple[Experiment, bool]]:
    """Load each published data set once, so that it is downloaded once; leave out what has none.

    Runs whose mixing set does not exist are left out, too.
    """
    reasons: dict[str, str] = {}
    for name in {experiment.config.dataset: None for experiment, _ in missing}:
        if name in DATASETS:
            try:
                load_data(name, data_dir=data_dir)
            except RunError as error:
                reasons[name] = str(error)
                tell(f"{name}: {error}")
    for experiment, train in missing:
        folder = experiment.set_folder
        if experiment.config.dataset in reasons:
            failures[experiment.name] = reasons[experiment.config.dataset]
            continue
        measured_with = experiment.measure.get("set_folder")
        needed = [
            folder if train else None,
            as_place("set", measured_with) if measured_with else None,
        ]
        absent = [one for one in needed if isinstance(one, Path) and not one.exists()]
        if absent:
            failures[experiment.name] = (
                f"{absent[0]} does not exist; 'fractalgen build-set {absent[0]}' draws a mixing set"
            )
            tell(f"{experiment.name}: failed: {failures[experiment.name]}")
    return [each for each in missing if each[0].name not in failures]


def _check_refusals(experiments: Sequence[Experiment], decisions: dict[str, Decision]) -> None:
    refused = [
        (experiment.folder, decision.reason)
        for experiment in experiments
        if (decision := decisions.get(experiment.name)) and decision.step is Step.REFUSE
    ]
    if refused:
        (folder, reason), *others = refused
        more = f" (and {len(others)} more like it)" if others else ""
        raise RunUsageError(
            f"{folder} {reason}{more}; nothing was changed: use the same options to continue it, "
            "or another --out"
        )
