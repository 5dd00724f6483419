"""The names of corruptions: ImageNet-C's and C-bar's."""

from collections.abc import Collection
from pathlib import Path

from fractalgen.errors import RunError

__all__ = [
    "CORRUPTIONS",
    "C_BAR",
    "GROUPS",
    "IMAGENET_C_BAR",
    "SEVERITIES",
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
"""CIFAR-10-C-bar's ten corruptions, spelled as its files are.

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
"""ImageNet-C-bar's ten corruptions, spelled as its folders are; half of them are CIFAR's too."""

SEVERITIES = (1, 2, 3, 4, 5)


def choose_names(folder: Path, names: Collection[str]) -> tuple[str, ...]:
    """Return the corruptions to read from a folder that has these.

    They are a published list's, if all of it is there; everything, if no name is published.

    Raises
    ------
    RunError
        If some of ImageNet-C's or C-bar's are there and others are not, or there are none.
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
    """Raise RunError if a folder that has `names` lacks some of those that are wanted."""
    missing = [name for name in wanted if name not in names]
    if missing:
        raise RunError(
            f"{folder} lacks {', '.join(missing)}: {len(wanted) - len(missing)} of "
            f"{len(wanted)} are there; download it as a whole"
        )
