"""How well the classes of each family can be told apart.

For each family:

- the share of held-out instances that a small network names, which learned 50 classes from 15
  instances each (chance: 2 %);
- the share of instances of N new classes that the same network's features put nearest to the mean
  of five other instances of their own class.

The images are grey and 64 pixels a side. Run it as ``python -m benchmarks.classes [FAMILY ...]``.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn

from fractalgen.families import FAMILIES, render, sample
from fractalgen.families.classes import families_with_classes

SIZE = 64
COUNTS = (50, 500, 2000)
CHUNK = 500
N_QUERIES = 500
N_MEAN = 5


def images(family, seed, classes, instances):
    """Draw grey images, float32 of shape (classes, instances, 1, SIZE, SIZE), normalised."""

    def draw(class_):
        out = np.empty((len(instances), 1, SIZE, SIZE), np.float32)
        for row, instance in enumerate(instances):
            spec = sample(family, seed=seed, class_=int(class_), instance=instance, gray=True)
            out[row, 0] = render(spec, size=SIZE)[..., 0]
        out -= out.mean((1, 2, 3), keepdims=True)
        return out / (out.std((1, 2, 3), keepdims=True) + 1.0)

    with ThreadPoolExecutor(2) as pool:
        return torch.from_numpy(np.stack(list(pool.map(draw, classes))))


class Network(nn.Module):
    """Four convolutions, features, and a linear layer."""

    def __init__(self, n_classes):
        super().__init__()
        layers = []
        for before, after in ((1, 32), (32, 64), (64, 128), (128, 192)):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        pool = (nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(768, 128))
        self.features = nn.Sequential(*layers, *pool, nn.BatchNorm1d(128))
        self.head = nn.Linear(128, n_classes)

    def forward(self, x):
        return self.head(torch.relu(self.features(x)))


def trained(x, epochs):
    """Train on images of shape (classes, instances, ...); random signs make contrast irrelevant."""
    torch.manual_seed(0)
    labels = torch.arange(len(x)).repeat_interleave(x.shape[1])
    x = x.flatten(0, 1)
    network = Network(int(labels.max()) + 1)
    steps = epochs * -(-len(x) // 64)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(64):
            signs = torch.randint(0, 2, (len(rows), 1, 1, 1)) * 2 - 1
            shifts = torch.randint(-4, 5, (2,)).tolist()
            batch = torch.roll(x[rows], shifts, (2, 3)) * signs
            loss = nn.functional.cross_entropy(network(batch), labels[rows], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval()


@torch.no_grad()
def features(network, x):
    """Return unit vectors: the mean of an image's features and its negative's."""
    parts = [network.features(part) + network.features(-part) for part in x.split(256)]
    return nn.functional.normalize(torch.cat(parts), dim=1)


def measure(family):
    """Print a family's row."""
    x = images(family, 1, range(50), range(20))
    network = trained(x[:, :15], epochs=15)
    with torch.no_grad():
        guesses = network(x[:, 15:].flatten(0, 1)).argmax(1).reshape(50, 5)
    known = float((guesses == torch.arange(50)[:, None]).float().mean())
    means = []
    for first in range(0, COUNTS[-1], CHUNK):
        x = images(family, 3, range(first, first + CHUNK), range(N_MEAN))
        means.append(features(network, x.flatten(0, 1)).reshape(CHUNK, N_MEAN, -1).mean(1))
    means = nn.functional.normalize(torch.cat(means), dim=1)
    row = [f"{known:8.1%}"]
    for count in COUNTS:
        chosen = np.random.default_rng(0).permutation(count)[:N_QUERIES]
        queries = features(network, images(family, 3, chosen, [N_MEAN]).flatten(0, 1))
        nearest = (queries @ means[:count].T).argmax(1)
        row.append(f"{float((nearest == torch.from_numpy(chosen)).float().mean()):7.1%}")
    print(f"{family:<16}", *row, flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    chosen_families = sys.argv[1:] or families_with_classes()
    assert set(chosen_families) <= set(FAMILIES)
    print(f"{'':<16}  50 known", *(f"{count:>7,}" for count in COUNTS))
    for name in chosen_families:
        measure(name)
