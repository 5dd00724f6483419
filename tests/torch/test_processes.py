"""Worker processes of every kind give the images that the parent process gives."""

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader  # noqa: E402

from fractalgen.augment import IPMix  # noqa: E402
from fractalgen.bank import MixingSet  # noqa: E402
from fractalgen.torch import Indexed, IPMixCollate, IPMixDataset  # noqa: E402

ROOT = Path(__file__).parents[2]
METHODS = ("fork", "spawn", "forkserver")
TIMEOUT = 300

pytestmark = [
    # Python's warning at any fork of a process that has threads: what is tested here.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    # PyTorch's, where the machine has fewer processors than a test starts workers.
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]


@pytest.fixture(scope="module")
def aug(bank, images, tmp_path_factory):
    """An augmenter with a mapped bank, whose threads have run before any worker starts."""
    folder = tmp_path_factory.mktemp("images")
    for number, image in enumerate(bank):
        Image.fromarray(image).save(folder / f"{number:02}.png")
    mapped = MixingSet(folder, size=40, cache_dir=tmp_path_factory.mktemp("cache"))
    aug = IPMix(mapped, threads=2)
    aug.batch(images, range(len(images)))
    return aug


@pytest.fixture(scope="module")
def labelled(images):
    return [(image, label % 3) for label, image in enumerate(images)]


def batches(loader):
    return [(torch.stack(list(images)), labels) for images, labels in loader]


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    for (images, labels), (others, other_labels) in zip(ours, theirs, strict=True):
        assert torch.equal(images, others)
        assert torch.equal(labels, other_labels)


def test_eight_workers_give_the_batches_of_none(aug, labelled):
    dataset = IPMixDataset(labelled, aug, views=2, seed=3)
    alone = batches(DataLoader(dataset, batch_size=3))
    workers = DataLoader(dataset, batch_size=3, num_workers=8, timeout=TIMEOUT)
    assert_same(batches(workers), alone)


def test_workers_of_every_kind_at_once_and_a_second_epoch(aug, labelled):
    """They live through both epochs, and must learn of the second."""
    kept = {"num_workers": 2, "persistent_workers": True, "timeout": TIMEOUT, "batch_size": 5}
    given = {"views": 2, "seed": 3}
    plain = IPMixDataset(labelled, aug, **given)
    datasets = [IPMixDataset(labelled, aug, **given) for _ in METHODS]
    loaders = [
        DataLoader(dataset, multiprocessing_context=method, **kept)
        for dataset, method in zip(datasets, METHODS, strict=True)
    ]
    collate = IPMixCollate(aug, **given)
    loaders.append(
        DataLoader(Indexed(labelled), collate_fn=collate, multiprocessing_context="fork", **kept)
    )
    drawn = []
    for epoch in (0, 1):
        for adapter in (plain, collate, *datasets):
            adapter.set_epoch(epoch)
        drawn.append(batches(DataLoader(plain, batch_size=5)))
        together = list(zip(*loaders, strict=True))
        for one_loader in zip(*together, strict=True):
            assert_same(batches(one_loader), drawn[-1])
    assert not torch.equal(drawn[0][0][0], drawn[1][0][0])


def test_torchrun(aug, labelled):
    """Two processes, each with a worker of its own, share out what one process gives."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    run = subprocess.run(
        [*command, "--nproc-per-node=2", "--module", "tests.torch.distributed_training"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert run.returncode == 0, run.stderr
    first, second = json.loads(run.stdout)
    dataset = IPMixDataset(labelled[:16], aug, seed=7)
    for epoch in (0, 1):
        dataset.set_epoch(epoch)
        for index in range(16):
            key = f"{epoch} {index}"
            seen = [share[key] for share in (first, second) if key in share]
            assert seen == [zlib.crc32(dataset[index][0].numpy().tobytes())]
