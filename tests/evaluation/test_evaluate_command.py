import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fractalgen.errors import RunUsageError
from fractalgen.evaluation.compare import compare
from fractalgen.evaluation.evaluate import evaluate
from fractalgen.evaluation.metrics_file import read_results
from fractalgen.training.checkpoints import Checkpoint, write_checkpoint
from fractalgen.training.config import configure
from fractalgen.training.models import create_model
from fractalgen.training.run_folder import RunFile, RunFolder
from tests.cli.conftest import run as run  # the fixture

QUICK = ("--corruptions", "none", "--perturbations", "none", "--pgd-steps", "0", "--ood", "noise")


@pytest.fixture(scope="module")
def kept_run(tmp_path_factory):
    """A run on digits whose weights are still those of the beginning."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    config = configure(dataset="digits", method="vanilla", epochs=1)
    described = RunFile(config, None, None, "d" * 32, {"fractalgen": "0"})
    place = RunFolder(folder)
    folder.mkdir()
    place.claim(described, overwrite=False)
    torch.manual_seed(0)
    weights = create_model(config.model, 10, 32).state_dict()
    write_checkpoint(place.last, Checkpoint(1, config, None, weights))
    return folder


@pytest.fixture
def digits(kept_run, tmp_path):
    return shutil.copytree(kept_run, tmp_path / "digits")


def test_the_table_and_the_files(run, digits):
    result = run("evaluate", "digits", *QUICK, "--limit", "50")
    assert result.exit_code == 0, result.stderr
    assert "clean error" in result.stdout
    assert "AUROC" in result.stdout
    assert "corruption" not in result.stdout
    assert "report.html" in result.stdout
    assert result.stderr == ""
    kept = read_results(digits)
    assert kept.run == "digits"
    assert (kept.entries["ood"][0].n_test, kept.entries["ood"][0].n_ood) == (50, 10)
    assert kept.checkpoint["epoch"] == 1
    assert "<html" in (digits / "report.html").read_text()


def test_json_and_quiet(run, digits):
    as_json = run("evaluate", "digits", *QUICK, "--json")
    assert json.loads(as_json.stdout) == json.loads((digits / "metrics.json").read_text())
    silent = run("evaluate", "digits", *QUICK, "--quiet")
    assert (silent.exit_code, silent.stdout, silent.stderr) == (0, "", "")


def test_the_usual_set_is_found_where_the_run_had_none(run, digits, tmp_path):
    (tmp_path / "ipmix-set").mkdir()
    rng = np.random.default_rng(0)
    for i in range(3):
        pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "ipmix-set" / f"{i}.png")
    result = run("evaluate", "digits", *QUICK[:-2], "--json")
    sources = [entry["source"] for entry in json.loads(result.stdout)["entries"]["ood"]]
    assert sources == ["noise", "fractals"]

    # And where the run's own is gone.
    described = json.loads((digits / "run.json").read_text())
    described["set_folder"] = str(tmp_path / "gone")
    (digits / "run.json").write_text(json.dumps(described))
    result = run("evaluate", "digits", *QUICK[:-2], "--ood", "fractals", "--limit", "20")
    assert result.exit_code == 0, result.stderr


def test_earlier_figures_are_shown_too(run, digits):
    run("evaluate", "digits", *QUICK)
    arguments = ("evaluate", "digits", *QUICK[:4], "--ood", "none", "--pgd-steps", "1")
    shown = run(*arguments, "--pgd-norm", "l2").stdout
    assert "AUROC" in shown
    assert "error under PGD" in shown
    kept = json.loads(run("evaluate", "digits", *QUICK[:-1], "none", "--json").stdout)
    assert [entry["source"] for entry in kept["entries"]["ood"]] == ["noise"]
    assert kept["entries"]["adversarial"][0]["norm"] == "l2"


def test_a_set_that_is_gone_is_told(run, digits, tmp_path):
    described = json.loads((digits / "run.json").read_text())
    described["set_folder"] = str(tmp_path / "gone")
    (digits / "run.json").write_text(json.dumps(described))
    result = run("evaluate", "digits", *QUICK[:-2], "--limit", "20")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == (
        f"skipping fractals: the run's mixing set {tmp_path / 'gone'} cannot be found; "
        "choose another with --set\n"
    )
    assert [entry.source for entry in read_results(digits).entries["ood"]] == ["noise"]
    assert run("evaluate", "digits", *QUICK, "--limit", "20").stderr == ""
    by_name = run("evaluate", "digits", *QUICK[:-2], "--ood", "fractals", "--limit", "20")
    assert by_name.exit_code != 0
    assert by_name.stderr.startswith("Error: ")


def test_where_earlier_figures_are_kept_is_told(run, digits):
    run("evaluate", "digits", *QUICK, "--limit", "20")
    result = run("evaluate", "digits", *QUICK, "--limit", "30", "--quiet")
    kept = Path("digits") / "metrics-last-20-0.json"
    assert result.stderr == f"earlier results, of 20 images, are kept in {kept}\n"
    assert result.stdout == ""
    assert (digits / "report-last-20-0.html").exists()


def test_names_that_are_no_text_are_printed(run, digits, tmp_path):
    place = os.fsencode(tmp_path) + b"/caf\xe9"
    try:
        os.mkdir(place)  # noqa: PTH102 - of bytes
    except OSError:
        pytest.skip("file names must be text here")
    Image.new("RGB", (32, 32)).save(Path(os.fsdecode(place)) / "0.png")
    result = run("evaluate", "digits", *QUICK[:-2], "--ood", os.fsdecode(place))
    assert result.exit_code == 0, result.stderr
    assert "OOD detection, caf?" in result.stdout


def test_the_library_takes_folders_and_its_results_print_as_tables(digits):
    options = {"corruptions": "none", "perturbations": "none", "pgd_steps": 0, "ood": "noise"}
    results = evaluate(str(digits), limit=20, **options)
    assert "AUROC" in repr(results)
    assert results.entries["ood"][0].n_test == 20
    assert "AUROC, higher is better" in repr(compare([digits]))
    with pytest.raises(RunUsageError, match="given more than once"):
        compare([digits, str(digits)])


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["nowhere"], 1, "nowhere does not exist"),
        (["."], 1, "is not a run"),
        (["digits", "--checkpoint", "best"], 1, "best.safetensors does not exist"),
        (["digits", "--corruptions", "none", "--corruptions", "c"], 2, "cannot be combined"),
        (["digits", "--corruptions", "nowhere"], 1, "nowhere does not exist"),
        (["digits", "--ood", "fractls"], 2, "did you mean 'fractals'"),
        (["digits", "--ood", "fractals"], 2, "--set"),
        (["digits", "--ood", "digits"], 2, "trained on digits"),
        (["digits", "--natural-shift", "nowhere"], 1, "nowhere does not exist"),
        (["digits", "--limit", "0"], 2, "--limit"),
        (["digits", "--pgd-norm", "l3"], 2, "--pgd-norm"),
        (["digits", "--device", "cuda:77"], 2, "cuda:77"),
        ([], 2, "RUN"),
    ],
)
def test_mistakes_are_sentences(run, digits, arguments, code, reason):
    result = run("evaluate", *arguments)
    assert result.exit_code == code
    assert reason in result.stderr
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr
    assert not (digits / "metrics.json").exists()


def test_a_damaged_checkpoint_is_a_sentence(run, digits):
    last = digits / "last.safetensors"
    last.write_bytes(last.read_bytes()[:1000])
    result = run("evaluate", "digits", *QUICK)
    assert result.exit_code == 1
    assert "last.safetensors is truncated or damaged" in result.stderr
