import os
import sys

import pytest
import torch

from fractalgen.errors import RunUsageError
from fractalgen.experiments.execution import Machine


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs the cores of a process")
def test_runs_at_once_share_the_cores():
    cores = os.sched_getaffinity(0)
    n = min(2, len(cores))
    slots = Machine(parallel=n, device="cpu").slots()
    assert [slot.threads for slot in slots] == [len(cores) // n] * n
    shares = [set(slot.cores) for slot in slots]
    if n > 1:
        assert set.union(*shares) == cores
        assert sum(map(len, shares)) == len(cores)
    (alone,) = Machine(parallel=1, device="cpu").slots()
    assert (alone.threads, alone.cores) == (len(cores), [])


def test_several_gpus_are_used_in_turn(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(
        sys.modules["fractalgen.experiments.execution"], "_cores", lambda: list(range(8))
    )
    assert [slot.device for slot in Machine().slots()] == ["cuda:0", "cuda:1"]
    slots = Machine(parallel=4, device="cuda").slots()
    assert [slot.device for slot in slots] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]
    assert {slot.threads for slot in slots} == {2}
    assert [slot.device for slot in Machine(parallel=2, device="cuda:1").slots()] == ["cuda:1"] * 2


def test_a_device_that_does_not_exist_is_refused_before_anything_starts(monkeypatch):
    with pytest.raises(RunUsageError, match="the device 'qqq' is not available"):
        Machine(device="qqq").slots()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(RunUsageError, match=r"'cuda:2' is not available \(there are 2"):
        Machine(device="cuda:2").slots()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RunUsageError, match="'cuda' is not available"):
        Machine(device="cuda").slots()


def test_more_workers_than_cores_are_refused():
    with pytest.raises(RunUsageError, match="100000 workers are more than"):
        Machine(workers=100_000, device="cpu").slots()
