"""Training from shards: at URLs, and by several processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from fractalgen.cli import cli
from fractalgen.training.run import load_run
from fractalgen.training.run_folder import RunFolder
from tests.bank.sharded_sets import in_shards
from tests.mixing_set.small_sets import names_in

SMALL = ("--model", "resnet-8", "--image-size", "16", "--epochs", "1", "--batch-size", "256")


def train(place, out, *options):
    command = ["train-with-set", place, "--out", str(out), *SMALL, *options]
    return CliRunner().invoke(cli, command, catch_exceptions=False)


@pytest.mark.parametrize("kind", ["file", "memory", "s3"])
def test_a_run_from_a_url_is_that_from_the_folder(request, small_set, tmp_path, kind):
    url = f"file://{tmp_path}/shards"
    if kind == "memory":
        pytest.importorskip("fsspec")
        url = f"memory://{tmp_path.name}/shards"
    elif kind == "s3":
        url = f"{request.getfixturevalue('s3').bucket}/shards"
    in_shards(small_set, url, 4)
    done = train(url, tmp_path / "run")
    assert done.exit_code == 0, done.output
    run = load_run(tmp_path / "run")
    assert str(run.set_folder) == url
    if kind == "memory":
        train(str(small_set), tmp_path / "plain")
        ours, theirs = (RunFolder(tmp_path / name).records() for name in ("run", "plain"))
        assert [one.loss for one in ours] == [one.loss for one in theirs]
        assert run.set_digest == load_run(tmp_path / "plain").set_digest
        again = train(url, tmp_path / "run", "--resume")
        assert again.exit_code == 0, again.output


# Both processes open the set at the same time, and then train with it.
TOGETHER = """
import sys
import torch
import fractalgen as fg

def note(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith(".npy"):
        with open("log", "a") as file:
            file.write("built\\n")

sys.addaudithook(note)
torch.distributed.init_process_group("gloo")
torch.distributed.barrier()
bank = fg.MixingSet(sys.argv[1], size=18)
total = torch.tensor([int(bank.array.sum())])
torch.distributed.all_reduce(total)
assert total.item() == 2 * int(bank.array.sum())
fg.train(dataset="digits", model="resnet-8", image_size=16, epochs=1, batch_size=256,
         mixing_set=sys.argv[1], out="run", device="cpu", workers=0)
"""


def test_the_processes_of_torchrun_share_one_bank(small_set, tmp_path):
    place = in_shards(small_set, tmp_path / "shards", 2)
    (tmp_path / "together.py").write_text(TOGETHER)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [sys.executable, *launch, "together.py", str(place)],
        cwd=tmp_path,
        env=os.environ
        | {
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "log").read_text() == "built\n"
    banks = [name for name in names_in(tmp_path / "cache" / "fractalgen") if "bank" in name]
    assert len(banks) == 1
    assert len(RunFolder(tmp_path / "run").records()) == 1
