"""``python -m benchmarks.corruptions``: hold the common corruptions against ``imagecorruptions``.

For each corruption and severity, photographs of 224 x 224 pixels are corrupted by both. The table
shows the mean absolute change of an image in grey levels: its mean and its 10, 50 and 90% quantiles
over the images with the library, and by how many percent ours differ, each with its standard error.
A second table has the largest differences of each corruption. `--speed` times both instead, at
32 x 32 pixels.
"""

import argparse
import functools
import multiprocessing
import time
from importlib.resources import files
from pathlib import Path

import cv2
import imagecorruptions
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.evaluation.corruptions import SEVERITIES
from fractalgen.evaluation.corruptions.common import CORRUPTIONS, EXTRA, corrupted

__all__ = ["by_library", "change", "photographs"]

_PHOTOGRAPHS = {
    "sklearn.datasets": ("images/china.jpg", "images/flower.jpg"),
    "skimage.data": (
        "astronaut.png",
        "chelsea.png",
        "coffee.png",
        "rocket.jpg",
        "motorcycle_left.png",
        "ihc.png",
        "retina.jpg",
        "hubble_deep_field.jpg",
        "grass.png",
        "gravel.png",
        "brick.png",
    ),
}
_QUANTILES = (0.1, 0.5, 0.9)
# A whole image depends on few random numbers, so each is corrupted several times; see `--draws`.
_DRAWS = dict.fromkeys(("motion_blur", "snow", "frost", "fog", "elastic_transform", "spatter"), 4)
_SEEDED_BY_ARGUMENT = ("impulse_noise", "glass_blur")

Images = NDArray[np.uint8]
Changes = NDArray[np.float64]


@functools.cache
def _sources() -> tuple[Image.Image, ...]:
    paths = [
        Path(str(files(room))) / name for room, names in _PHOTOGRAPHS.items() for name in names
    ]
    return tuple(Image.open(path).convert("RGB") for path in paths)


def photographs(n: int, size: int, seed: int = 0) -> Images:
    """Return square parts of the photographs that scikit-learn and scikit-image bring."""
    rng = np.random.default_rng(seed)
    images = np.empty((n, size, size, 3), np.uint8)
    for i in range(n):
        photo = _sources()[i % len(_sources())]
        side = int(min(photo.size) * rng.uniform(0.5, 1))
        left = int(rng.integers(0, photo.width - side + 1))
        top = int(rng.integers(0, photo.height - side + 1))
        box = (left, top, left + side, top + side)
        part = photo.resize((size, size), Image.Resampling.BICUBIC, box, reducing_gap=3.0)
        images[i] = np.asarray(part)[:, :: -1 if rng.random() < 0.5 else 1]
    return images


def by_library(images: Images, name: str, severity: int, seed: int = 0) -> Images:
    """Corrupt images with imagecorruptions."""
    out = np.empty_like(images)
    for i, image in enumerate(images):
        own = seed * 1_000_003 + i
        np.random.seed(own % 2**32)  # noqa: NPY002 - the stream that the library draws from
        keywords = {"seed": own} if name in _SEEDED_BY_ARGUMENT else {}
        out[i] = imagecorruptions.corrupt(
            image, severity=severity, corruption_name=name, **keywords
        )
    return out


def change(corrupted_images: Images, images: Images) -> Changes:
    """Return the mean absolute change of each image, in grey levels."""
    difference = np.abs(corrupted_images.astype(np.int16) - images)
    means: Changes = difference.mean(axis=(1, 2, 3))
    return means


def _measure(task: tuple[str, int, int, int]) -> tuple[Changes, Changes]:
    """Return the changes by the library and by ours, each of shape (draws, images)."""
    name, severity, n, draws = task
    cv2.setNumThreads(1)
    images = photographs(n, 224)
    theirs, ours = np.empty((2, draws, n))
    for draw in range(draws):
        theirs[draw] = change(by_library(images, name, severity, draw), images)
        for start in range(0, n, 100):
            some = np.arange(start, min(start + 100, n))
            part = corrupted(images[some], some, name, severity, draw)
            ours[draw, some] = change(part, images[some])
    return theirs, ours


