import multiprocessing
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from fractalgen.augment import IPMix
from fractalgen.errors import RunError
from fractalgen.methods.ipmix import IPMixMethod
from fractalgen.methods.vanilla import Vanilla
from fractalgen.seeding import seed_for
from fractalgen.training.batches import BatchLoader, EpochOrder, TrainingBatches, error_of_worker
from fractalgen.training.datasets.data_set import ImageData

SIZE = 12


class Plain:
    """Images without crops, so that what goes into the augmenter is known."""

    def __init__(self, n):
        rng = np.random.default_rng(3)
        self.pixels = rng.integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)
        self.labels = np.arange(n, dtype=np.int64) % 4

    def __len__(self):
        return len(self.pixels)

    def for_testing(self, indices):
        return self.pixels[indices]

    def for_training(self, indices, seeds):
        # A crop that shows its seed in the first pixel.
        pixels = self.pixels[indices].copy()
        pixels[:, 0, 0, 0] = [seed % 251 for seed in seeds]
        return pixels


@pytest.fixture
def data():
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
    return ImageData("plain", Plain(30), Plain(10), ("a", "b", "c", "d"), SIZE, mean, std)


BANK = np.random.default_rng(4).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)


def batches_of(data, method, seed):
    return TrainingBatches(data, method.views(BANK, data.mean, data.std), seed)


def epoch_of(order, epoch):
    order.epoch = epoch
    return list(order)


def test_an_epoch_has_every_image_once_but_for_the_rest():
    order = EpochOrder(30, 8, seed=1)
    assert len(order) == 3
    seen = [index for _, batch in epoch_of(order, 0) for index in batch]
    assert len(seen) == len(set(seen)) == 24
    assert set(seen) <= set(range(30))
    others = [index for _, batch in epoch_of(order, 1) for index in batch]
    assert others != seen
    assert set(others) != set(seen)


def test_an_order_is_a_function_of_seed_and_epoch():
    order = EpochOrder(30, 8, seed=1)
    first = epoch_of(order, 5)
    epoch_of(order, 2)
    assert epoch_of(order, 5) == first
    assert epoch_of(EpochOrder(30, 8, seed=2), 5) != first


def test_processes_share_out_each_batch():
    whole = epoch_of(EpochOrder(30, 8, seed=1), 3)
    shares = [epoch_of(EpochOrder(30, 8, 1, process, 2), 3) for process in range(2)]
    for (_, batch), (_, first), (_, second) in zip(whole, *shares, strict=True):
        assert first + second == batch


def test_views_are_the_augmenter_s_for_seed_epoch_and_index(data):
    batches = batches_of(data, IPMixMethod(), seed=9)
    (clean, first, second), labels = batches[3, [7, 20]]
    assert labels.tolist() == [3, 0]
    for place, index in enumerate([7, 20]):
        alone, _ = batches[3, [index]]
        torch.testing.assert_close(alone[0][0], clean[place], rtol=0, atol=0)
        torch.testing.assert_close(alone[2][0], second[place], rtol=0, atol=0)
    expected = IPMix(BANK, threads=1).batch(
        clean.permute(0, 2, 3, 1).numpy(),
        [seed_for(9, 3, 7), seed_for(9, 3, 20)],
        views=2,
        mean=data.mean,
        std=data.std,
        layout="NCHW",
    )
    np.testing.assert_array_equal(first.numpy(), expected[0])
    np.testing.assert_array_equal(second.numpy(), expected[1])


def test_crops_change_with_epoch_image_and_seed(data):
    def crop(seed, epoch, index):
        (views, _) = batches_of(data, Vanilla(), seed)[epoch, [index]]
        return int(views[0][0, 0, 0, 0])

    assert crop(1, 0, 0) == crop(1, 0, 0)
    others = {crop(1, 0, 0), crop(1, 0, 1), crop(1, 1, 0), crop(2, 0, 0)}
    assert len(others) == 4


def test_one_mixed_view_without_jsd_and_the_clean_one_for_vanilla(data):
    views, _ = batches_of(data, IPMixMethod(jsd=False), seed=0)[0, [1, 2]]
    assert [view.shape for view in views] == [(2, 3, SIZE, SIZE)]
    clean, _ = batches_of(data, Vanilla(), seed=0)[0, [1, 2]]
    assert [view.shape for view in clean] == [(2, 3, SIZE, SIZE)]
    assert not torch.equal(views[0], clean[0])
    unmixed = torch.from_numpy(data.train.pixels[[1, 2]]).permute(0, 3, 1, 2)
    torch.testing.assert_close(clean[0][:, :, 1:], unmixed[:, :, 1:], rtol=0, atol=0)


def test_workers_make_the_batches_of_one_process(data):
    def batches(workers):
        order = EpochOrder(30, 8, seed=1)
        loader = BatchLoader(batches_of(data, IPMixMethod(), 5), order, workers, pinned=False)
        found = []
        for epoch in range(2):
            order.epoch = epoch
            found += [
                (torch.cat([view.float() for view in views]), labels) for views, labels in loader
            ]
        return found

    assert len(batches(0)) == 6
    for (views, labels), (expected, expected_labels) in zip(batches(2), batches(0), strict=True):
        assert torch.equal(views, expected)
        assert torch.equal(labels, expected_labels)


@pytest.mark.parametrize("workers", [0, 1])
def test_what_is_wrong_with_an_image_arrives_in_its_own_words(data, monkeypatch, workers):
    def unreadable(self, indices, seeds):
        raise RunError("photos/cat/3.jpg cannot be read")

    monkeypatch.setattr(Plain, "for_training", unreadable)
    order = EpochOrder(30, 8, seed=1)
    loader = BatchLoader(batches_of(data, Vanilla(), 5), order, workers, pinned=False)
    with pytest.raises(RunError) as raised:
        list(loader)
    assert str(raised.value) == "photos/cat/3.jpg cannot be read"


UNGUARDED = """
import multiprocessing

import fractalgen as fg

multiprocessing.set_start_method("forkserver", force=True)
fg.train(dataset="digits", method="vanilla", epochs=1, workers=1, out="run", device="cpu")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="it has no fork server")
def test_a_script_that_its_workers_run_again_is_told_so(tmp_path):
    """They import it, except where they are forked."""
    (tmp_path / "script.py").write_text(UNGUARDED)
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    reasons = [line for line in done.stderr.splitlines() if line.startswith("fractalgen.errors.")]
    assert len(reasons) == 2  # the worker's, then the script's
    assert all("below 'if __name__ == \"__main__\":'" in reason for reason in reasons)


@pytest.mark.skipif(sys.platform == "win32", reason="PyTorch does not tell there")
def test_a_killed_worker_is_told_of_wherever_training_is(data):
    others = set(multiprocessing.active_children())
    order = EpochOrder(30, 8, seed=1)
    loader = iter(BatchLoader(batches_of(data, Vanilla(), 5), order, 1, pinned=False))
    next(loader)
    with pytest.raises(RuntimeError) as raised:  # noqa: PT012 - by a handler of signals
        for worker in set(multiprocessing.active_children()) - others:
            worker.kill()
        time.sleep(60)
    assert "a worker process was killed" in str(error_of_worker(raised.value))
