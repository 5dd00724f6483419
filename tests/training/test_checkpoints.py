import json
import pickle

import pytest
import torch
from safetensors.torch import save_file

from fractalgen.errors import RunError
from fractalgen.training.checkpoints import (
    Checkpoint,
    momentum_of,
    read_checkpoint,
    restore_momentum,
    write_checkpoint,
)
from fractalgen.training.config import configure


def small_network():
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.Flatten(),
        torch.nn.Linear(16, 2),
    )
    return network.to(memory_format=torch.channels_last)


def sgd(network):
    return torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, nesterov=True)


def step(network, optimizer, seed):
    images = torch.rand(6, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    network(images).square().mean().backward()
    optimizer.step()


def test_training_goes_on_from_a_file_bit_by_bit(tmp_path):
    network = small_network()
    optimizer = sgd(network)
    for seed in range(3):
        step(network, optimizer, seed)
    path = tmp_path / "last.safetensors"
    config = configure(seed=4)
    momentum = momentum_of(optimizer, network)
    written = Checkpoint(3, config, "a" * 32, network.state_dict(), momentum, 0.25)
    write_checkpoint(path, written)
    step(network, optimizer, 3)

    read = read_checkpoint(path)
    assert (read.epoch, read.config, read.set_digest, read.best_error) == (
        3,
        config,
        "a" * 32,
        0.25,
    )
    other = small_network()
    other.load_state_dict(read.model)
    other_optimizer = sgd(other)
    restore_momentum(other_optimizer, other, read.momentum)
    step(other, other_optimizer, 3)
    for name, value in network.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "last.safetensors"
    network = small_network()
    write_checkpoint(path, Checkpoint(1, configure(), None, network.state_dict()))
    return path


@pytest.mark.parametrize("n_bytes", [0, 5, 8, 60, -1])
def test_a_truncated_checkpoint_is_named(file, n_bytes):
    data = file.read_bytes()
    file.write_bytes(data[:n_bytes])
    with pytest.raises(RunError, match=r"last\.safetensors is truncated or damaged"):
        read_checkpoint(file)


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(RunError, match="this run has not finished an epoch"):
        read_checkpoint(tmp_path / "last.safetensors")


def test_tensors_that_are_no_checkpoint_are_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"model.a": torch.zeros(2)}, path)
    with pytest.raises(RunError, match="not a checkpoint of a run"):
        read_checkpoint(path)


def test_a_checkpoint_of_another_version_is_refused(tmp_path):
    path = tmp_path / "last.safetensors"
    save_file({"model.a": torch.zeros(2)}, path, {"fractalgen": json.dumps({"version": 9})})
    with pytest.raises(RunError, match="version 9; this fractalgen reads version 1"):
        read_checkpoint(path)


def test_a_checkpoint_without_its_run_is_refused(tmp_path):
    path = tmp_path / "last.safetensors"
    save_file({"model.a": torch.zeros(2)}, path, {"fractalgen": json.dumps({"version": 1})})
    with pytest.raises(RunError, match="its description of the run is damaged"):
        read_checkpoint(path)


def test_a_pickle_is_not_run(tmp_path):
    path = tmp_path / "last.safetensors"
    ran = tmp_path / "ran"

    class Payload:
        def __reduce__(self):
            return (open, (str(ran), "w"))

    path.write_bytes(pickle.dumps(Payload()))
    with pytest.raises(RunError, match="truncated or damaged"):
        read_checkpoint(path)
    assert not ran.exists()


def test_nothing_is_lost_if_a_checkpoint_cannot_be_written(file, monkeypatch):
    before = file.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        write_checkpoint(file, Checkpoint(2, configure(), None, small_network().state_dict()))
    assert file.read_bytes() == before
