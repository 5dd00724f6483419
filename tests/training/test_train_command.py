import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from tests.cli.conftest import run as run  # the fixture

QUICK = ("--image-size", "8", "--batch-size", "128", "--epochs", "1")


@pytest.fixture
def train(run, mixing_images):
    def train_here(*arguments, images=mixing_images):
        return run("train-with-set", images, *QUICK, *arguments)

    return train_here


def test_a_run_is_reported_and_the_way_on_is_shown(train, tmp_path):
    result = train()
    assert result.exit_code == 0, result.stderr
    assert "resnet-8 on digits, ipmix, test error" in result.stdout
    assert "'fractalgen evaluate runs/digits-resnet-8-0'" in result.stdout
    assert "fashion-mnist, cifar10, cifar100, or folder:DIR" in result.stdout
    assert "epoch 1/1: loss" in result.stderr
    assert (tmp_path / "runs" / "digits-resnet-8-0" / "last.safetensors").is_file()


def test_results_for_a_program(train):
    result = train("--json", "--out", "run", "--method", "vanilla")
    data = json.loads(result.stdout)
    assert data["folder"] == "run"
    assert 0 <= data["records"][0]["test_error"] <= 1
    silent = train("--quiet", "--out", "other", "--method", "vanilla")
    assert (silent.exit_code, silent.stdout, silent.stderr) == (0, "", "")


def test_every_option_reaches_the_run(train, tmp_path):
    options = {
        "--k": "2",
        "--t": "1",
        "--beta": "4",
        "--severity": "1.5",
        "--framework": "linear",
        "--levels": "patch,image",
        "--mixing-ops": "add, random-pixels",
        "--patch-shapes": "scar",
        "--recipe": "official",
        "--seed": "12",
        "--learning-rate": "0.03",
        "--weight-decay": "0.001",
        "--model": "wrn-16-1",
        "--precision": "bfloat16",
        "--workers": "1",
        "--device": "cpu",
    }
    flat = [part for option in options.items() for part in option]
    result = train(*flat, "--no-jsd", "--out", "run")
    assert result.exit_code == 0, result.stderr
    config = json.loads((tmp_path / "run" / "run.json").read_text())["config"]
    ipmix = config.pop("ipmix")
    assert config["method"] == "ipmix"
    assert (config["seed"], config["learning_rate"], config["weight_decay"]) == (12, 0.03, 0.001)
    assert (config["model"], config["image_size"], config["epochs"]) == ("wrn-16-1", 8, 1)
    assert ipmix == {
        "k": 2,
        "t": 1,
        "beta": 4.0,
        "severity": 1.5,
        "framework": "linear",
        "levels": ["patch", "image"],
        "mixing_ops": ["add", "random-pixels"],
        "patch_shapes": ["scar"],
        "patch_sizes": "cifar",
        "compat": "official",
        "jsd": False,
        "alpha": 1.0,
        "image_ops": "paper",
        "clean_share": 0.0,
        "pairs": False,
        "pair_weight": 12.0,
    }


def test_a_second_run_needs_to_be_told_what_to_do(train, tmp_path):
    assert train("--out", "run", "--method", "vanilla").exit_code == 0
    weights = (tmp_path / "run" / "last.safetensors").read_bytes()
    again = train("--out", "run", "--method", "vanilla")
    assert again.exit_code == 2
    assert "already holds a run; use --resume" in again.stderr
    resumed = train("--out", "run", "--method", "vanilla", "--resume")
    assert resumed.exit_code == 0
    assert "all epochs were already done" in resumed.stdout
    other = train("--out", "run", "--method", "vanilla", "--resume", "--seed", "5")
    assert other.exit_code == 2
    assert "seed 0 (now 5)" in other.stderr
    assert (tmp_path / "run" / "last.safetensors").read_bytes() == weights


def test_weights_are_carried_over(train, tmp_path):
    assert train("--out", "first", "--method", "vanilla").exit_code == 0
    result = train("--out", "second", "--method", "vanilla", "--weights", "first")
    assert result.exit_code == 0
    assert "starting from first (sha256:" in result.stderr
    config = json.loads((tmp_path / "second" / "run.json").read_text())["config"]
    assert config["weights"].startswith("sha256:")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["--dataset", "digit"], 2, "did you mean 'digits'?"),
        (["--dataset", "folder:nowhere"], 1, "nowhere"),
        (["--model", "resnet8"], 2, "did you mean 'resnet-8'?"),
        (["--method", "ipmx"], 2, "did you mean 'ipmix'?"),
        (["--method", "mixup,cutmix"], 2, "join methods with +: mixup+cutmix"),
        (["--method", "mixup", "--combine", "random"], 2, "combine is for several methods"),
        (["--recipe", "public"], 2, "choose from paper, official"),
        (["--framework", "chian"], 2, "did you mean 'chain'?"),
        (["--levels", "image,pach"], 2, "did you mean 'patch'?"),
        (["--levels", ""], 2, "levels must be a list"),
        (["--method", "vanilla", "--t", "2"], 2, "vanilla has no t"),
        (["--severity", "11"], 2, "severity must be a number from 0.1 to 10"),
        (["--batch-size", "100000"], 2, "smaller --batch-size"),
        (["--weights", "nowhere.safetensors"], 1, "nowhere.safetensors"),
        (["--model", "resnet-18", "--weights", "pretrained"], 2, "there are no published weights"),
        (["--model", "vit-small"], 2, "16"),
        (["--workers", "5000"], 2, "5000 workers are more than"),
        (["--out", ""], 2, "path is empty"),
    ],
)
def test_bad_input_gets_a_sentence_and_writes_nothing(
    train, tmp_path, arguments, exit_code, message
):
    result = train(*arguments)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert message in result.stderr
    assert result.stderr.startswith(("Error: ", "checking and reading"))
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "runs").exists()


def test_a_device_that_is_absent(train):
    if torch.cuda.is_available():
        pytest.skip("there is one here")
    result = train("--device", "cuda")
    assert result.exit_code == 2
    assert "the device 'cuda' is not available" in result.stderr


def test_a_set_that_is_absent_or_empty(train, tmp_path):
    absent = train(images=tmp_path / "nowhere")
    assert absent.exit_code == 1
    assert "does not exist; 'fractalgen build-set" in absent.stderr
    (tmp_path / "empty").mkdir()
    empty = train(images=tmp_path / "empty")
    assert empty.exit_code == 1
    assert "no images" in empty.stderr


def test_the_set_is_ipmix_set_if_the_command_has_no_arguments(run):
    result = run("train-with-set")
    assert result.exit_code == 1
    assert "ipmix-set does not exist" in result.stderr


def test_a_checkpoint_that_is_truncated_is_not_lost(train, tmp_path):
    assert train("--out", "run", "--method", "vanilla").exit_code == 0
    checkpoint = tmp_path / "run" / "last.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    result = train("--out", "run", "--method", "vanilla", "--resume")
    assert result.exit_code == 1
    assert "last.safetensors is truncated or damaged" in result.stderr
    assert len(checkpoint.read_bytes()) == 1000


def test_an_interruption_says_how_to_go_on(tmp_path, mixing_images):
    command = [sys.executable, "-m", "fractalgen", "train-with-set", str(mixing_images)]
    command += ["--image-size", "8", "--epochs", "5000", "--out", "run"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 300
    while not (tmp_path / "run" / "last.safetensors").exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert errors.endswith("Interrupted. Run the same command again with --resume to continue.\n")
    assert "Traceback" not in errors
