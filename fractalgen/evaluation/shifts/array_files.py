"""Opens ``.npy`` files that others made, without unpickling or reading them whole."""

import tokenize
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import RunError

__all__ = ["image_array", "open_array"]


def open_array(path: Path) -> NDArray[Any]:
    """Map a file's array into memory, read-only.

    Raises
    ------
    RunError
        If it cannot be read, is damaged, or holds anything but a plain array.
    """
    problem = "it is no array"
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(array, np.ndarray):
            return array
        array.close()
    except OSError as error:
        problem = error.strerror or str(error)
    except (ValueError, EOFError, SyntaxError, TypeError, OverflowError, tokenize.TokenError):
        problem = "it is truncated, damaged, or no plain array"
    raise RunError(f"{path} cannot be read: {problem}; download it again")


def image_array(path: Path, ndim: int, size: int) -> NDArray[np.uint8]:
    """Map images or, with `ndim` 5, sequences of images into memory, read-only.

    Raises
    ------
    RunError
        If they are not uint8 of shape (n, size, size, 3) or (n, frames, size, size, 3).
    """
    array = open_array(path)
    if array.dtype != np.uint8 or array.ndim != ndim or array.shape[-1] != 3:
        letters = "n" if ndim == 4 else "n, frames"
        raise RunError(
            f"{path} is of dtype {array.dtype} and shape {array.shape}; published images are "
            f"uint8 of shape ({letters}, size, size, 3)"
        )
    if array.shape[-3:-1] != (size, size):
        raise RunError(
            f"{path} has images of {array.shape[-2]} x {array.shape[-3]} pixels, and the network "
            f"was trained with {size} x {size}; give those of this data set"
        )
    return array
