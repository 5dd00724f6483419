"""Whole comparisons on digits of 8 pixels, in processes of their own."""

import contextlib
import csv
import json
import signal
import subprocess
import sys
import time

import psutil
import pytest

from fractalgen.errors import RunUsageError, SetError
from fractalgen.experiments.comparing import run_grid, train_and_compare
from fractalgen.experiments.execution import Machine
from fractalgen.experiments.grid import Grid
from fractalgen.experiments.variant import Variant
from fractalgen.files.lock import locked
from fractalgen.pool import default_workers

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

VANILLA = "digits-resnet-8-vanilla-0"


def start(*arguments, cwd):
    command = [sys.executable, "-m", "fractalgen", "compare", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=cwd, **pipes)


def files(folder):
    return {
        path: path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def wait_for_the_end(process, seconds=300):
    end = time.monotonic() + seconds
    with contextlib.suppress(psutil.NoSuchProcess):
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < end, "a process outlives the comparison"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory, mixing_images):
    """Two methods with two seeds and a missing set, killed in the second run and begun again.

    Returns the folder, the exit code, stdout, stderr, and the finished run's files before it began
    again.
    """
    folder = tmp_path_factory.mktemp("comparison")
    command = (
        *("--methods", "vanilla,ipmix:jsd=false", "--seeds", "0,1", "--epochs", 1),
        *("--image-size", 8, "--sets", f"{mixing_images},nowhere"),
        *("--metrics", "clean-error,rms", "--limit", 10, "--out", "out"),
    )
    process = start(*command, cwd=folder)
    is_done = False
    for line in process.stderr:
        is_done = is_done or f"[1/4] {VANILLA}: done" in line
        if is_done and "checking and reading" in line:  # the next run has begun
            break
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(signal.SIGKILL)
    process.communicate()
    for child in children:
        wait_for_the_end(child)
    done = files(folder / "out/runs" / VANILLA)
    process = start(*command, "--parallel", min(2, default_workers()), cwd=folder)
    stdout, stderr = process.communicate()
    return folder / "out", process.returncode, stdout, stderr, done


def test_after_a_kill_it_goes_on_and_redoes_nothing(outcome):
    out, _, _, stderr, done = outcome
    assert "6 runs, 1 done, 3 to do" in stderr
    assert files(out / "runs" / VANILLA) == done
    data = json.loads((out / "comparison.json").read_text())
    assert [column["seeds"] for column in data["columns"]] == [[0, 1], [0, 1]]


def test_a_failed_run_is_marked_and_the_rest_go_on(outcome):
    out, code, stdout, stderr, _ = outcome
    assert code == 1
    name = "digits-resnet-8-ipmix-jsd-false-nowhere"
    assert (
        stderr.count("2 runs failed: nowhere does not exist; 'fractalgen build-set nowhere'") == 1
    )
    assert f"draws a mixing set ({name}-0, {name}-1)" in " ".join(stdout.split())
    row = next(line for line in stdout.splitlines() if "2 of 2 runs failed" in line)
    assert row.split()[-2:] == ["failed", "failed"]
    assert len(json.loads((out / "comparison.json").read_text())["failed"]) == 2
    assert "2 failed" in (out / "comparison.html").read_text()


def test_the_files_have_both_seeds_and_the_table_what_was_asked_for(outcome):
    out, _, stdout, _, _ = outcome
    lines = list(csv.DictReader((out / "comparison.csv").read_text().splitlines()))
    errors = [line for line in lines if (line["measurement"], line["figure"]) == ("clean", "error")]
    assert [line["n"] for line in errors] == ["2", "2"]
    assert stdout.splitlines()[1].split() == ["Methods", "Error", "↓", "RMS", "↓"]
    assert r"\begin{tabular}{lrr}" in (out / "comparison.tex").read_text()
    results = json.loads((out / "runs" / VANILLA / "metrics.json").read_text())
    assert set(results["entries"]) == {"clean", "classes"}
    assert results["finished"]


