"""A comparison from its plan to its table: train and evaluate what is missing, then compare."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fractalgen.errors import FractalgenError, RunError, RunUsageError
from fractalgen.evaluation.compare import compare
from fractalgen.evaluation.comparison import Comparison
from fractalgen.experiments.execution import Machine, execute
from fractalgen.experiments.grid import Experiment, Grid, measuring_options
from fractalgen.experiments.inputs import unusable_inputs
from fractalgen.experiments.layout import layout, names_of
from fractalgen.experiments.metrics import check_sources, find_metrics, measured_for
from fractalgen.experiments.outputs import failed_lines, write_outputs
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
from fractalgen.registry import shown as written

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
    methods: str | Sequence[str],
    *,
    dataset: str | Sequence[str] = "digits",
    model: str | Sequence[str] | None = None,
    seeds: int | Sequence[int] = (0,),
    sets: str | Path | Sequence[str | Path] = ("ipmix-set",),
    metrics: str | Sequence[str] = (),
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
    methods : str or sequence of str
        Methods with their options, such as ``"ipmix:jsd=false"``; see
        `fractalgen.experiments.variant.Variant.parse`. ``"all"`` stands for every method. One
        string can have several with commas between them, as on the command line.
    dataset, model : str or sequence of str
        Data sets and networks; a model of None is the data set's own.
    seeds : int or sequence of int
        Seeds of the runs.
    sets : path or URL, or sequence of them
        Mixing sets; a string can have several, as for `methods`.
    metrics : str or sequence of str
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
    RunError
        If no run can start, all for the same reason, such as missing data.
    """
    _check_places(common)
    methods, sets, metrics = map(_several, (methods, sets, metrics))
    shown = find_metrics(metrics)
    options = {**(measured_for(shown) if shown else {}), **(measure or {})}
    check_sources(metrics, options)
    grid = Grid(
        parse_all(methods),
        (dataset,) if isinstance(dataset, str) else tuple(dataset),
        (model,) if model is None or isinstance(model, str) else tuple(model),
        (seeds,) if isinstance(seeds, int) else tuple(seeds),
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


def _several(given: str | Path | Sequence[Any]) -> tuple[Any, ...]:
    """Return values that can be given as one, or as text with commas between them."""
    if isinstance(given, str):
        return tuple(part.strip() for part in given.split(",") if part.strip())
    return (given,) if isinstance(given, Path) else tuple(given)


def _check_places(common: Mapping[str, Any]) -> None:
    """Raise RunUsageError if an option stands in the wrong place; it says which is right."""
    of_machine = {each.name for each in dataclasses.fields(Machine)}
    of_measuring = set(measuring_options()) - {"seed"}
    for name, value in common.items():
        if name in of_machine:
            raise RunUsageError(
                f"'{name}' belongs to the machine: give machine=Machine({name}={written(value)}), "
                "with Machine from fractalgen.experiments.execution"
            )
        if name in of_measuring:
            raise RunUsageError(
                f"'{name}' is an option of the evaluation: give measure={{'{name}': "
                f"{written(value)}}}"
            )


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
    RunError
        If no run can start, all for the same reason, such as missing data.
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
        missing = [
            (experiment, decision.step)
            for experiment in experiments
            if (decision := decisions.get(experiment.name)) and decision.step is not Step.DONE
        ]
        n_done = len(decisions) - len(missing)
        failures |= _unusable(missing, machine.data_dir, len(experiments), tell)
        to_do = []
        for experiment, step in missing:
            if experiment.name not in failures:
                to_do.append((experiment, step is not Step.EVALUATE))
                tell(f"{experiment.name}: {step.value} ({decisions[experiment.name].reason})")
        for line in failed_lines(failures):
            tell(line)
        tell(f"{len(experiments)} runs, {n_done} done, {len(to_do)} to do")
        failures |= execute(to_do, machine, grid.out, tell)
    measured = [one.folder for one in experiments if one.name not in failures]
    return Outcome(experiments, compare(measured) if measured else None, failures)


def _decisions(experiments: Sequence[Experiment], failures: dict[str, str]) -> dict[str, Decision]:
    """Decide on each experiment; add those whose files cannot be read to `failures`."""
    digests = {each: digest_of(each) for each in {one.set_folder for one in experiments} if each}
    decisions = {}
    for experiment in experiments:
        try:
            found: Found = look(experiment, digests)
        except RunError as error:  # noqa: PERF203
            failures[experiment.name] = _damaged(error, experiment.folder)
        except (FractalgenError, OSError) as error:
            failures[experiment.name] = str(error)
        else:
            decisions[experiment.name] = decide(experiment, found)
    return decisions


def _damaged(error: RunError, folder: Path) -> str:
    """Return why a run cannot be read, with what to do in place of options of other commands."""
    what, _, advice = str(error).partition("; ")
    rest = f"; {advice}" if advice and "--" not in advice else ""
    return f"{what}{rest}; remove {folder} to train it again"


def _unusable(
    missing: Sequence[tuple[Experiment, Step]],
    data_dir: Path,
    n: int,
    tell: Callable[[str], None],
) -> dict[str, str]:
    """Return why runs cannot start; RunError if that is all `n` of them, for the same reason."""
    if missing:
        tell("checking the data and the images to measure on")
    found = unusable_inputs(missing, data_dir)
    if len(found) == n and len(set(found.values())) == 1:
        raise RunError(next(iter(found.values())))
    return found


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
