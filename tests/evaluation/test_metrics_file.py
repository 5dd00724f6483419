"""Two evaluations of one run at once."""

import dataclasses
import json
import subprocess
import sys

import filelock
import pytest

from fractalgen.errors import RunError
from fractalgen.evaluation import metrics_file
from fractalgen.evaluation.measurements.ood import OODEntry
from fractalgen.evaluation.metrics_file import add_entry, read_results
from tests.evaluation.example_results import clean_results

WRITER = """
import sys
from pathlib import Path
from tests.evaluation.test_metrics_file import write_many
write_many(Path(sys.argv[1]), sys.argv[2], limit=int(sys.argv[3]))
"""

N_ENTRIES = 25


def entry(source, auroc=0.5):
    return OODEntry(auroc, 0.5, 0.5, 10, 2, source=source)


def of_limit(limit):
    return dataclasses.replace(clean_results(), options={"seed": 0, "limit": limit})


def write_many(folder, name, limit):
    measured = of_limit(limit)
    for i in range(N_ENTRIES):
        new = entry(f"{name}-{i}")
        measured = measured.with_entry("ood", new)
        add_entry(folder, measured, "ood", new, lambda results: f"{len(results.entries['ood'])}")


def in_two_processes(folder, limits):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, folder, name, str(limit)])
        for name, limit in zip("ab", limits, strict=True)
    ]
    assert [writer.wait() for writer in writers] == [0, 0]


def test_two_processes_lose_nothing(tmp_path):
    in_two_processes(tmp_path, (5, 5))
    sources = [each.source for each in read_results(tmp_path).entries["ood"]]
    assert sorted(sources) == sorted(f"{name}-{i}" for name in "ab" for i in range(N_ENTRIES))
    assert (tmp_path / "report.html").read_text() == str(2 * N_ENTRIES)


def test_two_processes_of_different_limits_lose_nothing(tmp_path):
    """Each renames what the other has left, and writes all of its own again."""
    in_two_processes(tmp_path, (5, 6))
    kept = {}
    for path in tmp_path.glob("metrics*.json"):
        data = json.loads(path.read_text())
        kept.setdefault(data["options"]["limit"], set()).update(
            each["source"] for each in data["entries"]["ood"]
        )
    everything = {name: {f"{name}-{i}" for i in range(N_ENTRIES)} for name in "ab"}
    assert kept == {5: everything["a"], 6: everything["b"]}


def test_an_entry_replaces_the_one_on_its_source(tmp_path):
    for auroc in (0.5, 0.75):
        new = entry("noise", auroc)
        results, kept = add_entry(tmp_path, of_limit(5), "ood", new, lambda _: "")
        assert kept is None
    assert results.entries["ood"] == (entry("noise", 0.75),)
    assert read_results(tmp_path) == results


def test_a_lock_that_stays_held_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics_file, "_LOCK_SECONDS", 0.1)
    with (
        filelock.FileLock(tmp_path / ".fractalgen-metrics.lock"),
        pytest.raises(RunError, match="another evaluation is writing to"),
    ):
        add_entry(tmp_path, of_limit(5), "ood", entry("noise"), lambda _: "")
    assert list(tmp_path.glob("*.json")) == []
