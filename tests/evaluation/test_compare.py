import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from fractalgen.cli import cli
from fractalgen.errors import RunError
from fractalgen.evaluation.compare import compare
from fractalgen.evaluation.metrics_file import read_results
from tests.evaluation.example_results import changed, clean_results, full_results, write


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    try:
        runner = CliRunner(mix_stderr=False)  # as Click does by itself since 8.2
    except TypeError:
        runner = CliRunner()
    return lambda *arguments: runner.invoke(cli, arguments)


def cells(comparison, section, figure):
    row = next(
        row for row in comparison.rows if row.section == section and row.figure.key == figure
    )
    return row.cells


def test_seeds_of_a_column_become_mean_and_sample_deviation():
    errors = (0.10, 0.13, 0.19)
    seeds = {f"s{i}": clean_results(error, seed=i) for i, error in enumerate(errors)}
    comparison = compare({**seeds, "v": clean_results(0.2, method="vanilla")})
    assert [column.seeds for column in comparison.columns] == [(0, 1, 2), (0,)]
    ours, vanilla = cells(comparison, "clean", "error")
    assert ours.mean == pytest.approx(0.14)
    assert ours.deviation == pytest.approx(np.std(errors, ddof=1))
    assert ours.values == errors
    assert (vanilla.mean, vanilla.deviation) == (0.2, None)
    assert comparison.notes == ()
    line = next(line for line in comparison.to_text().splitlines() if "clean error" in line)
    assert line.split()[-4:] == ["14.00", "±", "4.58", "20.00"]


def test_runs_that_differ_in_more_than_the_seed_stand_apart_and_say_in_what():
    other_set = dataclasses.replace(clean_results(), set_digest="b" * 64)
    best = dataclasses.replace(clean_results(), checkpoint={"name": "best", "epoch": 9})
    runs = {
        "a": clean_results(ipmix={"k": 1, "levels": ["image", "patch"]}),
        "b": clean_results(jsd=False),
        "c": other_set,
        "d": best,
    }
    details = [column.details for column in compare(runs).columns]
    plain = {"k 3", "jsd on", "set a3c9a3c9", "checkpoint last"}
    assert [set(found) - plain for found in details] == [
        {"k 1"},
        {"jsd off"},
        {"set bbbbbbbb"},
        {"checkpoint best"},
    ]


def test_several_sets_are_called_by_their_folders(tmp_path):
    sets = {"r": "/data/rcdb", "a": "/data/a/set", "b": "/data/b/set", "old": "/data/b/set"}
    runs = []
    for name, folder in sets.items():
        digest = f"{name:x<8}" * 4
        results = dataclasses.replace(clean_results(), set_digest=digest)
        runs.append(write(tmp_path / name, results))
        described = {"set_folder": folder, "set_digest": digest}
        (runs[-1] / "run.json").write_text(json.dumps(described))
    runs.append(write(tmp_path / "unknown", clean_results()))  # it has no run.json
    details = [column.details for column in compare(runs).columns]
    assert details[:2] == [("set rcdb",), ("set a/set",)]
    assert details[2:4] == [("set b/set (bxxxxxxx)",), ("set b/set (oldxxxxx)",)]
    assert details[4] == ("set a3c9a3c9",)
    assert compare(runs[:1]).columns[0].details == ()


def test_what_was_not_measured_is_a_dash():
    text = compare({"a": clean_results(), "b": full_results(method="vanilla")}).to_text()
    line = next(line for line in text.splitlines() if "error under PGD" in line)
    assert line.split()[-2:] == ["\N{EN DASH}", "41.20"]


def test_runs_of_a_column_that_were_not_measured_alike_have_no_mean():
    comparison = compare({"a": full_results(), "b": full_results(n=500, seed=1)})
    assert cells(comparison, "clean", "error")[0].values == (0.0712, 0.0712)
    assert cells(comparison, "adversarial", "error") == (None,)
    row = next(row for row in comparison.to_json()["rows"] if row["section"] == "adversarial")
    assert row["cells"] == [None]
    line = next(line for line in comparison.to_text().splitlines() if "error under PGD" in line)
    assert line.split()[-1] == "\N{EN DASH}"
    assert any(
        note.startswith("Adversarial images, measured differently:") for note in comparison.notes
    )


def test_a_seed_that_occurs_twice_counts_once():
    runs = {name: clean_results(seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))}
    assert "2 seeds" in compare(runs).to_text()
    del runs["c"]
    assert "seed 0" in compare(runs).to_text().split("Test images")[0]


def test_digests_are_shown_by_their_first_digits():
    runs = {name: clean_results(weights=f"sha256:{name * 32}") for name in ("ab", "cd")}
    details = [column.details for column in compare(runs).columns]
    assert details == [("weights abababab",), ("weights cdcdcdcd",)]


def test_each_corruption_is_shown_on_request():
    comparison = compare({"a": full_results()})
    assert "JPEG compression" not in comparison.to_text()
    text = comparison.to_text(details=True)
    line = next(line for line in text.splitlines() if "JPEG compression" in line)
    assert line.split()[-1] == "8.00"
    assert text.index("mean corruption error") < text.index("gaussian noise")