def _row(values: Changes) -> Changes:
    return np.array([values.mean(), *np.quantile(values, _QUANTILES)])


def _percent_off(theirs: Changes, ours: Changes) -> Changes:
    percent: Changes = 100 * (_row(ours) / np.maximum(_row(theirs), 1e-9) - 1)
    return percent


def _standard_errors(theirs: Changes, ours: Changes) -> Changes:
    """Return the standard errors of `_percent_off`, by drawing the images again 200 times."""
    rng = np.random.default_rng(0)
    n = theirs.shape[1]
    again = [rng.integers(0, n, n) for _ in range(200)]
    errors: Changes = np.std([_percent_off(theirs[:, i], ours[:, i]) for i in again], axis=0)
    return errors


def _cell(percent: float, error: float) -> str:
    return f"{percent:+.1f} ± {error:.1f}"


def _compare(names: list[str], n: int, workers: int, draws: int | None) -> None:
    print("| corruption | severity | mean | 10% | 50% | 90% | ours differ by, in % |")
    print("|---|---|---|---|---|---|---|")
    tasks = [
        (name, severity, n, draws or _DRAWS.get(name, 1))
        for name in names
        for severity in SEVERITIES
    ]
    found: dict[str, list[tuple[Changes, Changes]]] = {name: [] for name in names}
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for (name, severity, *_), (theirs, ours) in zip(
            tasks, pool.imap(_measure, tasks), strict=True
        ):
            percent, errors = _percent_off(theirs, ours), _standard_errors(theirs, ours)
            found[name].append((percent, errors))
            cells = " | ".join(f"{value:.2f}" for value in _row(theirs))
            off = ", ".join(map(_cell, percent, errors))
            print(f"| {name} | {severity} | {cells} | {off} |", flush=True)
    print("\n| corruption | draws | mean, largest difference in % | quantiles |\n|---|---|---|---|")
    for name, pairs in found.items():
        used = draws or _DRAWS.get(name, 1)
        print(f"| {name} | {used} | {_largest(pairs, slice(1))} | {_largest(pairs, slice(1, 4))} |")


def _largest(pairs: list[tuple[Changes, Changes]], columns: slice) -> str:
    """Return the largest difference over the severities, with its standard error."""
    percent, errors = np.swapaxes(pairs, 0, 1)[:, :, columns].reshape(2, -1)
    place = np.abs(percent).argmax()
    return _cell(percent[place], errors[place])


def _time(names: list[str], n: int, n_library: int) -> None:
    images = photographs(n, 32)
    ours = theirs = 0.0
    print("| corruption | ours, µs an image and core | imagecorruptions |\n|---|---|---|")
    for name in names:
        corrupted(images[:1], [0], name, 1, 0)
        by_library(images[:1], name, 1)
        start = time.process_time()
        for severity in SEVERITIES:
            corrupted(images, np.arange(n), name, severity, 0)
        between = time.process_time()
        for severity in SEVERITIES:
            by_library(images[:n_library], name, severity)
        end = time.process_time()
        ours += (between - start) / (5 * n)
        theirs += (end - between) / (5 * n_library)
        fast, slow = (between - start) / (5 * n), (end - between) / (5 * n_library)
        print(f"| {name} | {1e6 * fast:.1f} | {1e6 * slow:.0f} |", flush=True)
    print(f"| all, with five severities | {5e6 * ours:.0f} | {5e6 * theirs:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corruptions", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="CORRUPTION")
    parser.add_argument("--n", type=int, default=500, help="images")
    parser.add_argument(
        "--draws", type=int, help="times that each image is corrupted (default: 1 or 4)"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--speed", action="store_true", help="time both instead")
    arguments = parser.parse_args()
    names = arguments.names or [*CORRUPTIONS, *EXTRA]
    if arguments.speed:
        _time(arguments.names or list(CORRUPTIONS), arguments.n, min(arguments.n, 50))
    else:
        _compare(names, arguments.n, arguments.workers, arguments.draws)


if __name__ == "__main__":
    main()
