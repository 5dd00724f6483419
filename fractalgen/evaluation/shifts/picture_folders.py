"""Reads ImageNet-C as published: a folder for each corruption, severity and class."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.evaluation.shifts.corruptions import SEVERITIES, choose_names
from fractalgen.mixing_set.conversion import SUFFIXES, UnusableError, to_rgb
from fractalgen.training.errors import RunError

__all__ = ["CorruptionFolder", "read_picture_folders"]


@dataclass(frozen=True)
class CorruptionFolder:
    """Test pictures with one corruption, in folders.

    Attributes
    ----------
    name : str
    severities : tuple of 5 Path
        Folders with one for each class.
    size : int
        Pixels a side that every picture must have.
    labels : dict of str to int
        By class.
    n_test : int
        How many pictures the test set has.
    indices : ndarray of int64 or None
        The pictures to read, by their place in the order of classes and names.
    """

    name: str
    severities: tuple[Path, ...]
    size: int
    labels: dict[str, int]
    n_test: int
    indices: NDArray[np.int64] | None = None

    def batches(
        self, severity: int, batch_size: int
    ) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Read pictures (batch, size, size, 3) and labels (batch,) at a severity of 1 to 5.

        Raises
        ------
        RunError
            If a picture cannot be read or is of another size, or there are none.
        """
        folder = self.severities[severity - 1]
        files = self._files(folder)
        for start in range(0, len(files), batch_size):
            some = files[start : start + batch_size]
            pictures = np.stack([_picture(path, self.size) for path, _ in some])
            yield pictures, np.array([label for _, label in some], np.int64)

    def _files(self, folder: Path) -> list[tuple[Path, int]]:
        """Return the chosen pictures and their labels, sorted by class and name."""
        files = [
            (path, self.labels[place.name])
            for place in _folders(folder)
            for path in sorted(place.iterdir())
            if path.suffix.lower() in SUFFIXES and path.name[0] != "."
        ]
        if not files:
            raise RunError(f"{folder} holds no pictures; download it again")
        if self.indices is None:
            return files
        if len(files) != self.n_test:
            raise RunError(
                f"{folder} has {len(files)} pictures, and the test set {self.n_test}: a part of it "
                "cannot be chosen; evaluate without a limit"
            )
        return [files[index] for index in self.indices]


def read_picture_folders(
    folder: Path,
    size: int,
    classes: Sequence[str],
    n_test: int,
    indices: Sequence[int] | NDArray[np.int64] | None,
) -> tuple[CorruptionFolder, ...]:
    """Read corrupted test pictures from ``corruption/severity/class/picture``.

    The corruptions may lie in folders of their groups, as ImageNet-C's archives unpack
    (``blur/defocus_blur/1/...``). The severities are five folders whose names are numbers, as
    C-bar's are not 1 to 5.

    Parameters
    ----------
    folder : Path
    size : int
        That of the network's pictures.
    classes : sequence of str
        Names of the classes' folders, by label; some may have none.
    n_test : int
        How many pictures the test set has.
    indices : sequence of int, optional
        Read these of the `n_test` test pictures only.

    Returns
    -------
    tuple of CorruptionFolder

    Raises
    ------
    RunError
        If a corruption or a severity is missing, or a class is unknown.
    """
    try:
        found = _corruption_folders(folder)
        labels = {name: label for label, name in enumerate(classes)}
        chosen = None if indices is None else np.asarray(indices, np.int64)
        corruptions = []
        for name in choose_names(folder, list(found)):
            severities = _severities(found[name])
            for severity in severities:
                _check_classes(severity, labels)
            corruptions.append(CorruptionFolder(name, severities, size, labels, n_test, chosen))
    except OSError as error:
        raise RunError(
            f"{error.filename or folder} cannot be read: {error.strerror or error}"
        ) from None
    return tuple(corruptions)


def _corruption_folders(folder: Path) -> dict[str, Path]:
    """Return what has folders with numbers for names, here or one level below."""
    found = {}
    for place in _folders(folder):
        inside = _folders(place)
        if any(_number(path) is not None for path in inside):
            found[place.name] = place
            continue
        for path in inside:
            if any(_number(deeper) is not None for deeper in _folders(path)):
                found[path.name] = path
    return found


def _severities(folder: Path) -> tuple[Path, ...]:
    numbered = [(number, path) for path in _folders(folder) if (number := _number(path))]
    if len(numbered) != len(SEVERITIES):
        raise RunError(
            f"{folder} has {len(numbered)} severities, and there must be {len(SEVERITIES)}; "
            "download it again"
        )
    return tuple(path for _, path in sorted(numbered))


def _check_classes(severity: Path, labels: dict[str, int]) -> None:
    unknown = [path.name for path in _folders(severity) if path.name not in labels]
    if unknown:
        raise RunError(
            f"{severity} has {len(unknown)} folders that are no classes of the data set, such as "
            f"{unknown[0]}; it belongs to another data set"
        )


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")


def _number(path: Path) -> float | None:
    try:
        return float(path.name)
    except ValueError:
        return None


def _picture(path: Path, size: int) -> NDArray[np.uint8]:
    try:
        rgb, _ = to_rgb(path.read_bytes())
    except UnusableError as error:
        raise RunError(f"{path} cannot be used: {error}; download it again") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}") from None
    if rgb.shape[:2] != (size, size):
        raise RunError(
            f"{path} has {rgb.shape[1]} x {rgb.shape[0]} pixels, and the network was trained with "
            f"{size} x {size}; give pictures of that size"
        )
    return rgb