def test_what_was_measured_otherwise_is_noted():
    vanilla = full_results(n=500, method="vanilla")
    vanilla = changed(vanilla, "adversarial", epsilon=8 / 255)
    vanilla = dataclasses.replace(vanilla, versions={"torch": "2.2.0"})
    notes = "\n".join(compare({"a": full_results(), "b": vanilla}).notes)
    assert "Perturbation sequences, generated, measured differently: 1,000 of 10,000" in notes
    assert "20 steps of 0.5/255, 500 of 10,000 test images in digits, resnet-8, vanilla" in notes
    assert "L-inf 8/255" in notes
    assert "Different versions of torch: 2.14.0 in" in notes


def test_other_corrupted_images_are_noted():
    folder = changed(full_results(method="vanilla"), "corruptions", source="CIFAR-10-C")
    runs = {"a": full_results(), "b": folder, "c": clean_results(method="cutout")}
    assert compare(runs).notes == (
        "Measured on different images: Corruptions, generated in digits, resnet-8, ipmix; "
        "Corruptions, CIFAR-10-C in digits, resnet-8, vanilla.",
    )


def test_copies_of_a_run_are_noted_and_are_no_seeds():
    other = {"name": "last", "epoch": 12, "sha256": "77" * 32}
    again = dataclasses.replace(clean_results(), checkpoint=other)
    (note,) = compare({"rv": clean_results(), "rv2": clean_results()}).notes
    assert note.startswith("digits, resnet-8, ipmix: rv and rv2 are copies of one run")
    assert "counts 2 times in the mean" in note
    assert compare({"rv": clean_results(), "rv2": again}).notes == (
        "digits, resnet-8, ipmix: a seed occurs more than once, in rv, rv2.",
    )
    assert compare({"rv": clean_results(), "seed1": clean_results(seed=1)}).notes == ()


def test_other_notes():
    early = dataclasses.replace(clean_results(seed=1), checkpoint={"name": "last", "epoch": 7})
    runs = {
        "a": full_results(),
        "b": dataclasses.replace(clean_results(), checkpoint={"name": "last", "epoch": 12}),
        "c": early,
        "d": clean_results(dataset="cifar10"),
    }
    notes = compare(runs).notes
    assert "Figures on different data sets are not comparable: digits, cifar10." in notes
    assert "digits, resnet-8, ipmix: a seed occurs more than once, in a, b, c." in notes
    assert "c: measured after epoch 7 of 12." in notes
    assert "Adversarial images: measured in 1 of the 3 runs of digits, resnet-8, ipmix." in notes


def test_columns_that_do_not_fit_go_below():
    runs = {f"m{i}": clean_results(model=f"a-model-name-{i}") for i in range(4)}
    text = compare(runs).to_text(width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("clean error") == 2
    assert compare(runs).to_text(width=None).count("clean error") == 1


def test_markdown_has_as_many_cells_in_each_row_and_escapes_names():
    runs = {"a": full_results(), "b": clean_results(dataset="folder:<a|b>_*")}
    table, _, rest = compare(runs).to_markdown().partition("\n\n")
    rows = table.splitlines()
    assert {row.replace("\\|", "").count("|") for row in rows} == {4}
    assert "folder:&lt;a\\|b&gt;\\_\\*" in rows[0]
    assert "- Figures on different data" in rest


def test_read_results_gives_back_what_was_written(tmp_path):
    for results in (full_results(), clean_results()):
        folder = write(tmp_path / str(len(results.entries)), results)
        assert read_results(folder) == results


def damaged(key, change):
    """Change the whole, its entries, or the first entry of a measurement."""

    def make(text):
        data = json.loads(text)
        entries = data["entries"]
        change(data if key is None else entries if key == "entries" else entries[key][0])
        return json.dumps(data)

    return make


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text[:-9], "not readable as JSON"),
        (lambda text: text.replace("0.0712", "NaN"), r"clean\[0\].error: nan is out of range"),
        (lambda text: "[1]", "results: expected an object"),
        (
            damaged("clean", lambda entry: entry.pop("error")),
            "missing or unknown: error",
        ),
        (
            damaged("clean", lambda entry: entry.update(error="7")),
            "error: expected a number",
        ),
        (damaged("clean", lambda entry: entry.update(n=True)), "n: expected a whole number"),
        (
            damaged("corruptions", lambda entry: entry["errors"].update(fog=[0.1, None])),
            r"corruptions\[0\].errors.fog\[1\]: expected a number",
        ),
        (
            damaged("corruptions", lambda entry: entry["errors"].update(fog=[])),
            "a corruption has no errors",
        ),
        (
            damaged("entries", lambda entries: entries.update(x=[])),
            "'x' is not a measurement",
        ),
        (damaged(None, lambda data: data.update(version=3)), "written by a newer fractalgen"),
    ],
)
def test_damaged_figures_are_refused_by_name(tmp_path, change, says):
    file = write(tmp_path / "run", full_results()) / "metrics.json"
    file.write_text(change(file.read_text()))
    with pytest.raises(RunError, match=says) as error:
        read_results(tmp_path / "run")
    assert f"fractalgen evaluate {tmp_path / 'run'}" in str(error.value)


