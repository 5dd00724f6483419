"""Apply IPMix plans to pictures, a whole batch in one call."""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.image_ops import apply_image_op
from fractalgen.kernels.jit import kernel
from fractalgen.kernels.mixing import mix
from fractalgen.kernels.plans import sample_plan
from fractalgen.kernels.random_bits import bits_at

__all__ = ["N_BUFFERS", "apply_plan", "augment_batch", "draw_plan"]

N_BUFFERS = 5
_ORIGINAL, _PARTNER, _COPY = 2, 3, 4  # of the buffers; the first two hold a chain's picture
_INPUT = 2
_ONE = np.float32(1.0)
_ZERO = np.float32(0.0)
_PER_TOP = np.float32(1.0 / 255.0)


@kernel
def _copy(source, target):
    for x in range(target.size):
        target[x] = source[x]


@kernel
def _add_weighted(weight, ours, total):
    for x in range(total.size):
        total[x] += weight * np.float32(ours[x])


@kernel
def _run_chain(plan, chain, buffers, current, values):
    """Take a chain's steps; return which buffer holds its picture."""
    height, width = buffers.shape[1], buffers.shape[2]
    rows = buffers.reshape(N_BUFFERS, height, width * 3)
    for step in range(plan.depth[chain]):
        mixing = plan.mixing[chain, step]
        image_op = plan.image_op[chain, step]
        amount = plan.amount[chain, step]
        if mixing < 0:
            apply_image_op(image_op, amount, buffers[current], buffers[1 - current])
            current = 1 - current
            continue
        partner = _PARTNER
        if image_op >= 0:
            apply_image_op(image_op, amount, buffers[_ORIGINAL], buffers[_COPY])
            partner = _COPY
        factors = plan.factors[chain, step]
        mix(
            mixing,
            factors[0],
            factors[1],
            plan.mask_seed[chain, step],
            plan.wraps == 1,
            rows[current],
            rows[partner],
            plan.box[chain, step],
            values,
        )
    return current


@kernel
def apply_plan(
    plan: np.void,
    image: NDArray[np.uint8],
    picture: NDArray[np.uint8],
    buffers: NDArray[np.uint8],
    values: NDArray[np.float32],
    total: NDArray[np.float32],
) -> None:
    """Apply a plan: write m * (weighted chains) + (1 - m) * image, from 0 to 1.

    Parameters
    ----------
    plan : record of dtype `fractalgen.augment.plan.PLAN`
    image : uint8 array, shape (height, width, 3)
        Not changed.
    picture : uint8 array, shape (size, size, 3)
        The bank's, at least as large as the image.
    buffers : uint8 array, shape (N_BUFFERS, height, width, 3)
        Scratch.
    values : float32 array, shape (width * 3,)
        Scratch.
    total : float32 array, shape (height * width * 3,)
        Written.
    """
    height, width = image.shape[0], image.shape[1]
    top, left = plan.crop[0], plan.crop[1]
    flat = buffers.reshape(N_BUFFERS, height * width * 3)
    _copy(image.reshape(height * width * 3), flat[_ORIGINAL])
    rows = picture.reshape(picture.shape[0], picture.shape[1] * 3)
    for row in range(height):
        begin = row * width * 3
        _copy(rows[top + row, left * 3 :], flat[_PARTNER, begin : begin + width * 3])
    current = 0
    for x in range(total.size):
        total[x] = _ZERO
    for chain in range(plan.n_chains):
        if chain == 0 or plan.framework != _INPUT:
            _copy(flat[_ORIGINAL], flat[current])
        current = _run_chain(plan, chain, buffers, current, values)
        _add_weighted(plan.skip * plan.weights[chain], flat[current], total)
    _add_weighted(_ONE - plan.skip, flat[_ORIGINAL], total)
    for x in range(total.size):
        total[x] = min(total[x] * _PER_TOP, _ONE)


@kernel
def _write_view(total, mean, scale, planar, out):
    """Normalise a view's channels and write them, interleaved or one plane after the other."""
    n_pixels = total.size // 3
    for channel in range(3):
        shift = mean[channel]
        factor = scale[channel]
        if planar:
            plane = out[channel * n_pixels : (channel + 1) * n_pixels]
            for pixel in range(n_pixels):
                plane[pixel] = (total[np.uint64(3 * pixel + channel)] - shift) * factor
        else:
            for pixel in range(n_pixels):
                at = np.uint64(3 * pixel + channel)
                out[at] = (total[at] - shift) * factor


@kernel
def draw_plan(
    plans: NDArray[np.void],
    at: int,
    seed: np.uint64,
    view: int,
    height: int,
    width: int,
    lists: tuple[NDArray[np.int64], ...],
    settings: NDArray[np.void],
) -> None:
    """Draw the plan of one view of a picture into `plans[at]`; see `sample_plan`."""
    sample_plan(plans[at], bits_at(seed, np.uint64(view)), height, width, lists, settings[0])
    if view > 0 and settings[0].one_picture == 1:
        first = np.zeros_like(plans[:1])
        sample_plan(first[0], bits_at(seed, np.uint64(0)), height, width, lists, settings[0])
        plans[at].picture = first[0].picture
        plans[at].crop[0] = first[0].crop[0]
        plans[at].crop[1] = first[0].crop[1]


@kernel
def augment_batch(
    images: NDArray[np.uint8],
    seeds: NDArray[np.uint64],
    bank: NDArray[np.uint8],
    blank_plan: NDArray[np.void],
    lists: tuple[NDArray[np.int64], ...],
    settings: NDArray[np.void],
    mean: NDArray[np.float32],
    scale: NDArray[np.float32],
    planar: bool,
    start: int,
    stop: int,
    out: NDArray[np.float32],
) -> None:
    """Draw and apply the plans of some pictures of a batch.

    Parameters
    ----------
    images : uint8 array, shape (batch, height, width, 3), read-only
    seeds : uint64 array, shape (batch,)
    bank : uint8 array, shape (n, size, size, 3), read-only
    blank_plan : array of dtype `fractalgen.augment.plan.PLAN`, shape (1,), all zeros
    lists, settings
        See `sample_plan`; the settings as an array of one.
    mean, scale : float32 arrays, shape (3,)
        Each channel of the result is (value - mean) * scale.
    planar : bool
        Write channels one after the other rather than interleaved.
    start, stop : int
        Which pictures.
    out : float32 array, shape (views, batch, height * width * 3)
        Written.
    """
    height, width = images.shape[1], images.shape[2]
    buffers = np.empty((N_BUFFERS, height, width, 3), np.uint8)
    values = np.empty(width * 3, np.float32)
    total = np.empty(height * width * 3, np.float32)
    plans = blank_plan.copy()
    for index in range(start, stop):
        for view in range(out.shape[0]):
            plans[:] = blank_plan
            draw_plan(plans, 0, seeds[index], view, height, width, lists, settings)
            plan = plans[0]
            apply_plan(plan, images[index], bank[plan.picture], buffers, values, total)
            _write_view(total, mean, scale, planar, out[view, index])
