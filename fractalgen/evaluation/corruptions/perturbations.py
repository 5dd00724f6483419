"""Sequences of gradually changing images, after CIFAR-10-P.

The ten perturbations and their steps follow Hendrycks and Dietterich, "Benchmarking Neural Network
Robustness to Common Corruptions and Perturbations", ICLR 2019, except that images are mirrored
beyond their borders, not black.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import ArgumentError, RunError
from fractalgen.seeding import rng_for

__all__ = [
    "DISTRIBUTIONS",
    "FRAMES",
    "NOISE",
    "PERTURBATIONS",
    "rotated",
    "scaled",
    "sequences",
    "shifted",
    "tilted",
    "warp",
]

FRAMES = 31
"""The length of every sequence."""

NOISE = frozenset({"gaussian_noise", "shot_noise"})
"""Sequences of unrelated frames: each frame is compared with the first one."""

DISTRIBUTIONS = (
    "numpy",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
    "opencv-python",
    "opencv-python-headless",
)
"""The Python distributions on which the pixels depend, if installed."""

_MIDDLE = FRAMES // 2
_WATER = np.array([175.0, 238.0, 238.0]) / 255.0

_Frames = NDArray[np.uint8]
_Matrix = NDArray[np.float64]
_Perturbation = Callable[[NDArray[np.uint8], np.random.Generator], _Frames]


def sequences(
    images: NDArray[np.uint8],
    indices: Sequence[int] | NDArray[np.int64],
    name: str,
    seed: int,
) -> NDArray[np.uint8]:
    """Perturb images gradually; return uint8 of shape (n, 31, size, size, 3).

    A sequence depends only on `seed`, `name`, its image and the image's index in the data set. The
    original image is frame 0 for noise, and frame 15 for movements and brightness.
    """
    if name not in _BY_NAME:
        raise ArgumentError(f"unknown perturbation {name}")
    if images.ndim != 4 or images.shape[3] != 3 or len(images) != len(indices):
        raise ArgumentError(f"{len(indices)} indices for images of shape {images.shape}")
    if images.dtype != np.uint8:
        raise ArgumentError(f"images must have dtype uint8, not {images.dtype}")
    out = np.empty((len(images), FRAMES, *images.shape[1:]), np.uint8)
    for i, index in enumerate(indices):
        rng = rng_for(seed, f"perturbation {name}", int(index))
        out[i] = _BY_NAME[name](np.ascontiguousarray(images[i]), rng)
    return out


def _gaussian_noise(image: NDArray[np.uint8], rng: np.random.Generator) -> _Frames:
    noise = 0.02 * rng.standard_normal((FRAMES - 1, *image.shape))
    return np.concatenate([image[np.newaxis], _pixels(image / 255.0 + noise)])


def _shot_noise(image: NDArray[np.uint8], rng: np.random.Generator) -> _Frames:
    photons = 700.0
    counts = rng.poisson(image / 255.0 * photons, (FRAMES - 1, *image.shape))
    return np.concatenate([image[np.newaxis], _pixels(counts / photons)])


def _motion_blur(image: NDArray[np.uint8], rng: np.random.Generator) -> _Frames:
    """Blur in a direction that starts at random and turns by half a circle."""
    opencv = _import_opencv()
    sigma = 1.8 * min(len(image) / 32, 5 / 3)
    radius = int(np.ceil(10 / 3 * sigma))
    distances = np.linspace(0, radius, 4 * radius + 1)
    weights = np.exp(-0.5 * (distances / sigma) ** 2)
    start = rng.uniform(0, 360)
    frames = []
    for frame in range(FRAMES):
        angle = np.deg2rad(start + 180.0 * frame / (FRAMES - 1))
        kernel = _line(radius, distances * np.cos(angle), distances * np.sin(angle), weights)
        frames.append(opencv.filter2D(image, -1, kernel, borderType=opencv.BORDER_REFLECT_101))
    return np.stack(frames)


def _line(
    radius: int, x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a kernel of sum 1, with points distributed over their four neighbours."""
    kernel = np.zeros((2 * radius + 3, 2 * radius + 3))
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right_share, bottom_share = x - left, y - top
    for row, row_share in ((top, 1 - bottom_share), (top + 1, bottom_share)):
        for column, column_share in ((left, 1 - right_share), (left + 1, right_share)):
            place = (row + radius + 1, column + radius + 1)
            np.add.at(kernel, place, weights * row_share * column_share)
    normalized: NDArray[np.float64] = kernel / kernel.sum()
    return normalized


def _zoom_blur(image: NDArray[np.uint8], rng: np.random.Generator) -> _Frames:
    """Average more and more enlargements, up to 12%."""
    zooms = [scaled(1 + 0.004 * frame) for frame in range(FRAMES)]
    total = np.cumsum(warp(image, zooms), axis=0, dtype=np.float64)
    return _pixels(total / np.arange(1, FRAMES + 1).reshape(-1, 1, 1, 1) / 255.0)