def test_figures_of_version_1_are_read(tmp_path):
    """A field for each measurement, and OOD images called unknown."""
    results = full_results()
    data = results.to_json()
    entries = data.pop("entries")
    del data["n_test"]
    (ood,) = entries["ood"]
    ood |= {"n_known": ood.pop("n_test"), "n_unknown": ood.pop("n_ood")}
    data |= {
        "version": 1,
        "clean": entries["clean"][0],
        "corruptions": entries["corruptions"],
        "consistency": entries["consistency"][0],
        "adversarial": entries["adversarial"][0],
        "anomalies": [ood],
        "natural_shifts": entries["natural-shift"],
    }
    (tmp_path / "metrics.json").write_text(json.dumps(data))
    assert read_results(tmp_path) == results
    for key in ("corruptions", "anomalies", "natural_shifts"):
        data[key] = []
    data |= {"consistency": None, "adversarial": None}
    (tmp_path / "metrics.json").write_text(json.dumps(data))
    assert read_results(tmp_path) == clean_results()


def test_command_prints_the_table(run, tmp_path):
    write(tmp_path / "a", full_results())
    write(tmp_path / "b", full_results(method="vanilla"))
    result = run("compare", "a", "b", "--details")
    assert result.exit_code == 0
    assert "mean corruption error" in result.stdout
    assert "gaussian noise" in result.stdout
    assert run("compare", "a", "--markdown").stdout.startswith("| | digits<br>resnet-8<br>ipmix")


def test_command_prints_json(run, tmp_path):
    write(tmp_path / "a", full_results())
    write(tmp_path / "b", clean_results(method="vanilla"))
    data = json.loads(run("compare", "a", "b", "--json").stdout)
    assert [column["runs"] for column in data["columns"]] == [["a"], ["b"]]
    rows = {(row["section"], row["figure"]): row for row in data["rows"]}
    row = rows["ood:noise", "auroc"]
    assert row["better"] == "higher"
    conditions = "3,000 OOD, 1,000 of 10,000 test images"
    cell = {"mean": 0.9734, "deviation": None, "values": [0.9734], "conditions": conditions}
    assert row["cells"] == [cell, None]
    assert rows["corruptions:generated", "gaussian_noise"]["cells"][0]["mean"] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["a", "nowhere"], 1, "nowhere does not exist"),
        (["a", "new"], 1, "new has no metrics.json; measure it first with"),
        (
            ["empty"],
            2,
            "empty is not a run; give the folders that 'fractalgen train-with-set' wrote",
        ),
        (["empty", "a/report.html"], 2, "none of these is a run"),
        (["a", "./a"], 2, "a is given more than once"),
        (["a", "--json", "--markdown"], 2, "cannot be combined"),
        ([], 2, "give the folders of the runs to compare, or --methods or --preset"),
        (["a", "--seeds", "0"], 2, "--seeds is for comparisons with --methods or --preset"),
        (["a", "--seeds", "0", "--methods", "ipmix"], 2, "to train new ones, not both"),
        (["a", "--out", "a/report.html"], 1, "a/report.html is not a folder"),
    ],
)
def test_command_fails_in_words(run, tmp_path, arguments, code, says):
    write(tmp_path / "a", full_results())
    (tmp_path / "a/report.html").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "new").mkdir()
    (tmp_path / "new/run.json").touch()
    result = run("compare", *arguments)
    assert result.exit_code == code
    assert says in result.stderr
    assert result.stdout == ""


def test_command_compares_the_runs_among_what_a_pattern_finds(run, tmp_path):
    write(tmp_path / "runs/a", full_results())
    write(tmp_path / "runs/b", full_results(method="vanilla"))
    assert run("compare", "runs/a", "runs/b", "--out", "runs").exit_code == 0  # a user may do that
    found = sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "runs").iterdir())
    result = run("compare", *found, "--json")
    assert result.exit_code == 0
    assert [column["runs"] for column in json.loads(result.stdout)["columns"]] == [
        found[:1],
        found[1:2],
    ]
    assert "not runs: runs/comparison.csv, runs/comparison.html" in result.stderr
    assert run("compare", *found, "--quiet").stderr == ""


@pytest.mark.parametrize(
    "given", [["comparison"], ["comparison/comparison.csv", "comparison/runs"]]
)
def test_command_says_where_the_runs_of_a_comparison_are(run, tmp_path, given):
    write(tmp_path / "comparison/runs/a", full_results())
    (tmp_path / "comparison/comparison.csv").touch()
    result = run("compare", *given)
    assert result.exit_code == 2
    assert "'fractalgen compare comparison/runs/*' compares the runs in" in result.stderr


def test_command_writes_other_signs_where_the_output_has_none(tmp_path):
    a = write(tmp_path / "a", full_results())
    b = write(tmp_path / "b", clean_results(seed=1))
    result = subprocess.run(
        [sys.executable, "-m", "fractalgen", "compare", a, b],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert b"7.12 +/- 0.00" in result.stdout
