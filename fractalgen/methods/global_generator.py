"""PyTorch's global generator, seeded for a moment."""

import contextlib
from collections.abc import Iterator

import torch

__all__ = ["global_generator"]

_MASK = (1 << 63) - 1


@contextlib.contextmanager
def global_generator(seed: int) -> Iterator[None]:
    """Seed PyTorch's global CPU generator, from which torchvision draws, and restore it afterwards.

    Only the lowest 63 bits of `seed` count. Generators of other devices are not touched.
    """
    state = torch.get_rng_state()
    torch.default_generator.manual_seed(seed & _MASK)
    try:
        yield
    finally:
        torch.set_rng_state(state)
