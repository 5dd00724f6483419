import dataclasses
import json
from pathlib import Path

import pytest

from fractalgen.evaluation.compare import compare
from fractalgen.experiments.grid import Grid
from fractalgen.experiments.layout import layout
from fractalgen.experiments.variant import Variant
from tests.evaluation.example_results import changed, full_results, write


@pytest.fixture
def measured(tmp_path):
    """Write results for a grid; returns the experiments and their comparison.

    `change` changes the results of an experiment.
    """

    def make(texts, errors, labels=None, skip=(), change=lambda results, _: results, **axes):
        variants = [Variant.parse(text) for text in texts]
        if labels:
            variants = [
                dataclasses.replace(one, label=label)
                for one, label in zip(variants, labels, strict=True)
            ]
        grid = Grid(tuple(variants), out=tmp_path, common={"epochs": 12}, **axes)
        experiments = grid.experiments()
        for number, (one, error) in enumerate(zip(experiments, errors, strict=True)):
            if one.name not in skip:
                results = change(changed(full_results(), "clean", error=error), one)
                folder = write(
                    one.folder, dataclasses.replace(results, config=one.config.as_json())
                )
                log = {"epoch": 1, "seconds": 10.0 * (number + 1)}
                (folder / "metrics.jsonl").write_text(json.dumps(log) + '\n{"epo')
        folders = [one.folder for one in experiments if one.name not in skip]
        return experiments, compare(folders) if folders else None

    return make


def cell(table, line, head):
    (row,) = [each for each in table.lines if each.name == line]
    return row.cells[table.heads.index(head)]


def test_methods_by_metrics_with_mean_and_deviation_over_seeds(measured):
    experiments, comparison = measured(["vanilla", "ipmix"], (0.10, 0.20, 0.14, 0.20), seeds=(0, 1))
    (table,) = layout("metrics", experiments, comparison, {}, ("clean-error", "auroc"))
    assert table.heads == (("Classification", "Error ↓"), ("OOD", "AUROC ↑"))
    assert [block.title for block in table.blocks] == ["digits, resnet-8"]
    best = cell(table, "vanilla", ("Classification", "Error ↓"))
    assert (best.mean, best.deviation, best.is_best) == ("12.00", "2.83", True)
    assert not cell(table, "ipmix", ("Classification", "Error ↓")).is_best


def test_models_by_methods_with_their_mean(measured):
    # By model: vanilla, ipmix.
    experiments, comparison = measured(
        ["vanilla", "ipmix"], (0.1, 0.2, 0.3, 0.1), models=("resnet-8", "wrn-16-1")
    )
    clean, mce = layout("models", experiments, comparison, {}, ("clean-error", "mce"))
    assert (clean.title, mce.title) == ("Classification, Error ↓", "Robustness, mCE ↓")
    rows = {line.name: [cell.mean for cell in line.cells] for line in clean.lines}
    assert rows == {
        "resnet-8": ["10.00", "20.00"],
        "wrn-16-1": ["30.00", "10.00"],
        "Mean": ["20.00", "15.00"],
    }
    assert [[cell.is_best for cell in line.cells] for line in clean.lines] == [
        [True, False],
        [False, True],
        [False, True],
    ]
    # AlexNet's scale, as in the paper's ImageNet tables, where it was measured.
    assert mce.lines[0].cells[0].mean == "63.40"


def test_two_parts_of_a_label_are_row_and_column(measured):
    labels = [f"t = {t} | k = {k}" for t in (2, 3) for k in (2, 4)]
    texts = [f"ipmix:k={k}:t={t}" for t in (2, 3) for k in (2, 4)]
    experiments, comparison = measured(texts, (0.4, 0.3, 0.2, 0.1), labels)
    (table,) = layout("crossed", experiments, comparison, {}, ("clean-error",))
    assert table.heads == (("k = 2", "Error ↓"), ("k = 4", "Error ↓"))
    assert [[cell.mean for cell in line.cells] for line in table.lines] == [
        ["40.00", "30.00"],
        ["20.00", "10.00"],
    ]
    assert cell(table, "t = 3", ("k = 4", "Error ↓")).is_best


def test_times_relative_to_vanilla(measured):
    experiments, comparison = measured(["vanilla", "ipmix"], (0.1, 0.1))
    (table,) = layout("metrics", experiments, comparison, {}, ("seconds", "relative-seconds"))
    assert [cell.mean for cell in table.lines[0].cells] == ["10.0000", "1.00"]
    assert [cell.mean for cell in table.lines[1].cells] == ["20.0000", "2.00"]


