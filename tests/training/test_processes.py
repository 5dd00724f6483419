"""Two processes that train together, under the launchers that their users have."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fractalgen.training.checkpoints import read_checkpoint
from fractalgen.training.models import MODELS
from fractalgen.training.run_folder import RunFolder
from tests.training.small_network import main

LAUNCH = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


def launched(command, folder):
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    done = subprocess.run(
        [*LAUNCH, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_two_processes_agree_with_one(tmp_path, mixing_images):
    together, alone = tmp_path / "together", tmp_path / "alone"
    launched(["-m", "tests.training.small_network", together, mixing_images], tmp_path)
    n_threads = torch.get_num_threads()
    try:
        main(alone, mixing_images)
    finally:
        torch.set_num_threads(n_threads)
        MODELS._entries.pop("group-norm", None)
    ours, theirs = (RunFolder(folder).records() for folder in (together, alone))
    for one, other in zip(ours, theirs, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-4)
        assert one.train_error == pytest.approx(other.train_error, abs=0.003)
        assert one.test_error == pytest.approx(other.test_error, abs=0.01)
    assert ours[-1].test_error < 0.5
    first, second = (read_checkpoint(RunFolder(f).last).model for f in (together, alone))
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=1e-3, atol=1e-4)


def test_the_command_trains_in_two_processes_and_speaks_once(tmp_path, mixing_images):
    command = ["-m", "fractalgen", "train-with-set", str(mixing_images), "--image-size", "8"]
    done = launched([*command, "--epochs", "1", "--out", "run"], tmp_path)
    assert done.stdout.count("test error") == 1
    assert done.stderr.count("epoch 1/1") == 1
    assert len(RunFolder(tmp_path / "run").records()) == 1
