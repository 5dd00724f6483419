"""What every measurement has to do; a new one is tested as soon as it is in the registry."""

import dataclasses
import html
import json
import math
import typing
from pathlib import Path
from types import NoneType, UnionType

import click
import pytest

from fractalgen.cli.evaluate import evaluate as evaluate_command
from fractalgen.errors import RunError
from fractalgen.evaluation.compare import compare
from fractalgen.evaluation.measurements import MEASUREMENTS
from fractalgen.evaluation.metrics_file import read_results
from fractalgen.evaluation.results import Results

measurements = pytest.mark.parametrize("key", list(MEASUREMENTS))


def made_up(kind):
    """A value of a type that entries are made of."""
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(
            **{field.name: made_up(hints[field.name]) for field in dataclasses.fields(kind)}
        )
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is UnionType:
        return made_up(next(one for one in arguments if one is not NoneType))
    if origin is tuple:
        return (made_up(arguments[0]),) * 2
    if origin is dict:
        return {"fog": made_up(arguments[1]), "jpeg_compression": made_up(arguments[1])}
    return {int: 3, float: 0.25, str: "<source>"}[kind]


def results_with(key):
    results = Results("run", {"seed": 0}, {"name": "last"}, None, 10, {"torch": "2"}, {"seed": 0})
    for each in dict.fromkeys(["clean", key]):
        results = results.with_entry(each, made_up(MEASUREMENTS[each].entry))
    return results


@measurements
def test_options_are_the_commands(key):
    context = click.Context(evaluate_command)
    params = {param.name: param for param in evaluate_command.get_params(context)}
    for option in MEASUREMENTS[key].options.declared():
        assert option.help.endswith("."), option.name
        assert option.flag in params[option.name].opts
        assert params[option.name].default == option.default
    assert MEASUREMENTS[key].options() == MEASUREMENTS[key].options()


def test_options_have_names_of_their_own():
    context = click.Context(evaluate_command)
    names = [param.name for param in evaluate_command.get_params(context)]
    assert len(set(names)) == len(names)


@measurements
def test_entries_come_back_from_a_file(key, tmp_path):
    results = results_with(key)
    (tmp_path / "metrics.json").write_text(json.dumps(results.to_json(), allow_nan=False))
    assert read_results(tmp_path) == results


@measurements
def test_entries_are_shown_everywhere(key):
    results = results_with(key)
    measurement = MEASUREMENTS[key]
    (entry,) = results.entries[key]
    section = measurement.section(entry, 10)
    keys = [figure.key for figure in section.figures]
    assert len(set(keys)) == len(keys) > 0
    assert section.title in results.to_text()
    assert section.figures[0].name in repr(results)
    rows = compare({"a": results}).rows
    own = [row for row in rows if row.section == measurement.section_key(entry)]
    assert [row.figure for row in own] == list(section.figures)
    for figure in section.figures:
        assert math.isfinite(figure.value)
        assert figure.detail or figure.meaning or figure.name


@measurements
def test_entries_are_on_the_page(key):
    page = pytest.importorskip("fractalgen.evaluation.report")
    pytest.importorskip("torch")
    text = page.page(results_with(key))
    section = MEASUREMENTS[key].section(made_up(MEASUREMENTS[key].entry), 10)
    assert html.escape(section.conditions) in text
    assert "<source>" not in text


@pytest.fixture
def a_model(tmp_path):
    pytest.importorskip("torch")
    from fractalgen.evaluation.evaluated_model import EvaluatedModel
    from tests.evaluation.shades import a_run

    run = a_run(tmp_path / "run", size=32)

    def make():
        return EvaluatedModel(
            run=run,
            network=run.model,
            limit=2,
            batch_size=64,
            seed=0,
            set_folder=None,
            data_dir=tmp_path,
            accelerator=None,
            progress=lambda *_: None,
            tell=lambda _: None,
        )

    return make


@measurements
def test_the_same_seed_gives_the_same_entries(key, a_model, tmp_path, monkeypatch):
    measurement = MEASUREMENTS[key]
    entries = []
    for cache in ("a", "b"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / cache))
        planned = measurement.plan(a_model(), measurement.options())
        entries.append([measure().entry for measure in planned])
    assert entries[0] == entries[1]
    assert all(isinstance(entry, measurement.entry) for entry in entries[0])
    sources = [entry.source for entry in entries[0]]
    assert len(set(sources)) == len(sources)


@measurements
def test_a_missing_folder_fails_the_plan(key, a_model):
    measurement = MEASUREMENTS[key]
    for option in measurement.options.declared():
        if option.type is Path or "DIR" in (option.metavar or ""):
            options = measurement.options(**{option.name: "nowhere/at-all"})
            with pytest.raises(RunError, match="nowhere"):
                measurement.plan(a_model(), options)
