"""Run by `torchrun`: every process trains on its share; the first says what all of them saw."""

import json
import sys
import zlib

import torch
from torch import distributed
from torch.utils.data import DataLoader, DistributedSampler

from fractalgen.augment import IPMix
from fractalgen.torch import Indexed, IPMixDataset
from tests.augment.conftest import smooth_images


def main():
    distributed.init_process_group("gloo")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images = smooth_images(16, 32, 2)
    aug = IPMix(smooth_images(12, 40, 1), threads=2)
    aug.batch(images, range(16))
    dataset = IPMixDataset([(image, label % 3) for label, image in enumerate(images)], aug, seed=7)
    indexed = Indexed(dataset)
    sampler = DistributedSampler(indexed)
    loader = DataLoader(
        indexed, batch_size=4, sampler=sampler, num_workers=1, persistent_workers=True, timeout=300
    )
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 3))
    network = torch.nn.parallel.DistributedDataParallel(network)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    seen = {}
    for epoch in range(2):
        sampler.set_epoch(epoch)
        dataset.set_epoch(epoch)
        for views, labels, indices in loader:
            torch.nn.functional.cross_entropy(network(views), labels).backward()
            optimizer.step()
            for index, view in zip(indices.tolist(), views, strict=True):
                seen[f"{epoch} {index}"] = zlib.crc32(view.numpy().tobytes())
    shares = [None] * distributed.get_world_size()
    distributed.all_gather_object(shares, seen)
    if distributed.get_rank() == 0:
        sys.stdout.write(json.dumps(shares))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
