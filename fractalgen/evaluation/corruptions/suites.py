"""What a suite of corruptions is, and the published lists of their names."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import RunError

__all__ = [
    "CORRUPTIONS",
    "C_BAR",
    "GROUPS",
    "IMAGENET_C_BAR",
    "SEVERITIES",
    "Suite",
    "choose_names",
    "refuse_missing",
]

GROUPS: dict[str, tuple[str, ...]] = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "weather": ("snow", "frost", "fog", "brightness"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
}
"""ImageNet-C's four groups, without those that it keeps for validation.

Source: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", ICLR 2019.
"""

CORRUPTIONS: tuple[str, ...] = tuple(name for names in GROUPS.values() for name in names)
"""ImageNet-C's fifteen corruptions, in its order."""

C_BAR: tuple[str, ...] = (
    "blue_noise_sample",
    "brownish_noise",
    "checkerboard_cutout",
    "inverse_sparkles",
    "pinch_and_twirl",
    "ripple",
    "circular_motion_blur",
    "lines",
    "sparkles",
    "transverse_chromatic_abberation",
)
"""The ten corruptions of CIFAR-10-C-bar, spelled as its files are.

Source: Mintun, Kirillov and Xie, "On Interaction Between Augmentations and Corruptions in Natural
Corruption Robustness", NeurIPS 2021.
"""

IMAGENET_C_BAR: tuple[str, ...] = (
    "blue_noise_sample",
    "brownish_noise",
    "caustic_refraction",
    "checkerboard_cutout",
    "cocentric_sine_waves",
    "inverse_sparkles",
    "perlin_noise",
    "plasma_noise",
    "single_frequency_greyscale",
    "sparkles",
)
"""The ten corruptions of ImageNet-C-bar, spelled as its folders are; CIFAR-10-C-bar has half."""

SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Suite:
    """Corruptions that are made here.

    Attributes
    ----------
    source : str
        What the table calls images of this suite.
    names : tuple of str
        Its corruptions.
    corrupt : callable
        Called as ``corrupt(images, indices, name, severity, seed)`` with images, uint8 of shape
        (n, size, size, 3), whose places in the data set are `indices`. A result depends on its
        image, its index and the last three arguments alone. A function of a module, so that
        worker processes find it.
    distributions : tuple of str
        The Python distributions on which the pixels depend; those that are installed count.
    start_worker : callable
        Called in each worker process before it corrupts images.
    version : int
        Counts up when the same arguments and distributions give other pixels.
    """

    source: str
    names: tuple[str, ...]
    corrupt: Callable[[NDArray[np.uint8], NDArray[np.int64], str, int, int], NDArray[np.uint8]]
    distributions: tuple[str, ...]
    start_worker: Callable[[], None]
    version: int


def choose_names(folder: Path, names: Collection[str]) -> tuple[str, ...]:
    """Return the corruptions to read from a folder that has `names`.

    These are a published list if it is complete, and all of them if no name is published.

    Raises
    ------
    RunError
        If a published list is incomplete, or there are no names.
    """
    lists = (CORRUPTIONS, C_BAR, IMAGENET_C_BAR)
    whole = [known for known in lists if set(known) <= set(names)]
    if whole:
        return whole[0]
    nearest = max(lists, key=lambda known: len(set(known) & set(names)))
    if set(nearest) & set(names):
        refuse_missing(folder, nearest, names)
    if not names:
        raise RunError(
            f"{folder} holds no corrupted images; give a folder of .npy files such as "
            "CIFAR-10-C, or of folders such as ImageNet-C"
        )
    return tuple(sorted(names))


def refuse_missing(folder: Path, wanted: Collection[str], names: Collection[str]) -> None:
    """Raise RunError if a folder that has `names` lacks some of `wanted`."""
    missing = [name for name in wanted if name not in names]
    if missing:
        raise RunError(
            f"{folder} lacks {', '.join(missing)}: {len(wanted) - len(missing)} of "
            f"{len(wanted)} are there; download all of it"
        )
