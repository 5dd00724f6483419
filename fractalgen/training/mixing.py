"""The images that a run mixes with: the set is checked, then opened at the right size."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from fractalgen.augment.ipmix import IPMix
from fractalgen.bank.bank import MixingSet
from fractalgen.bank.folder import SET_FILE, content_key, list_images
from fractalgen.errors import RunError, RunUsageError
from fractalgen.mixing_set.verify import verify
from fractalgen.training.config import IPMixSettings

__all__ = ["augmenter_for", "check_settings", "checked_set_digest", "try_settings"]


def checked_set_digest(folder: Path) -> str:
    """Return 32 hexadecimal digits that name what a folder's images are.

    A fractalgen set is verified first, file by file; any other folder of images will do as it is.

    Raises
    ------
    RunError
        If the set is not whole, or has files that are not its own.
    SetError
        If there is no such folder, or no image in it.
    """
    if not folder.exists():
        raise RunError(
            f"{folder} does not exist; 'fractalgen build-set {folder}' makes a mixing set, and "
            "--method vanilla trains without one"
        )
    if (folder / SET_FILE).is_file():
        report = verify(folder)
        if not report.ok:
            n_broken = len(report.findings.broken)
            what = (
                f"{n_broken:,} of its images are missing or altered"
                if n_broken
                else ("it has files that are not its own, or a damaged manifest")
            )
            raise RunError(
                f"{folder} fails verification: {what}; see 'fractalgen verify {folder}', and "
                f"'fractalgen build-set {folder} --repair'"
            )
    return content_key(list_images(folder))


def augmenter_for(settings: IPMixSettings, set_folder: Path, image_size: int) -> IPMix:
    """Make a run's augmenter for images of a size.

    The set's images are an eighth larger, 36 for 32 and 256 for 224 pixels, so that crops of
    them differ.

    Raises
    ------
    RunUsageError
        If one of IPMix's options is out of its range.
    SetError
        If there are no images, or some of them cannot be read.
    """
    check_settings(settings)
    return IPMix(MixingSet(set_folder, size=image_size * 8 // 7), **dataclasses.asdict(settings))


def check_settings(settings: IPMixSettings) -> None:
    """Raise RunUsageError if one of IPMix's options is unknown or out of its range."""
    _tried(settings, 8)


def try_settings(settings: IPMixSettings, image_size: int) -> None:
    """Augment an image of a size, with nothing, and so compile the kernels.

    That is done before an epoch's time is taken, and before workers are started that would all
    compile them.

    Raises
    ------
    RunUsageError
        If the options do not go with the size.
    """
    image = np.zeros((1, image_size, image_size, 3), np.uint8)
    try:
        _tried(settings, image_size).batch(image, [0], layout="NCHW")
    except ValueError as error:
        raise RunUsageError(str(error)) from None


def _tried(settings: IPMixSettings, size: int) -> IPMix:
    try:
        return IPMix(np.zeros((1, size, size, 3), np.uint8), **dataclasses.asdict(settings))
    except ValueError as error:
        raise RunUsageError(str(error)) from None