def _spatter(image: NDArray[np.uint8], rng: np.random.Generator) -> _Frames:
    """Let drops of water run down."""
    opencv = _import_opencv()
    size = len(image)
    per_frame = size / 128
    height = size + int(np.ceil(per_frame * FRAMES)) + 1
    field = opencv.GaussianBlur(rng.standard_normal((height, size)), (0, 0), 1.75 * size / 32)
    threshold, full = np.quantile(field, [0.88, 0.97])
    opacity = 0.6 * np.clip((field - threshold) / (full - threshold), 0, 1)[:, :, np.newaxis]
    clean = image / 255.0
    frames = []
    for frame in range(FRAMES):
        top = (FRAMES - frame) * per_frame
        whole, part = int(top), top % 1
        layer = (1 - part) * opacity[whole : whole + size]
        layer += part * opacity[whole + 1 : whole + 1 + size]
        frames.append(_pixels(clean * (1 - layer) + _WATER * layer))
    return np.stack(frames)


def _brightness(image: NDArray[np.uint8], rng: np.random.Generator) -> _Frames:
    """Add -22.5% to 22.5% to the value of hue, saturation and value."""
    clean = image / 255.0
    value = clean.max(axis=2, keepdims=True)
    shares = np.divide(clean, value, out=np.ones_like(clean), where=value > 0)
    steps = 0.015 * (np.arange(FRAMES) - _MIDDLE).reshape(-1, 1, 1, 1)
    return _pixels(shares * np.clip(value + steps, 0, 1))


def _translate(image: NDArray[np.uint8], rng: np.random.Generator) -> _Frames:
    """Move one pixel per frame, alternately right and down; less in images under 32 pixels."""
    step = min(1.0, len(image) / 32)
    return warp(
        image,
        [
            shifted(
                step * ((frame + 1) // 2 - _MIDDLE // 2 - 1), step * (frame // 2 - _MIDDLE // 2)
            )
            for frame in range(FRAMES)
        ],
    )


def _rotate(image: NDArray[np.uint8], rng: np.random.Generator) -> _Frames:
    """Rotate by one degree per frame."""
    return warp(image, [rotated(frame - _MIDDLE) for frame in range(FRAMES)])


def _tilt(image: NDArray[np.uint8], rng: np.random.Generator) -> _Frames:
    """Tilt out of the plane, by three quarters of a degree per frame about both axes."""
    degrees = [0.75 * (frame - _MIDDLE) for frame in range(FRAMES)]
    return warp(image, [tilted(angle, len(image)) for angle in degrees])


def _scale(image: NDArray[np.uint8], rng: np.random.Generator) -> _Frames:
    """Scale from 70% to 130%."""
    return warp(image, [scaled(1 + 0.02 * (frame - _MIDDLE)) for frame in range(FRAMES)])


def _pixels(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def shifted(right: float, down: float) -> _Matrix:
    """Translate by pixels."""
    return np.array([[1.0, 0.0, right], [0.0, 1.0, down], [0.0, 0.0, 1.0]])


def rotated(degrees: float) -> _Matrix:
    """Rotate clockwise about the centre."""
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def scaled(factor: float) -> _Matrix:
    """Scale about the centre."""
    return np.diag([factor, factor, 1.0])


def tilted(degrees: float, size: int) -> _Matrix:
    """Rotate about the horizontal and then the vertical axis, in perspective.

    The eye is as far from the image's centre as the image's diagonal is long.
    """
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    about_horizontal = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    about_vertical = np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])
    distance = size * np.sqrt(2)
    in_space = about_vertical @ about_horizontal
    # The image's points have z = 0, so the third column is free for the eye's distance.
    before_eye = np.column_stack([in_space[:, 0], in_space[:, 1], [0, 0, distance]])
    matrix: _Matrix = np.diag([distance, distance, 1.0]) @ before_eye
    return matrix


def warp(image: NDArray[np.uint8], matrices: Sequence[_Matrix]) -> NDArray[np.uint8]:
    """Return an image under each of n transformations, uint8 of shape (n, size, size, 3).

    A (3, 3) matrix maps an image's points, in pixels from its centre, to their new positions.
    Colours are interpolated bilinearly.
    """
    opencv = _import_opencv()
    size = len(image)
    from_corner = shifted((size - 1) / 2, (size - 1) / 2)
    to_corner = shifted(-(size - 1) / 2, -(size - 1) / 2)
    return np.stack(
        [
            opencv.warpPerspective(
                image,
                from_corner @ matrix @ to_corner,
                (size, size),
                flags=opencv.INTER_LINEAR,
                borderMode=opencv.BORDER_REFLECT_101,
            )
            for matrix in matrices
        ]
    )


def _import_opencv() -> Any:
    try:
        return importlib.import_module("cv2")
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError):
            advice = 'install it with: pip install "fractalgen-ipmix[train]"'
        else:
            advice = (
                "if a system library such as libGL is missing, replace opencv-python by "
                "opencv-python-headless: pip uninstall opencv-python, then "
                "pip install --force-reinstall opencv-python-headless"
            )
        raise RunError(
            f"making sequences of images needs OpenCV, which cannot be imported ({error}); {advice}"
        ) from None


_BY_NAME: dict[str, _Perturbation] = {
    "gaussian_noise": _gaussian_noise,
    "shot_noise": _shot_noise,
    "motion_blur": _motion_blur,
    "zoom_blur": _zoom_blur,
    "spatter": _spatter,
    "brightness": _brightness,
    "translate": _translate,
    "rotate": _rotate,
    "tilt": _tilt,
    "scale": _scale,
}

PERTURBATIONS: tuple[str, ...] = tuple(_BY_NAME)
"""CIFAR-10-P's ten perturbations, in its order."""
