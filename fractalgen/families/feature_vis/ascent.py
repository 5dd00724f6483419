"""Activation maximisation: climb from noise to an image that excites channels of a network.

The image is a Fourier spectrum scaled by the frequency, with decorrelated colours, and each step
sees it moved, turned and scaled at random.

Source: Olah, Mordvintsev and Schubert, "Feature visualization", Distill 2017.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from fractalgen.errors import RunError
from fractalgen.families.feature_vis.backbones import Backbone, open_backbone

if TYPE_CHECKING:
    from fractalgen.families.feature_vis import FeatureVisParams

__all__ = ["ascend", "best_device", "climb_all", "pixels"]

_LINEAR_SHARE = 0.1  # of negative responses in the objective, so that a silent channel has a slope
_START = 0.3  # standard deviation of the first image before its colours are correlated
_MIN_CONTRAST = 0.3  # standard deviation of the light of an image, before the sigmoid
_ADAM = (0.9, 0.99, 1e-8)

# A square root of the covariance of colours in natural images, as published with the paper.
_COLORS = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
_COLORS /= np.linalg.norm(_COLORS, axis=0).max()

_gpu_lock = threading.Lock()
_threads_lock = threading.Lock()
_n_climbing = 0
_threads_before = 1


def best_device() -> torch.device:
    """Return a GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let PyTorch use one thread, so that no image depends on the number of processors."""
    global _n_climbing, _threads_before
    with _threads_lock:
        if _n_climbing == 0:
            _threads_before = torch.get_num_threads()
        _n_climbing += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _threads_lock:
            _n_climbing -= 1
            torch.set_num_threads(1 if _n_climbing else _threads_before)


def climb_all(
    images: Sequence[FeatureVisParams], device: torch.device
) -> list[NDArray[np.complex64]]:
    """Climb for images of any backbones; return the spectrum of each.

    A GPU climbs for images of the same backbone, side and number of steps at once, and for half as
    many each time that its memory is too short. A CPU climbs for one at a time, so that no image
    depends on the others.
    """
    groups: dict[Any, list[int]] = {}
    for number, one in enumerate(images):
        alone = number if device.type == "cpu" else -1
        groups.setdefault((one.backbone, one.weights, one.side, one.steps, alone), []).append(
            number
        )
    found: dict[int, NDArray[np.complex64]] = {}
    for numbers in groups.values():
        backbone = open_backbone(images[numbers[0]].backbone, images[numbers[0]].weights)
        spectra = _as_memory_allows(backbone, [images[number] for number in numbers], device)
        found.update(zip(numbers, spectra, strict=True))
    return [found[number] for number in range(len(images))]


def _as_memory_allows(
    backbone: Backbone, images: Sequence[FeatureVisParams], device: torch.device
) -> list[NDArray[np.complex64]]:
    try:
        return list(ascend(backbone, images, device))
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        # cuFFT and cuDNN call it ALLOC_FAILED.
        short = any(word in str(error) for word in ("memory", "ALLOC_FAILED"))
        if type(error) is RuntimeError and not short:
            raise
    if len(images) == 1:
        raise RunError(
            f"not enough memory for a feature-vis image with a canvas of {images[0].side} pixels; "
            "use a smaller --canvas, a smaller backbone or fewer --workers"
        )
    torch.cuda.empty_cache()
    half = len(images) // 2
    return [
        *_as_memory_allows(backbone, images[:half], device),
        *_as_memory_allows(backbone, images[half:], device),
    ]


def ascend(
    backbone: Backbone, images: Sequence[FeatureVisParams], device: torch.device
) -> NDArray[np.complex64]:
    """Climb for several images at once, which must have the same side and number of steps.

    Returns
    -------
    ndarray of complex64, shape (n, 3, side, side // 2 + 1)
        The spectra of the decorrelated channels.
    """
    with _one_thread() if device.type == "cpu" else _gpu_lock:
        return _climb(backbone, images, device)


def _climb(
    backbone: Backbone, images: Sequence[FeatureVisParams], device: torch.device
) -> NDArray[np.complex64]:
    side, steps = images[0].side, images[0].steps
    network = backbone.network.to(device)
    falling = np.stack([_scales(side, one.decay) for one in images])[:, np.newaxis]
    scales = torch.from_numpy(falling).to(device)
    starts, views = zip(*(_random_parts(one) for one in images), strict=True)
    spectra = torch.from_numpy(np.stack(starts)).to(device).requires_grad_()
    moves = torch.from_numpy(np.stack(views)).to(device)
    rates = torch.tensor([one.rate for one in images], device=device).reshape(-1, 1, 1, 1, 1)
    mean = torch.tensor(backbone.mean, device=device).reshape(3, 1, 1)
    std = torch.tensor(backbone.std, device=device).reshape(3, 1, 1)
    names = sorted({target.layer for one in images for target in one.targets})
    spreads: list[list[Tensor]] = []
    first, second = torch.zeros_like(spectra), torch.zeros_like(spectra)
    for step in range(steps):
        canvas = _canvas(torch.view_as_complex(spectra) * scales, side)
        view = _view(canvas, moves[:, step])
        answers = network.answers((view - mean) / std, names)
        chosen = [
            [answers[target.layer][number, target.channel] for target in one.targets]
            for number, one in enumerate(images)
        ]
        if not spreads:  # channels differ in scale by orders of magnitude
            spreads = [[one.detach().std().clamp_min(1e-6) for one in row] for row in chosen]
        excitements = [
            target.weight * _excitement(answer / spread)
            for one, row, scale in zip(images, chosen, spreads, strict=True)
            for target, answer, spread in zip(one.targets, row, scale, strict=True)
        ]
        (slope,) = torch.autograd.grad(torch.stack(excitements).sum(), spectra)
        with torch.no_grad():
            first = _ADAM[0] * first + (1 - _ADAM[0]) * slope
            second = _ADAM[1] * second + (1 - _ADAM[1]) * slope * slope
            direction = first / (1 - _ADAM[0] ** (step + 1))
            size = (second / (1 - _ADAM[1] ** (step + 1))).sqrt() + _ADAM[2]
            spectra += rates * direction / size
    with torch.no_grad():
        final: NDArray[np.complex64] = (torch.view_as_complex(spectra) * scales).cpu().numpy()
    return final


def _view(canvas: Tensor, moves: Tensor) -> Tensor:
    """Look at canvases (n, 3, side, side) through affine maps; each repeats beyond its edges."""
    side = canvas.shape[-1]
    grid = functional.affine_grid(moves, list(canvas.shape), align_corners=False)
    grid = torch.remainder(grid + 1.0, 2.0) - 1.0
    rimmed = functional.pad(canvas, (1, 1, 1, 1), mode="circular")
    return functional.grid_sample(rimmed, grid * (side / (side + 2)), align_corners=False)


def _excitement(answer: Tensor) -> Tensor:
    return functional.leaky_relu(answer, _LINEAR_SHARE).mean()


def _scales(side: int, decay: float) -> NDArray[np.float32]:
    """Return what coefficients are multiplied with: larger steps for lower frequencies."""
    across = np.fft.rfftfreq(side)
    along = np.fft.fftfreq(side)[:, np.newaxis]
    frequencies = np.maximum(np.hypot(across, along), 1.0 / side)
    scales = (frequencies * side) ** -decay
    # So that the first image has a standard deviation of _START.
    scales *= _START * side * side / np.sqrt(2 * np.square(scales).sum() * 2)
    return np.asarray(scales, np.float32)


def _random_parts(one: FeatureVisParams) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw an image's first coefficients, and the affine map of each step, from its stream."""
    rng = np.random.default_rng(one.stream)
    start = rng.standard_normal((3, one.side, one.side // 2 + 1, 2), np.float32)
    turns = np.radians(one.turn) * rng.uniform(-1, 1, one.steps)
    zooms = np.exp(one.zoom * rng.uniform(-1, 1, one.steps))
    shifts = 2 * one.jitter * rng.uniform(-1, 1, (one.steps, 2))
    moves = np.empty((one.steps, 2, 3), np.float32)
    moves[:, 0, 0] = moves[:, 1, 1] = zooms * np.cos(turns)
    moves[:, 1, 0] = zooms * np.sin(turns)
    moves[:, 0, 1] = -moves[:, 1, 0]
    moves[:, :, 2] = shifts
    return start, moves


def _canvas(spectra: Tensor, side: int) -> Tensor:
    """Turn spectra into RGB from 0 to 1."""
    channels = torch.fft.irfft2(spectra, s=(side, side))
    colors = torch.tensor(_COLORS, dtype=torch.float32, device=spectra.device)
    return torch.einsum("cd,ndhw->nchw", colors, channels).mul(4.0).sigmoid()


def pixels(spectrum: NDArray[np.complex64], size: int) -> NDArray[np.uint8]:
    """Draw a spectrum (3, side, side // 2 + 1) with `size` pixels a side, by its own waves."""
    side = spectrum.shape[1]
    large = max(size, side)
    padded = np.zeros((3, large, large // 2 + 1), np.complex64)
    half = side // 2
    padded[:, :half, :half] = spectrum[:, :half, :half]
    padded[:, large - half + 1 :, :half] = spectrum[:, side - half + 1 :, :half]
    # The centre of a pixel lies elsewhere on a finer grid.
    shift = 1j * np.pi * (1.0 / large - 1.0 / side)
    waves = np.fft.fftfreq(large, 1.0 / large)
    padded *= np.exp(shift * waves[:, np.newaxis]) * np.exp(shift * waves[: large // 2 + 1])
    padded *= (large / side) ** 2
    light = np.fft.irfft2(spectrum[0], s=(side, side))
    padded *= max(1.0, _MIN_CONTRAST / max(float(light.std()), 1e-3))
    with _one_thread(), torch.no_grad():
        canvas = _canvas(torch.from_numpy(padded)[None], large)
        if size < side:
            canvas = functional.interpolate(
                canvas, (size, size), mode="bilinear", antialias=True, align_corners=False
            )
        rgb: NDArray[np.uint8] = (
            canvas[0].mul(255.0).add(0.5).clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
        )
    return rgb
