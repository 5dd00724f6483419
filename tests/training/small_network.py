"""Run by `torchrun`: trains a network without batch statistics, so that processes can agree."""

import sys
from pathlib import Path

import torch

from fractalgen.training.config import configure
from fractalgen.training.models import MODELS, ModelEntry
from fractalgen.training.train import train


def build(n_classes, image_size):
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1),
        torch.nn.GroupNorm(2, 8),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(8 * image_size**2, n_classes),
    )


def main(out, images):
    torch.set_num_threads(1)
    MODELS.add("group-norm", ModelEntry("group-norm", build))
    config = configure(
        model="group-norm", epochs=2, batch_size=128, image_size=8, learning_rate=0.02
    )
    train(config, out=Path(out), mixing_set=Path(images))


if __name__ == "__main__":
    main(*sys.argv[1:])
