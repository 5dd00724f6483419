"""``fractalgen compare --methods`` and ``--preset``: from the parameters to the tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fractalgen.cli import options
from fractalgen.cli.group import WrongUsage

if TYPE_CHECKING:
    from fractalgen.evaluation.comparison import Comparison
    from fractalgen.evaluation.table import Table
    from fractalgen.experiments.grid import Grid
    from fractalgen.experiments.presets import Preset

__all__ = ["compare_grid"]

_COMMON = (
    "recipe",
    "epochs",
    "batch_size",
    "learning_rate",
    "weight_decay",
    "image_size",
    "weights",
    "hold_out",
)


def compare_grid(chosen: set[str], given: dict[str, Any]) -> int:
    """Train, evaluate, compare, write and print.

    Parameters
    ----------
    chosen : set of str
        Names of the parameters that the user gave.
    given : dict
        All parameters of the command.

    Returns
    -------
    int
        The exit code: 1 if a run failed.
    """
    options.prepare_torch("compare")

    from fractalgen.experiments import outputs
    from fractalgen.experiments.comparing import run_grid
    from fractalgen.experiments.execution import Machine
    from fractalgen.experiments.layout import layout, names_of

    grid, preset, metrics = _grid(chosen, given)
    parallel = given["parallel"]
    if preset is not None and preset.one_at_a_time:
        if parallel not in (None, 1):
            raise WrongUsage(f"{given['preset']} compares times, so its runs cannot be --parallel")
        parallel = 1
    machine = Machine(
        parallel,
        given["device"],
        given["precision"],
        given["workers"],
        given["compiling"],
        given["eval_batch_size"],
        given["data_dir"],
    )
    outcome = run_grid(grid, machine, _silent if given["quiet"] else _tell)
    kind, corner = ("metrics", "Methods") if preset is None else (preset.layout, preset.corner)
    failures, comparison = outcome.failures, outcome.comparison
    tables = layout(kind, outcome.experiments, comparison, failures, metrics, corner)
    names = names_of(outcome.experiments)
    outputs.write_outputs(grid.out, comparison, tables, failures, names)
    _show(grid.out, comparison, tables, failures, given)
    if given["quiet"]:
        for line in outputs.failed_in_short(failures, len(outcome.experiments)):
            _tell(f"Error: {line}")
    return 1 if failures else 0


def _grid(chosen: set[str], given: dict[str, Any]) -> tuple[Grid, Preset | None, tuple[str, ...]]:
    """Return the grid, with the preset's settings where the user gave none."""
    from fractalgen.experiments.grid import GENERAL, Grid, measuring_options
    from fractalgen.experiments.metrics import check_sources, find_metrics, measured_for
    from fractalgen.experiments.presets import check_data, find_preset
    from fractalgen.experiments.variant import parse_all

    preset = None if given["preset"] is None else find_preset(given["preset"])
    metrics = given["metrics"] or (() if preset is None else preset.metrics)
    shown = find_metrics(metrics)
    sets = given["sets"] or ("ipmix-set",)
    common = {name: given[name] for name in _COMMON if given[name] is not None}
    datasets, models = given["datasets"] or ("digits",), given["models"] or (None,)
    seeds: tuple[int, ...] = (0,)
    if given["methods"] is not None:
        variants = parse_all(given["methods"])
    if preset is not None:
        if given["methods"] is None:
            variants = preset.variants(given["sets"] or ())
        datasets = given["datasets"] or preset.datasets
        models = given["models"] or preset.models
        seeds = preset.seeds
        common = {**({} if preset.epochs is None else {"epochs": preset.epochs}), **common}
        check_data(given["preset"], preset, datasets, variants, sets)
    out = given["out"] or Path("comparison" if preset is None else given["preset"])
    of_measurements = set(measuring_options()) - GENERAL.keys()
    own = {name: given[name] for name in chosen & given.keys() if name in of_measurements}
    measure = {**(measured_for(shown) if shown else {}), **own}
    if given["metrics"]:  # a preset shows what can be measured
        check_sources(metrics, measure)
    measure |= {"images": given["images"], "limit": given["limit"], "seed": given["measure_seed"]}
    grid = Grid(variants, datasets, models, given["seeds"] or seeds, sets, common, measure, out)
    return grid, preset, metrics


def _show(
    out: Path,
    comparison: Comparison | None,
    tables: tuple[Table, ...],
    failures: dict[str, str],
    given: dict[str, Any],
) -> None:
    from fractalgen.cli.output import print_json, print_text, terminal
    from fractalgen.experiments import outputs

    if given["as_json"]:
        print_json(outputs.as_json(comparison, failures))
    elif given["markdown"]:
        print_text(outputs.markdown(comparison, tables, failures, details=given["details"]))
    elif not given["quiet"]:
        width, bold = terminal()
        if given["details"] and comparison is not None:
            tables = (*tables, comparison.table(details=True))
        print_text(outputs.text(comparison, tables, failures, width=width, bold=bold))
        print_text(f"\n{out / outputs.PAGE} shows this as a page; the other tables are next to it.")


def _tell(line: str) -> None:
    import sys

    from fractalgen.cli.output import printable

    click.echo(printable(line, None if sys.stderr is None else sys.stderr.encoding), err=True)


def _silent(_: str) -> None:
    """Show nothing."""
