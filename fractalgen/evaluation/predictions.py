"""What a trained network says of images."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fractalgen.errors import RunError
from fractalgen.torch.datasets import normalized_tensor
from fractalgen.training.datasets.data_set import Images

__all__ = ["batches_of", "evaluating", "in_slices", "predict", "rebatched", "softmax"]

_ROWS = 4096


def batches_of(
    images: NDArray[np.uint8] | Images,
    batch_size: int,
    indices: Sequence[int] | NDArray[np.int64] | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """Cut images into batches, uint8 of shape (batch, size, size, 3), in order.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, size, size, 3), or Images
        Read a batch at a time, as for testing.
    batch_size : int
        The last batch may be smaller.
    indices : sequence of int, optional
        These images only, in this order.
    """
    chosen = np.arange(len(images)) if indices is None else np.asarray(indices, np.int64)
    for start in range(0, len(chosen), batch_size):
        part = chosen[start : start + batch_size]
        if isinstance(images, np.ndarray):
            yield np.asarray(images[part])
        else:
            yield images.for_testing(part)


def rebatched(batches: Iterable[NDArray[np.uint8]], batch_size: int) -> Iterator[NDArray[np.uint8]]:
    """Cut batches of any sizes anew, the images in the same order."""
    waiting: list[NDArray[np.uint8]] = []
    n_waiting = 0
    for batch in batches:
        waiting.append(batch)
        n_waiting += len(batch)
        if n_waiting >= batch_size:
            whole = np.concatenate(waiting)
            n_ready = n_waiting - n_waiting % batch_size
            for start in range(0, n_ready, batch_size):
                yield whole[start : start + batch_size]
            waiting, n_waiting = [whole[n_ready:]], n_waiting - n_ready
    if n_waiting:
        yield np.concatenate(waiting)


def predict(
    model: torch.nn.Module,
    batches: Iterable[NDArray[np.uint8]],
    mean: Sequence[float],
    std: Sequence[float],
    *,
    accelerator: Any = None,
) -> NDArray[np.float32]:
    """Return the network's outputs before softmax.

    Parameters
    ----------
    model : torch.nn.Module
        Run in evaluation mode, where its parameters are; left in the mode that it was in.
    batches : iterable of ndarray of uint8, shape (batch, size, size, 3)
        RGB.
    mean, std : sequence of 3 floats
        The input is (pixel / 255 - mean) / std.
    accelerator : accelerate.Accelerator, optional
        Says in which precision to compute; without it, in that of the parameters.

    Returns
    -------
    ndarray of float32, shape (n, classes)

    Raises
    ------
    RunError
        If an output is not finite.
    ValueError
        If there are no batches.
    """
    device = next(model.parameters()).device
    precision = accelerator.autocast if accelerator is not None else contextlib.nullcontext
    outputs = []
    with evaluating(model), torch.inference_mode(), precision():
        for batch in batches:
            images = normalized_tensor(batch, mean, std).to(device)
            outputs.append(model(images).float().cpu().numpy())
            if not np.isfinite(outputs[-1]).all():
                raise RunError(
                    "the network's outputs are not finite, so that nothing can be measured; train "
                    "it anew, with a lower --learning-rate"
                )
    if not outputs:
        raise ValueError("there are no images to predict")
    return np.concatenate(outputs)


@contextlib.contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and each of its parts back at the end."""
    training = [part for part in model.modules() if part.training]
    model.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def in_slices(logits: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Cut outputs (n, classes) along their first axis, so that work on them takes little memory."""
    for start in range(0, len(logits), _ROWS):
        yield logits[start : start + _ROWS]


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return probabilities, float64 of shape (n, classes), from outputs of that shape."""
    shifted = np.asarray(logits, np.float64)
    shifted = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities
