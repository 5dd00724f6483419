"""How long a view of AugMix, PixMix, LayerMix and PRIME takes, against others' ways to make it.

AugMix is timed beside torchvision's; PixMix and LayerMix beside the readable reference, which
applies the same plans with Pillow and NumPy; PRIME beside its algorithm for a whole batch in torch,
once more with its options for ImageNet.
"""

import functools
import importlib.util
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.augment import random_images
from benchmarks.timing import Row, paired_seconds
from benchmarks.vectors import vector_bits
from fractalgen.augment import PRIME, AugMix, LayerMix, PixMix, PRIMEConfig
from fractalgen.kernels.ipmix import apply_plans

SIZE, N = 32, 128
LARGE, N_LARGE = 224, 8
IMAGENET = PRIMEConfig(max_frequency=500, bandwidth=20, temperature=0.05, max_modes=500)


def _torchvision_augmix(images: NDArray[np.uint8]) -> Callable[[], object]:
    import torch
    from torchvision.transforms import v2

    transform = v2.AugMix(all_ops=False)
    tensors = [torch.from_numpy(image.transpose(2, 0, 1).copy()) for image in images]
    return lambda: [transform(tensor) for tensor in tensors]


class TorchPrime:
    """PRIME for a batch on the CPU: each operation is computed for all, and one chosen."""

    def __init__(self, config: PRIMEConfig) -> None:
        self.config = config

    def __call__(self, images: Any) -> Any:
        import torch

        n, width = len(images), self.config.width
        weights = torch.distributions.Dirichlet(torch.ones(width)).sample((n,))
        skip = torch.rand(n, 1, 1, 1)
        current = images.repeat(width, 1, 1, 1)
        depth = torch.randint(1, 4, (len(current), 1, 1, 1))
        for step in range(3):
            chosen = torch.randint(0, 3, (len(current), 1, 1, 1))
            results = (self.filtered(current), self.toned(current), self.warped(current))
            changed = sum(result * (chosen == i) for i, result in enumerate(results))
            current = torch.where(depth > step, changed, current)
        chains = current.reshape(width, *images.shape)
        return (1 - skip) * images + skip * torch.einsum("nm,mnchw->nchw", weights, chains)

    def filtered(self, images: Any) -> Any:
        import torch

        kernels = torch.randn(len(images), 1, 3, 3) * float(torch.rand(1)) * self.config.sigma
        kernels[:, :, 1, 1] += 1
        planes = images.transpose(0, 1)
        out = torch.nn.functional.conv2d(planes, kernels, padding=1, groups=len(images))
        return out.transpose(0, 1).clamp(0, 1)

    def toned(self, images: Any) -> Any:
        import torch

        last = int(torch.randint(1, self.config.max_frequency + 1, (1,)))
        first = max(1, last - self.config.bandwidth + 1) if self.config.bandwidth else 1
        frequencies = torch.arange(first, last + 1)
        variance = self.config.temperature * torch.rand(1)
        weights = torch.randn(len(images), 3, len(frequencies)) * variance.sqrt()
        colors = images.flatten(2)
        waves = torch.sin(colors[..., None] * (math.pi * frequencies))
        out = colors + torch.einsum("bcf,bcnf->bcn", weights, waves)
        return out.clamp(0, 1).reshape(images.shape)

    def warped(self, images: Any) -> Any:
        import torch

        side = images.shape[-1]
        most = int(torch.randint(3, self.config.max_modes + 1, (1,)))
        half = torch.distributions.Beta(0.5, 0.5)
        cut = int(half.sample() * (most - 1)) + 2
        log = math.log(cut)
        least = 1 / (math.pi * side**2 * log)
        top = max(least, 4 / (math.pi**3 * cut**2 * log))
        k = torch.arange(1, cut + 1)
        radius = (k[:, None] ** 2 + k**2).sqrt()
        sines = torch.sin(math.pi * torch.linspace(0, 1, side)[:, None] * k)
        y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
        scale = side * float((half.sample() * (top - least) + least).sqrt())
        places = []
        for start in (y, x):
            drawn = torch.randn(cut, cut) * (radius < cut + 0.5) / radius
            places.append((start - scale * (sines @ drawn @ sines.T).T).clamp(0, side - 1))
        (top_row, left), (bottom, right) = (
            [place.floor().long() for place in places],
            [place.ceil().long() for place in places],
        )
        down, across = places[0] - top_row, places[1] - left
        upper = images[..., top_row, left] * (1 - across) + images[..., top_row, right] * across
        lower = images[..., bottom, left] * (1 - across) + images[..., bottom, right] * across
        return upper * (1 - down) + lower * down


def _torch_prime(images: NDArray[np.uint8], config: PRIMEConfig) -> Callable[[], object]:
    import torch

    tensor = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).float() / 255
    return functools.partial(TorchPrime(config), tensor)


def _timed(
    name: str,
    beside: str,
    ours: Any,
    theirs: Callable[[], object],
    n_runs: int,
    size: int = SIZE,
    n: int = N,
) -> Row:
    baseline, mine = paired_seconds(theirs, ours, n_runs)
    return Row(
        f"{name}, one view, {size} x {size}, one thread",
        f"{1e6 * mine / n:,.0f} µs",
        f"{beside}, {1e6 * baseline / n:,.0f} µs",
        f"{baseline / mine:.0f}x",
        vector_bits(apply_plans),
    )


def rows(n_runs: int = 4) -> list[Row]:
    """Return the table; what needs torch is left out where it is not installed."""
    images, bank = random_images(N, SIZE, 1), random_images(200, SIZE + SIZE // 8, 0)

    def batch(aug: Any) -> Callable[[], object]:
        return functools.partial(aug.batch, images, range(N), layout="NCHW")

    own = "the same plans with Pillow and NumPy"
    table = [
        _timed(
            kind.__name__,
            own,
            batch(kind(bank, threads=1)),
            batch(kind(bank, threads=1, engine="reference")),
            n_runs,
        )
        for kind in (PixMix, LayerMix)
    ]
    if importlib.util.find_spec("torchvision") is None:
        return table
    import torch

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    augmix = _timed(
        "AugMix", "torchvision's v2", batch(AugMix(threads=1)), _torchvision_augmix(images), n_runs
    )
    small = _torch_prime(images, PRIMEConfig())
    prime = _timed("PRIME", "a batch in torch", batch(PRIME(threads=1)), small, n_runs)
    photos, aug = random_images(N_LARGE, LARGE, 2), PRIME(IMAGENET, threads=1)
    large = _timed(
        "PRIME for ImageNet",
        "a batch in torch",
        functools.partial(aug.batch, photos, range(N_LARGE), layout="NCHW"),
        _torch_prime(photos, IMAGENET),
        n_runs,
        LARGE,
        N_LARGE,
    )
    torch.set_num_threads(n_threads)
    return [augmix, *table, prime, large]
