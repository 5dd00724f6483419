"""Apply plans to images, a whole batch in one call.

An image-level operation writes from one buffer to another, a patch is mixed in place, and a partner
is computed only where the patch needs it. The chains' images stay bytes until all are done; then
one pass sums, normalises and writes them in blocks that fit into the first-level cache.

Memory traffic is about fifteen times the image's bytes: a view of three chains of up to three steps
has three to four operations on a whole image, which each read and write its bytes once, and the
last pass reads four images of bytes and writes one of floats. The time above that goes into tables,
which are looked up a byte at a time (equalize, multiply), and into the few dozen instructions that
a warp takes for each run of pixels.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.image_ops import apply_image_op
from fractalgen.kernels.jit import inlined_early, kernel
from fractalgen.kernels.mixing import mix
from fractalgen.kernels.plan_layout import MAX_WIDTH, NO_OP, Choices, Framework
from fractalgen.kernels.plans import sample_plan
from fractalgen.kernels.random_bits import bits_at

__all__ = ["apply_plans", "draw_plans"]

# Buffers: the original, a partner, and from there on the chains' own.
_ORIGINAL = 0
_PARTNER = 1
_FREE = 2
_SPARE = 3  # buffers beside one for each chain
_BLOCK = 768  # pixels that are summed at once
_ONE = np.float32(1.0)
_PER_TOP = np.float32(1.0 / 255.0)
_U1, _U2, _U3 = (np.uint64(n) for n in (1, 2, 3))


@kernel
def _copy(source, target):
    for i in range(target.size):
        target[i] = source[i]


@inlined_early
def _fetch_patch(image, crop, box, target):
    """Copy the bank's image, cut at `crop`, into the box (top, left, height, width)."""
    left, n = 3 * np.int64(box[1]), 3 * np.int64(box[3])
    from_left = left + 3 * np.int64(crop[1])
    rows = image.reshape(image.shape[0], 3 * image.shape[1])
    target_rows = target.reshape(target.shape[0], 3 * target.shape[1])
    for y in range(np.int64(box[0]), np.int64(box[0]) + np.int64(box[2])):
        source = rows[y + np.int64(crop[0]), from_left : from_left + n]
        _copy(source, target_rows[y, left : left + n])


@inlined_early
def _run_chains(plan, image, whole, buffers, places):
    """Run all chains, and write the buffer of each one's image to `places`.

    `whole` is a box around the whole image.
    """
    partner = buffers[_PARTNER]
    size = partner.size
    start, one, other, fresh = _ORIGINAL, _FREE, _FREE + 1, _FREE + 2
    for chain in range(plan["n_chains"]):
        current = start
        for step in range(plan["depth"][chain]):
            mixing = plan["mixing"][chain, step]
            image_op = plan["image_op"][chain, step]
            amount = plan["amount"][chain, step]
            box = plan["box"][chain, step]
            # An operation on the chain's own image, or a partner: a copy or the bank's image.
            if image_op != NO_OP:
                alone = mixing == NO_OP
                to = partner if not alone else buffers[other if current == one else one]
                source = buffers[current if alone else _ORIGINAL]
                detail, op_seed = plan["detail"][chain, step], plan["op_seed"][chain, step]
                where = whole if alone else box
                apply_image_op(image_op, amount, detail, op_seed, where, source, to)
                if alone:
                    current = other if current == one else one
                    continue
            else:
                _fetch_patch(image, plan["crop"], box, partner)
            if current == start:
                current = one
                _copy(buffers[start].reshape(size), buffers[one].reshape(size))
            a, b = plan["factors"][chain, step, 0], plan["factors"][chain, step, 1]
            seed = plan["mask_seed"][chain, step]
            mix(mixing, a, b, seed, plan["wraps"] == 1, buffers[current], partner, box)
        places[chain] = current
        if current == one:
            one, fresh = fresh, fresh + 1
        elif current == other:
            other, fresh = fresh, fresh + 1
        if plan["framework"] == Framework.INPUT:
            start = current


@kernel
def _scale(weight, ours, total):
    for i in range(total.size):
        total[i] = weight * np.float32(ours[i])


@kernel
def _add_scaled(weight, ours, total):
    for i in range(total.size):
        total[i] += weight * np.float32(ours[i])


