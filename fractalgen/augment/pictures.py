"""From what callers have to what kernels take, and back: pictures, seeds, and results."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["MASK_64", "as_pixels", "as_seeds", "checked_out", "like_input", "read_only"]

MASK_64 = (1 << 64) - 1


def _is_tensor(image: Any) -> bool:
    return type(image).__module__.partition(".")[0] in ("torch", "torchvision")


def as_pixels(image: Any) -> NDArray[np.uint8]:
    """Turn a picture into uint8 pixels, shape (height, width, 3).

    Raises
    ------
    TypeError
        If it is none of the kinds that are known.
    ValueError
        If its shape or its values are not a picture's.
    """
    if isinstance(image, Image.Image):
        return np.asarray(image.convert("RGB"))
    if _is_tensor(image):
        array = image.detach().cpu().numpy()
        if array.ndim != 3 or array.shape[0] != 3:
            raise ValueError(f"a tensor must be of shape (3, height, width), not {array.shape}")
        array = array.transpose(1, 2, 0)
        if array.dtype.kind == "f":
            if array.size and not (array.min() >= 0 and array.max() <= 1):
                raise ValueError("a float tensor must hold values from 0 to 1, not normalised ones")
            array = (array * 255 + 0.5).astype(np.uint8)
    elif isinstance(image, np.ndarray):
        array = image
    else:
        raise TypeError(f"cannot augment a {type(image).__name__}: give a PIL image or an array")
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or not array.size:
        raise ValueError(
            f"a picture must be uint8 of shape (height, width, 3), not {array.dtype} of "
            f"{array.shape}"
        )
    return np.ascontiguousarray(array)


def like_input(values: NDArray[np.float32], image: Any) -> Any:
    """Bring a result of shape (height, width, 3) into the layout of the picture that came in."""
    if not _is_tensor(image):
        return values
    import torch

    planes = np.ascontiguousarray(values.transpose(2, 0, 1))
    return torch.from_numpy(planes).to(image.device)


def read_only(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a contiguous read-only view, so that kernels see one type whatever a caller has."""
    view: NDArray[np.uint8] = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def as_seeds(seeds: Any, n: int) -> NDArray[np.uint64]:
    """Return `n` seeds of 64 bits, negative ones as their two's complement; ValueError if not n."""
    values = np.array([int(seed) & MASK_64 for seed in seeds], np.uint64)
    if values.shape != (n,):
        raise ValueError(f"{n} pictures need {n} seeds, not {values.size}")
    return values


def checked_out(out: NDArray[np.float32] | None, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a place for results: the caller's, if its shape and type are right, or a new one."""
    if out is None:
        return np.empty(shape, np.float32)
    if out.shape != shape or out.dtype != np.float32 or not out.flags.c_contiguous:
        raise ValueError(
            f"out must be C-contiguous float32 of shape {shape}, not {out.dtype} of {out.shape}"
        )
    return out
