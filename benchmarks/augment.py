"""How long an IPMix view takes, against the same algorithm an image at a time, in the same run."""

import functools
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.timing import Row, paired_seconds
from benchmarks.vectors import vector_bits
from fractalgen.augment.config import PATCH_SIZES
from fractalgen.augment.image_ops import PAPER_IMAGE_OPS, amount_of, apply_image_op
from fractalgen.augment.ipmix import IPMix
from fractalgen.kernels.ipmix import apply_plans

# Side, patch sizes, images of a batch, pairs of runs.
SIZES = ((32, "cifar", 256, 8), (224, "imagenet", 64, 5))
BATCH = 128
N_BANK = 200
K, T, ALPHA, BETA, SEVERITY = 3, 3, 1.0, 3.0, 3.0


def random_images(n: int, size: int, seed: int) -> NDArray[np.uint8]:
    """Return smooth images with some grain: Pillow's equalize is faster on plain noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n, 6, 6, 3), dtype=np.uint8)
    smooth = [np.asarray(Image.fromarray(c).resize((size, size), 3), np.int16) for c in coarse]
    grain = rng.integers(-8, 9, (n, size, size, 3), dtype=np.int16)
    return np.clip(np.stack(smooth) + grain, 0, 255).astype(np.uint8)


class PerSample:
    """IPMix as a dataset's ``__getitem__`` does it: Pillow, torch and NumPy's global generator."""

    def __init__(self, bank: NDArray[np.uint8], patch_sizes: tuple[int, ...]) -> None:
        self.bank = [Image.fromarray(fractal) for fractal in bank]
        self.patch_sizes = patch_sizes

    def __call__(self, image: Image.Image) -> Any:
        import torch

        weights = np.random.dirichlet([ALPHA] * K)  # noqa: NPY002
        skip = float(np.random.beta(ALPHA, ALPHA))  # noqa: NPY002
        fractal = self.bank[np.random.randint(len(self.bank))]  # noqa: NPY002
        top = np.random.randint(fractal.height - image.height + 1)  # noqa: NPY002
        left = np.random.randint(fractal.width - image.width + 1)  # noqa: NPY002
        fractal = fractal.crop((left, top, left + image.width, top + image.height))
        clean = self.to_tensor(image)
        mixed = torch.zeros_like(clean)
        for weight in weights:
            current = image
            image_level = np.random.rand() < 0.5  # noqa: NPY002
            for _ in range(np.random.randint(1, T + 1)):  # noqa: NPY002
                if image_level:
                    current = self.with_op(current)
                    continue
                coin = np.random.rand() < 0.5  # noqa: NPY002
                current = self.mixed_patch(current, fractal if coin else self.with_op(image))
            mixed += float(weight) * self.to_tensor(current)
        return skip * mixed + (1 - skip) * clean

    @staticmethod
    def to_tensor(image: Image.Image) -> Any:
        import torch

        return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255

    @staticmethod
    def to_image(values: Any) -> Image.Image:
        import torch

        pixels = (values.clamp(0, 1) * 255 + 0.5).to(torch.uint8)
        return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())

    @staticmethod
    def with_op(image: Image.Image) -> Image.Image:
        op = str(np.random.choice(PAPER_IMAGE_OPS))  # noqa: NPY002
        level = np.random.uniform(0.1, SEVERITY)  # noqa: NPY002
        sign = 1 if np.random.rand() < 0.5 else -1  # noqa: NPY002
        return apply_image_op(image, op, amount_of(op, level, sign, image.size))

    def mixed_patch(self, image: Image.Image, partner: Image.Image) -> Image.Image:
        top, left, height, width = self.box(image.height, image.width)
        patch = np.s_[:, top : top + height, left : left + width]
        ours, theirs = self.to_tensor(image), self.to_tensor(partner)
        ours[patch] = self.mix(ours[patch], theirs[patch])
        return self.to_image(ours)

    def box(self, height: int, width: int) -> tuple[int, int, int, int]:
        size = min(int(np.random.choice(self.patch_sizes)), height, width)  # noqa: NPY002
        sides = [size, size]
        if size < max(height, width) and np.random.rand() < 0.5:  # noqa: NPY002
            thin = np.random.randint(2)  # noqa: NPY002
            sides[thin] = np.random.randint(1, max(size // 4, 1) + 1)  # noqa: NPY002
        top = np.random.randint(height - sides[0] + 1)  # noqa: NPY002
        left = np.random.randint(width - sides[1] + 1)  # noqa: NPY002
        return top, left, sides[0], sides[1]

    @staticmethod
    def mix(ours: Any, theirs: Any) -> Any:
        import torch

        op = np.random.randint(4)  # noqa: NPY002
        if op >= 2:
            channels = 1 if op == 2 else 3
            mask = torch.rand(channels, *ours.shape[1:]) < np.random.rand()  # noqa: NPY002
            return torch.where(mask, ours, theirs)
        a, b = np.random.beta(BETA, 1), np.random.beta(1, BETA)  # noqa: NPY002
        if np.random.rand() < 0.5:  # noqa: NPY002
            a, b = 1 + np.random.beta(1, BETA), -np.random.beta(1, BETA)  # noqa: NPY002
        if op == 0:
            return (a * (2 * ours - 1) + b * (2 * theirs - 1) + 1) / 2
        return (2 * ours) ** a * (2 * theirs).clamp(1e-37) ** b / 2


def against_per_sample(size: int, preset: str, n: int, n_runs: int) -> Row:
    """Time a batch on one thread and the same number of images one by one."""
    import torch

    bank, images = random_images(N_BANK, size + size // 8, 0), random_images(n, size, 1)
    aug = IPMix(bank, patch_sizes=preset, threads=1)
    sides = tuple(size if side == "image" else int(side) for side in PATCH_SIZES[preset])
    per_sample = PerSample(bank, sides)
    as_images = [Image.fromarray(image) for image in images]
    batch = functools.partial(aug.batch, images, range(n), layout="NCHW")
    baseline = functools.partial(_one_by_one, per_sample, as_images)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    theirs, ours = paired_seconds(baseline, batch, n_runs)
    torch.set_num_threads(n_threads)
    return Row(
        f"IPMix, one view, {size} x {size}, one thread",
        f"{1e6 * ours / n:.0f} µs",
        f"per sample, Pillow and torch, {1e6 * theirs / n:,.0f} µs",
        f"{theirs / ours:.0f}x",
        vector_bits(apply_plans),
    )


def _one_by_one(per_sample: Callable[[Any], Any], images: list[Image.Image]) -> None:
    np.random.seed(0)  # noqa: NPY002
    for image in images:
        per_sample(image)


def two_threads_against_one(size: int, preset: str, n: int, n_runs: int) -> Row:
    bank, images = random_images(N_BANK, size + size // 8, 0), random_images(n, size, 1)
    one, two = (
        functools.partial(IPMix(bank, patch_sizes=preset, threads=threads).batch, images, range(n))
        for threads in (1, 2)
    )
    alone, together = paired_seconds(one, two, n_runs)
    return Row(
        f"IPMix, {n} views, {size} x {size}, two threads",
        f"{1e3 * together:.1f} ms",
        f"one thread, {1e3 * alone:.1f} ms",
        f"{alone / together:.2f}x",
        vector_bits(apply_plans),
    )


def beside_a_training_step(n_runs: int = 6) -> Row:
    """Time a batch's two views and clean images, and a JSD step of a small network on them."""
    import torch
    from torch import nn

    from fractalgen.torch import IPMixCollate, jsd_loss

    images = random_images(BATCH, 32, 1)
    collate = IPMixCollate(IPMix(random_images(N_BANK, 36, 0)), views=2)
    samples = [(image, index % 10, index) for index, image in enumerate(images)]
    (clean, first, second), labels = collate(samples)
    stacked = torch.cat([clean, first, second])
    network = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(64, 128, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(128, 10),
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        jsd_loss(*network(stacked).split(BATCH), labels).backward()
        optimizer.step()

    augmentation, training = paired_seconds(lambda: collate(samples), step, n_runs)
    return Row(
        f"IPMix, {BATCH} images of 32 x 32, clean and two views",
        f"{1e3 * augmentation:.1f} ms",
        f"the training step, three-layer CNN, {1e3 * training:.0f} ms",
        f"{100 * augmentation / training:.0f}% of it",
        vector_bits(apply_plans),
    )


def rows() -> list[Row]:
    """Return the table; what needs torch is left out where it is not installed."""
    threads = [two_threads_against_one(32, "cifar", BATCH, 200)]
    if importlib.util.find_spec("torch") is None:
        return threads
    return [*(against_per_sample(*case) for case in SIZES), *threads, beside_a_training_step()]
