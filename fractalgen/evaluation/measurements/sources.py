"""How the tables call the sources of images, and how many images they measured."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from fractalgen.evaluation.measurements.measurement import Figure
from fractalgen.evaluation.wording import count_of, spelled_out

__all__ = ["detail_figures", "folder_names", "of_test_images"]


def folder_names(folders: Sequence[str | Path], taken: Collection[str] = ()) -> tuple[str, ...]:
    """Return what the table calls each folder.

    That is its own name, such as ``CIFAR-10-C``; or its path as it was given, if another folder has
    that name too, or it is among those `taken`.
    """
    own = [Path(folder).expanduser().resolve().name for folder in folders]
    names = []
    for folder, name in zip(folders, own, strict=True):
        if name and name not in taken and own.count(name) == 1:
            names.append(name)
        elif str(folder) in taken:
            names.append(str(Path(folder).resolve()))
        else:
            names.append(str(folder))
    return tuple(names)


def detail_figures(values: Mapping[str, float]) -> list[Figure]:
    """Return a detail for each corruption or perturbation."""
    return [Figure(name, spelled_out(name), value, detail=True) for name, value in values.items()]


def of_test_images(n: int, n_test: int) -> str:
    """Say how many test images were measured, and of how many if there was a limit."""
    all_of_them = count_of(n_test, "test image")
    return f"{n:,} of {all_of_them}" if n < n_test else count_of(n, "test image")