def test_done_from_python_is_done(outcome):
    out, *_ = outcome
    lines = []
    options = {"epochs": 1, "image_size": 8, "measure": {"limit": 10}, "metrics": ["rms"]}
    seeds = {"seeds": (0, 1)}
    again = train_and_compare(["vanilla"], out=out, tell=lines.append, **seeds, **options)
    assert lines == ["2 runs, 2 done, 0 to do"]
    assert (again.failures, again.comparison.columns[0].seeds) == ({}, (0, 1))


def test_a_finished_run_keeps_its_folder_when_a_set_of_the_same_name_joins(outcome, mixing_images):
    out, *_ = outcome
    name = f"digits-resnet-8-ipmix-jsd-false-{mixing_images.name}-0"
    assert (out / "runs" / name / "metrics.json").exists()
    options = {"epochs": 1, "image_size": 8, "measure": {"limit": 10}, "metrics": ["rms"]}
    lines = []
    sets = [out / mixing_images.name, mixing_images]
    again = train_and_compare(["ipmix:jsd=false"], sets=sets, out=out, tell=lines.append, **options)
    assert "2 runs, 1 done, 0 to do" in lines
    (failed,) = again.failures
    assert failed.startswith(f"{name}-")
    assert again.comparison.columns[0].runs == (str(out / "runs" / name),)


def grid(out, epochs=1, **measure):
    skipped = {"corruptions": "none", "perturbations": "none", "pgd_steps": 0, "ood": "none"}
    common = {"epochs": epochs, "image_size": 8}
    variants = (Variant.parse("vanilla"),)
    return Grid(variants, common=common, measure={**skipped, "limit": 10, **measure}, out=out)


def test_a_run_of_another_configuration_is_never_overwritten(outcome):
    out, *_ = outcome
    before = files(out)
    with pytest.raises(RunUsageError, match=r"holds a different run, with epochs 1 \(now 2\)"):
        run_grid(grid(out, epochs=2))
    assert files(out) == before


def test_one_comparison_at_a_time_in_a_folder(outcome):
    out, *_ = outcome
    with locked(out), pytest.raises(SetError, match="is using"):
        run_grid(grid(out))


def test_more_runs_at_once_than_cores_are_refused(tmp_path):
    with pytest.raises(RunUsageError, match="need as many CPU cores"):
        run_grid(grid(tmp_path / "out"), Machine(parallel=100_000))
    assert not (tmp_path / "out").exists()


def test_another_limit_measures_again_and_keeps_the_earlier_figures(outcome):
    out, *_ = outcome
    run = out / "runs" / VANILLA
    weights = files(run)[run / "last.safetensors"]
    lines = []
    assert run_grid(grid(out, limit=12), tell=lines.append).failures == {}
    assert f"{VANILLA}: evaluate (measured with limit 10, now 12)" in lines
    assert (run / "metrics-last-10-0.json").exists()
    assert files(run)[run / "last.safetensors"] == weights


def test_a_ctrl_c_ends_the_processes_and_is_no_failure(tmp_path):
    options = ("--epochs", 50, "--image-size", 8, "--metrics", "rms", "--out", "out")
    process = start("--methods", "vanilla", *options, cwd=tmp_path)
    next(line for line in process.stderr if "epoch 1/50" in line)
    children = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate()
    assert process.returncode == 130
    assert "Interrupted. Run the same command again." in stderr
    assert "failed" not in stderr
    for child in children:
        wait_for_the_end(child)


def test_a_killed_process_is_a_failed_run_with_a_reason(tmp_path):
    def kill(line):
        if "epoch 1/" in line:
            for child in psutil.Process().children():
                if "fractalgen.experiments.worker" in child.cmdline():
                    child.kill()

    outcome = run_grid(grid(tmp_path, epochs=50), tell=kill)
    (reason,) = outcome.failures.values()
    assert "was killed, as the system does when memory runs out" in reason
    assert outcome.comparison is None