@kernel
def _write_interleaved(total, shift, factor, out):
    """Write pixels; `shift` and `factor` repeat three numbers for the length of a block."""
    for i in range(out.size):
        out[i] = (min(total[i] * _PER_TOP, _ONE) - shift[i]) * factor[i]


@kernel
def _write_planes(total, shift, factor, red, green, blue):
    for x in range(np.uint64(red.size)):
        i = _U3 * x
        red[x] = (min(total[i] * _PER_TOP, _ONE) - shift[0]) * factor[0]
        green[x] = (min(total[i + _U1] * _PER_TOP, _ONE) - shift[1]) * factor[1]
        blue[x] = (min(total[i + _U2] * _PER_TOP, _ONE) - shift[2]) * factor[2]


@inlined_early
def _write_view(plan, buffers, places, shift, factor, planar, out):
    """Write m * (weighted chains) + (1 - m) * image, normalised."""
    size = out.size
    flat = buffers.reshape(buffers.shape[0], size)
    memory = np.empty(3 * _BLOCK, np.float32)
    n_pixels = size // 3
    planes = out.reshape(3, n_pixels)
    for begin in range(0, n_pixels, _BLOCK):
        end = min(begin + _BLOCK, n_pixels)
        here = slice(3 * begin, 3 * end)
        total = memory[: 3 * (end - begin)]
        for chain in range(plan["n_chains"]):
            weight = plan["skip"] * plan["weights"][chain]
            if chain == 0:
                _scale(weight, flat[places[chain], here], total)
            else:
                _add_scaled(weight, flat[places[chain], here], total)
        if plan["n_chains"] == 0:
            _scale(_ONE - plan["skip"], flat[_ORIGINAL, here], total)
        else:
            _add_scaled(_ONE - plan["skip"], flat[_ORIGINAL, here], total)
        if planar:
            red, green, blue = planes[0], planes[1], planes[2]
            _write_planes(total, shift, factor, red[begin:end], green[begin:end], blue[begin:end])
        else:
            _write_interleaved(total, shift, factor, out[here])


@kernel
def _repeated(channels):
    """Repeat three numbers for the length of a block of pixels."""
    out = np.empty(3 * _BLOCK, np.float32)
    for i in range(out.size):
        out[i] = channels[i % 3]
    return out


@kernel
def draw_plans(
    plans: NDArray[np.void],
    seeds: NDArray[np.uint64],
    height: int,
    width: int,
    choices: Choices,
    settings: NDArray[np.void],
) -> None:
    """Draw plans, shape (views, n), from one seed for each of n images; see `sample_plan`.

    `height` and `width` are the images'; `settings` is an array of one record.
    """
    for view in range(plans.shape[0]):
        for index in range(plans.shape[1]):
            seed = bits_at(seeds[index], np.uint64(view))
            shared = settings[0]["one_image"] == 1
            image_seed = bits_at(seeds[index], np.uint64(0)) if shared else seed
            plan = plans[view, index]
            sample_plan(plan, seed, image_seed, height, width, choices, settings[0])


@kernel
def apply_plans(
    plans: NDArray[np.void],
    images: NDArray[np.uint8],
    bank: NDArray[np.uint8],
    mean: NDArray[np.float32],
    scale: NDArray[np.float32],
    planar: bool,
    start: int,
    out: NDArray[np.float32],
) -> None:
    """Apply plans, shape (views, n), to the n images of a batch from `start` on.

    The bank's images are at least as large as those of the batch; both are read-only. A channel of
    the result is (value in [0, 1] - mean) * scale; `planar` puts the channels one after the other.
    `out` has the shape (views, batch, height * width * 3).
    """
    height, width = images.shape[1], images.shape[2]
    size = out.shape[2]
    buffers = np.empty((MAX_WIDTH + _SPARE, height, width, 3), np.uint8)
    places = np.empty(MAX_WIDTH, np.int64)
    whole = np.zeros(4, np.int32)
    whole[2], whole[3] = height, width
    shift, factor = _repeated(mean), _repeated(scale)
    for index in range(plans.shape[1]):
        _copy(images[start + index].reshape(size), buffers[_ORIGINAL].reshape(size))
        for view in range(plans.shape[0]):
            plan = plans[view, index]
            _run_chains(plan, bank[plan["bank_image"]], whole, buffers, places)
            _write_view(plan, buffers, places, shift, factor, planar, out[view, start + index])
