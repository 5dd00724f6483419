"""The one place where randomness starts."""

import hashlib

import numpy as np

__all__ = ["rng_for"]


def rng_for(seed: int, family: str, index: int) -> np.random.Generator:
    """Make the generator from which one picture's parameters are drawn.

    A picture's stream depends on these three values alone: not on the other pictures, their
    order, the number of workers, or on which families exist.

    Parameters
    ----------
    seed : int
        The set's seed, 0 or more.
    family : str
        The family's name; its SHA-256 gives the family's part of the spawn key.
    index : int
        The picture's number within its family, 0 or more.

    Returns
    -------
    numpy.random.Generator
        A PCG64 generator at the start of its stream.

    Raises
    ------
    ValueError
        If `seed` or `index` is negative.
    """
    if seed < 0 or index < 0:
        raise ValueError(f"seed and index must be 0 or more, not {seed} and {index}")
    family_id = int.from_bytes(hashlib.sha256(family.encode()).digest()[:4], "big")
    sequence = np.random.SeedSequence(seed, spawn_key=(family_id, index))
    return np.random.Generator(np.random.PCG64(sequence))
