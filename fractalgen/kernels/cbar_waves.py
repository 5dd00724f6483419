"""C-bar's noises made of waves: single-frequency greyscale, cocentric sine waves, plasma.

Source of the formulas: Mintun, Kirillov and Xie, "On Interaction Between Augmentations and
Corruptions in Natural Corruption Robustness", NeurIPS 2021. Images are uint8 of shape
(n, size, size, 3), with a 64-bit seed each; `level` is the published strength, 0 to 10.
"""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.elementary import atan2_turns, sin_turns, to_byte
from fractalgen.kernels.jit import inlined, kernel
from fractalgen.kernels.random_bits import uniform_at

__all__ = [
    "add_grey_row",
    "cocentric_sine_waves",
    "copy_images",
    "plasma_noise",
    "positions",
    "single_frequency_greyscale",
]

_TENTH = np.float32(0.1)
_HALF = np.float32(0.5)
_QUARTER = np.float32(0.25)
_ONE = np.float32(1.0)
_TINY = np.float32(2.0**-24)
_WHITE = np.float32(255.0)
_RADIANS = np.float32(1 / (2 * np.pi))  # to turns
_TWIST = np.float32(0.3)


@kernel
def positions(size):
    """Return 0, 1, ... `size` - 1 as float32."""
    values = np.empty(size, np.float32)
    for i in range(size):
        values[i] = np.float32(i)
    return values


@kernel
def copy_images(images, out):
    """Copy images of one shape."""
    source, target = images.reshape(images.size), out.reshape(images.size)
    for i in range(images.size):
        target[i] = source[i]


@inlined
def _between(seed, n, low, high):
    """Draw the stream's `n`-th number, uniform from `low` to `high`, float32."""
    return np.float32(low) + np.float32(high - low) * uniform_at(seed, np.uint64(n))


@kernel
def add_grey_row(source, field, target):
    """Add one number to the three channels of each pixel of a row."""
    for x in range(field.size):
        for channel in range(3):
            target[x, channel] = to_byte(np.float32(source[x, channel]) + field[x])


@kernel
def _sine_row(x, frequency, start, height, field):
    for i in range(x.size):
        field[i] = height * sin_turns(x[i] * frequency + start)


@kernel
def single_frequency_greyscale(
    images: NDArray[np.uint8], seeds: NDArray[np.uint64], level: float, out: NDArray[np.uint8]
) -> None:
    """Add a sine wave of random direction, 19.6 `level` high."""
    size = images.shape[1]
    x = positions(size)
    field = np.empty(size, np.float32)
    height = np.float32(19.6) * np.float32(level)
    for i in range(images.shape[0]):
        first = _between(seeds[i], 0, -0.5, 0.5)  # cycles a pixel
        second = abs(first) * _between(seeds[i], 1, -1.0, 1.0)
        phase = uniform_at(seeds[i], np.uint64(2))
        swap = uniform_at(seeds[i], np.uint64(3)) < _HALF
        across, down = (second, first) if swap else (first, second)
        for y in range(size):
            _sine_row(x, across, x[y] * down + phase, height, field)
            add_grey_row(images[i, y], field, out[i, y])


@kernel
def _ring_row(x, x0, dy, waves, amplitude, width, height, field):
    for i in range(x.size):
        dx = x[i] - x0
        bent = np.sqrt(dx * dx + dy * dy) + amplitude * sin_turns(atan2_turns(dx, dy) * waves)
        rings = bent / width
        field[i] = height * (rings - np.floor(rings) - _HALF)


@kernel
def cocentric_sine_waves(
    images: NDArray[np.uint8], seeds: NDArray[np.uint64], level: float, out: NDArray[np.uint8]
) -> None:
    """Add sawtooth rings about a random centre, bent by a sine of the angle.

    They are 12.8 `level` grey levels high.
    """
    size = images.shape[1]
    x = positions(size)
    field = np.empty(size, np.float32)
    height = np.float32(12.8) * np.float32(level)
    side = np.float32(size)
    for i in range(images.shape[0]):
        x0 = side * uniform_at(seeds[i], np.uint64(0))
        y0 = side * uniform_at(seeds[i], np.uint64(1))
        waves = _between(seeds[i], 2, 0.0, 10.0)
        amplitude = _TENTH * side * uniform_at(seeds[i], np.uint64(3))
        width = _TENTH * side * (uniform_at(seeds[i], np.uint64(4)) + _TINY)
        for y in range(size):
            _ring_row(x, x0, x[y] - y0, waves, amplitude, width, height, field)
            add_grey_row(images[i, y], field, out[i, y])


@kernel
def _plasma_step(u, v, frequency, shift, share):
    """Move a row's points, in turns, by sines of each other's coordinate."""
    for i in range(u.size):
        first = share * sin_turns(v[i] * frequency + shift + _QUARTER)
        second = share * sin_turns(u[i] * frequency + shift)
        u[i] += first - _TWIST * second
        v[i] += second + _TWIST * first


@kernel
def _plasma_row(source, u, v, time, kept, height, target):
    middle = sin_turns(time) * _RADIANS
    for i in range(u.size):
        red = sin_turns(u[i] - time)
        green = sin_turns((u[i] + v[i] + middle) * _HALF)
        blue = sin_turns(v[i] + time)
        target[i, 0] = to_byte(kept * np.float32(source[i, 0]) + height * red)
        target[i, 1] = to_byte(kept * np.float32(source[i, 1]) + height * green)
        target[i, 2] = to_byte(kept * np.float32(source[i, 2]) + height * blue)


@kernel
def plasma_noise(
    images: NDArray[np.uint8], seeds: NDArray[np.uint64], level: float, out: NDArray[np.uint8]
) -> None:
    """Mix with coloured plasma: sines of coordinates that sines of rising frequency displaced.

    The mixture has 6.4 `level` / 255 of it.
    """
    size = images.shape[1]
    x = positions(size)
    u, v = np.empty(size, np.float32), np.empty(size, np.float32)
    height = np.float32(6.4) * np.float32(level)
    kept = _ONE - height / _WHITE
    for i in range(images.shape[0]):
        time = _between(seeds[i], 0, 0.0, 3.0)  # turns
        steps = 4 + min(np.int64(uniform_at(seeds[i], np.uint64(1)) * np.float32(3.0)), 2)
        sharpness = _between(seeds[i], 2, 0.5, 1.0)
        scale = _RADIANS / (_between(seeds[i], 3, 0.075, 0.2) * np.float32(size))
        for y in range(size):
            u[:] = x * scale
            v[:] = x[y] * scale
            frequency, slowness, smallness = _ONE, _ONE, _ONE
            for _ in range(steps):
                _plasma_step(u, v, frequency, time / slowness, _RADIANS / smallness)
                frequency *= np.float32(1.93)
                slowness *= np.float32(1.15)
                smallness *= np.float32(2.25) - sharpness
            _plasma_row(images[i, y], u, v, time, kept, height, out[i, y])
