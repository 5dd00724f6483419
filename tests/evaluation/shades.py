"""A data set of flat grey images, and a network whose answers to any image are known."""

from pathlib import Path

import numpy as np
import torch

from fractalgen.methods.vanilla import Vanilla
from fractalgen.training.config import Config
from fractalgen.training.datasets.data_set import ImageData
from fractalgen.training.datasets.in_memory import InMemoryImages
from fractalgen.training.run import Run

SIZE = 8
CLASSES = ("black", "dark", "light", "white")
LEVELS = np.array([30, 90, 150, 210], np.uint8)
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def flat(labels, size=SIZE):
    """Images of these classes, uint8 (n, size, size, 3)."""
    return np.broadcast_to(LEVELS[labels][:, None, None, None], (len(labels), size, size, 3)).copy()


class NearestShade(torch.nn.Module):
    """The class is the shade that is nearest to the mean of the image."""

    def __init__(self):
        super().__init__()
        self.shades = torch.nn.Parameter(torch.tensor(LEVELS / 255, dtype=torch.float32))

    def forward(self, x):
        mean = x.mean(dim=(1, 2, 3)) * STD[0] + MEAN[0]
        return -300 * (mean[:, None] - self.shades) ** 2


def a_run(folder: Path, n_test: int = 40, size: int = SIZE) -> Run:
    """A run whose network is never wrong on clean images."""
    folder.mkdir(parents=True, exist_ok=True)
    train, test = np.arange(16) % 4, np.arange(n_test) % 4
    parts = [
        InMemoryImages(flat(labels, size), labels, size=size, padding=1, mirror=True)
        for labels in (train, test)
    ]
    config = Config(
        dataset="shades",
        model="nearest",
        method=Vanilla(),
        seed=0,
        image_size=None,
        epochs=1,
        batch_size=4,
        learning_rate=0.1,
        weight_decay=0.0,
    )
    return Run(
        folder=folder,
        config=config,
        data=ImageData("shades", *parts, CLASSES, size, MEAN, STD),
        model=NearestShade().eval(),
        checkpoint={"name": "last", "epoch": 1, "sha256": "0" * 64},
        set_folder=None,
        set_digest=None,
    )
