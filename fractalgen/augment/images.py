"""Convert images, seeds and results between callers' types and those of the engines."""

import itertools
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fractalgen.errors import ArgumentError, ArgumentTypeError
from fractalgen.registry import shown

__all__ = [
    "MAX_VIEWS",
    "as_batch",
    "as_pixels",
    "as_seed",
    "as_seeds",
    "checked_out",
    "like_input",
    "read_only",
]

MAX_VIEWS = 1 << 16
_MASK_64 = (1 << 64) - 1


def _is_tensor(image: Any) -> bool:
    of_torch = type(image).__module__.partition(".")[0] in ("torch", "torchvision")
    return of_torch and hasattr(image, "detach")


def as_pixels(image: Any, *, grey: bool = False) -> NDArray[np.uint8]:
    """Turn a PIL image, array or tensor into uint8 pixels of shape (height, width, 3).

    With `grey`, arrays and tensors with a single channel or no channel axis become RGB.
    """
    if isinstance(image, Image.Image):
        array = np.asarray(image.convert("RGB"))
    elif _is_tensor(image):
        tensor = image.detach().cpu()
        array = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
        array = array[None] if grey and array.ndim == 2 else array
        if array.ndim != 3 or array.shape[0] not in ((1, 3) if grey else (3,)):
            raise ArgumentError(f"a tensor must be of shape (3, height, width), not {array.shape}")
        array = array.transpose(1, 2, 0)
        if array.dtype.kind == "f":
            if array.size and not (array.min() >= 0 and array.max() <= 1):
                raise ArgumentError(
                    "a float tensor must have values from 0 to 1; normalise after augmenting"
                )
            array = (array * 255 + 0.5).astype(np.uint8)
    elif isinstance(image, np.ndarray):
        array = np.asarray(image)  # a matrix would always have two axes
        array = array[..., None] if grey and array.ndim == 2 else array
    else:
        raise ArgumentTypeError(
            f"cannot augment a {type(image).__name__}: use a PIL image, an array or a tensor"
        )
    if grey and array.ndim == 3 and array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or not array.size:
        raise ArgumentError(
            f"an image must be uint8 of shape (height, width, 3), not {array.dtype} of "
            f"{array.shape}"
        )
    return np.ascontiguousarray(array)


def like_input(values: NDArray[np.float32], image: Any) -> Any:
    """Convert a result of shape (height, width, 3) to the layout of `image`."""
    if not _is_tensor(image):
        return values
    import torch

    planes = np.ascontiguousarray(values.transpose(2, 0, 1))
    return torch.from_numpy(planes).to(image.device)


def read_only(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a contiguous read-only view, so kernels are compiled for a single array type."""
    view: NDArray[np.uint8] = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def as_batch(images: Any) -> NDArray[np.uint8]:
    """Return a batch as a contiguous uint8 array of shape (n, height, width, 3)."""
    try:
        array = np.ascontiguousarray(images)
    except (TypeError, ValueError, RuntimeError):  # ragged, or a tensor that is elsewhere
        array = np.empty(0)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[3] != 3 or 0 in array.shape[1:]:
        raise ArgumentError(
            f"images must be uint8 of shape (batch, height, width, 3), not {shown(images)}"
        )
    return array


def as_seed(name: str, seed: Any) -> int:
    """Return a 64-bit seed; negative numbers become their two's complement."""
    if isinstance(seed, (bool, np.bool_)):
        raise ArgumentError(f"{name} must be a whole number, not {seed}")
    try:
        return operator.index(seed) & _MASK_64
    except TypeError:
        raise ArgumentError(f"{name} must be a whole number, not {shown(seed)}") from None


def as_seeds(seeds: Any, n: int) -> NDArray[np.uint64]:
    """Return exactly `n` seeds; see `as_seed`."""
    try:
        given = list(itertools.islice(seeds, n + 1))
    except TypeError:
        raise ArgumentError(f"seeds must be {n} whole numbers, not {shown(seeds)}") from None
    if len(given) != n:
        size = len(given) if len(given) < n else "more"
        raise ArgumentError(f"{n} images need {n} seeds, not {size}")
    return np.array([as_seed("each of seeds", seed) for seed in given], np.uint64)


def checked_out(out: NDArray[np.float32] | None, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return an array for the results: a new one, or `out` after checking it."""
    if out is None:
        return np.empty(shape, np.float32)
    if not isinstance(out, np.ndarray):
        raise ArgumentError(f"out must be an array, not {shown(out)}")
    if out.shape != shape or out.dtype != np.float32 or not out.flags.carray:
        raise ArgumentError(
            f"out must be C-contiguous, writeable and aligned float32 of shape {shape}, not "
            f"{out.dtype} of {out.shape}"
        )
    return out
