"""A data set of flat grey images, and a network whose answers to any image are known."""

from pathlib import Path

import numpy as np
import torch

from fractalgen.training.config import Config
from fractalgen.training.datasets.image_data import ImageData
from fractalgen.training.datasets.in_memory import InMemoryImages
from fractalgen.training.trained import TrainedRun

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


def a_run(folder: Path, n_test: int = 40, size: int = SIZE) -> TrainedRun:
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
        method="vanilla",
        seed=0,
        image_size=None,
        epochs=1,
        batch_size=4,
        learning_rate=0.1,
        weight_decay=0.0,
        jsd=False,
        ipmix=None,
    )
    return TrainedRun(
        folder=folder,
        config=config,
        data=ImageData("shades", *parts, CLASSES, size, MEAN, STD),
        model=NearestShade().eval(),
        checkpoint={"name": "last", "epoch": 1, "sha256": "0" * 64},
        set_folder=None,
        set_digest=None,
    )