def at_size(results, experiment):
    """The corruptions' source names the strengths, which depend on the data set's size."""
    strengths = "cifar" if experiment.config.dataset == "digits" else "imagenet"
    scale = {"normalized_error": None, "mean_error": 0.3} if strengths == "cifar" else {}
    return changed(results, "corruptions", source=f"generated, {strengths}", **scale)


@pytest.mark.parametrize("datasets", [("digits", "cifar10"), ("cifar10", "digits")])
def test_data_sets_of_other_sizes_have_their_own_figures(measured, datasets):
    experiments, comparison = measured(
        ["vanilla", "ipmix"], (0.1,) * 4, change=at_size, datasets=datasets, models=("resnet-18",)
    )
    (table,) = layout("metrics", experiments, comparison, {}, ("mce",))
    means = {block.title: [line.cells[0].mean for line in block.lines] for block in table.blocks}
    assert means == {
        "digits, resnet-18": ["30.00", "30.00"],
        "cifar10, resnet-18": ["63.40", "63.40"],  # relative to AlexNet, as it can be there
    }
    assert all(cell.is_best for line in table.lines for cell in line.cells)


def test_figures_of_other_sources_are_shown_and_not_compared(measured):
    def change(results, one):
        source = "CIFAR-10-C" if one.variant.method == "ipmix" else "generated"
        return changed(results, "corruptions", source=source)

    experiments, comparison = measured(["vanilla", "ipmix", "cutout"], (0.1,) * 3, change=change)
    (table,) = layout("metrics", experiments, comparison, {}, ("mce",))
    cells = [line.cells[0] for line in table.lines]
    assert [(cell.mean, cell.is_best) for cell in cells] == [("63.40", False)] * 3


def test_times_of_other_hardware_are_not_compared(measured):
    texts = ["vanilla", "cutout", "ipmix", "mixup"]
    experiments, _ = measured(texts, (0.1,) * 4)
    for one, hardware in zip(experiments, ("CPU", "CPU", "GPU", "CPU, then GPU"), strict=True):
        records = [{"seconds": 20.0, "hardware": part} for part in hardware.split(", then ")]
        log = "\n".join(json.dumps(record) for record in records)
        (one.folder / "metrics.jsonl").write_text(log)
    comparison = compare([one.folder for one in experiments])
    (table,) = layout("metrics", experiments, comparison, {}, ("seconds", "relative-seconds"))
    relative = [line.cells[1] and line.cells[1].mean for line in table.lines]
    assert relative == ["1.00", "1.00", None, None]
    assert not any(line.cells[0].is_best for line in table.lines)
    (note,) = comparison.notes
    assert note == (
        "Training, measured differently: CPU in digits, resnet-8, vanilla and digits, resnet-8, "
        "cutout; GPU in digits, resnet-8, ipmix; CPU, then GPU in digits, resnet-8, mixup."
    )


def test_failed_runs_are_marked(measured):
    name = "digits-resnet-8-ipmix-ipmix-set-0"
    experiments, comparison = measured(["vanilla", "ipmix"], (0.1, 0.2), skip={name})
    (table,) = layout("metrics", experiments, comparison, {name: "why"}, ("clean-error",))
    assert [line.name for line in table.lines] == ["vanilla", "ipmix (1 of 1 runs failed)"]
    assert table.lines[1].cells[0].mean == "failed"
    (empty,) = layout("metrics", experiments, None, {one.name: "" for one in experiments})
    assert {cell.mean for line in empty.lines for cell in line.cells} == {"failed"}


def test_sets_have_rows_of_their_own(measured):
    experiments, comparison = measured(["ipmix"], (0.1, 0.2), sets=("a/set", "b/set/"))
    # Other sets have other digests; the results here have the same one.
    results = Path(experiments[1].folder / "metrics.json")
    results.write_text(results.read_text().replace("a3c9", "b3c9"))
    comparison = compare([one.folder for one in experiments])
    (table,) = layout("metrics", experiments, comparison, {}, ("clean-error",))
    assert [line.name for line in table.lines] == ["ipmix, a/set", "ipmix, b/set"]
    assert [line.cells[0].mean for line in table.lines] == ["10.00", "20.00"]
