"""C-bar's corruptions from their formulas, in NumPy, SciPy and scikit-image, in double precision.

Each takes an image, a function that returns the n-th uniform number of its stream, and the
published strength, and returns float pixels before they are clipped and truncated.
"""

import numpy as np
from scipy import ndimage
from skimage.draw import line_aa

GREY = np.full(3, 128.0)


def grid(image):
    y, x = np.mgrid[: len(image), : len(image)].astype(float)
    return y, x


def bilinear(image, y, x):
    image = image.astype(float)
    channels = [
        ndimage.map_coordinates(np.pad(image[..., c], 1), [y + 1, x + 1], order=1, cval=0)
        for c in range(3)
    ]
    return np.stack(channels, axis=-1)


def normal(u, n):
    return np.sqrt(-2 * np.log(u(n) + 2.0**-25)) * np.cos(2 * np.pi * u(n + 1))


def single_frequency_greyscale(image, u, level):
    y, x = grid(image)
    first = np.pi * (2 * u(0) - 1)
    second = abs(first) * (2 * u(1) - 1)
    fx, fy = (second, first) if u(3) < 0.5 else (first, second)
    wave = np.sin(x * fx + y * fy + 2 * np.pi * u(2))
    return image + level * 19.6 * wave[..., np.newaxis]


def cocentric_sine_waves(image, u, level):
    size = len(image)
    y, x = grid(image)
    dx, dy = x - size * u(0), y - size * u(1)
    angle = np.arctan2(dx, dy) * 10 * u(2)
    distance = np.hypot(dx, dy) + np.sin(angle) * size / 10 * u(3)
    width = size / 10 * u(4)
    return image + level * 12.8 * (distance % width / width - 0.5)[..., np.newaxis]


def plasma_noise(image, u, level):
    y, x = grid(image)
    time, iterations, sharpness = 6 * np.pi * u(0), 4 + int(3 * u(1)), 0.5 + 0.5 * u(2)
    scale = (0.075 + 0.125 * u(3)) * len(image)
    p = (x + 1j * y) / scale
    for k in range(iterations):
        first = np.cos(p.imag * 1.93**k + time / 1.15**k)
        second = np.sin(p.real * 1.93**k + time / 1.15**k)
        p = p + (first + 1j * second) * (1 + 0.3j) / (2.25 - sharpness) ** k
    x, y = p.real, p.imag
    colors = [np.sin(x - time), np.sin((x + y + np.sin(time)) / 2), np.sin(y + time)]
    height = level * 6.4
    return (1 - height / 255) * image + height * np.stack(colors, axis=-1)


def rays_of(u, first, radius, shortest):
    n = 50 + int(150 * u(first))
    return np.array(
        [max(radius * (1 + 0.25 * normal(u, first + 1 + 2 * k)), shortest) for k in range(n)]
    )


def star(image, center, lengths, power):
    y, x = grid(image)
    dx, dy = x - center[0], y - center[1]
    place = (np.arctan2(dy, dx) + np.pi) / (2 * np.pi) * len(lengths)
    ray = place.astype(int)
    f = place - ray
    length = (1 - f) * lengths[ray % len(lengths)] + f * lengths[(ray + 1) % len(lengths)]
    light = (length**2 / (dx**2 + dy**2 + 1e-4)) ** power
    return np.clip((1 - (f - 0.5) ** 2) * light, 0, 1)[..., np.newaxis]


def sparkles(image, u, level):
    size = len(image)
    out = image.astype(float)
    for k in range(5):
        at = 1024 * k
        lengths = rays_of(u, at + 2, level / 100 * size, 1.0)
        share = star(image, (size * u(at), size * u(at + 1)), lengths, 1.0)
        out = share * 255 + (1 - share) * out
    return out


def inverse_sparkles(image, u, level):
    size = len(image)
    center = size * (0.25 + 0.5 * u(0)), size * (0.25 + 0.5 * u(1))
    share = star(image, center, rays_of(u, 2, size / 4, -np.inf), level * 6.5 / 50)
    return share * image + (1 - share) * 255


def checkerboard_cutout(image, u, level):
    y, x = grid(image)
    turn = 2 * np.pi * u(0)
    cell = max((0.1 + 0.15 * u(1)) * len(image), 1)
    across = np.floor((np.cos(turn) * y + np.sin(turn) * x) / cell).astype(int)
    down = np.floor((np.cos(turn) * x - np.sin(turn) * y) / cell).astype(int)
    out = image.astype(float)
    for i, j in set(zip(across.ravel(), down.ravel(), strict=True)):
        if (i + j) % 2 == 0 and u(2 + (int(i) + 64) * 128 + int(j) + 64) < level / 10:
            out[(across == i) & (down == j)] = GREY
    return out


def lines(image, u, level):
    size = len(image)
    out = image.copy()
    for k in range(int(level / 10 * size + 1e-9)):
        turn = u(0) + (0.1 + 0.9 * u(1)) * (u(4 + 3 * k) - 0.5)
        x, y = size * u(2 + 3 * k), size * u(3 + 3 * k)
        dx, dy = size * np.cos(2 * np.pi * turn), size * np.sin(2 * np.pi * turn)
        columns, rows, cover = line_aa(int(x - dx), int(y - dy), int(x + dx), int(y + dy))
        inside = (columns >= 0) & (rows >= 0) & (columns < size) & (rows < size)
        at, share = (rows[inside], columns[inside]), cover[inside][:, np.newaxis]
        out[at] = ((1 - share) * out[at] + share * GREY).astype(np.uint8)
    return out.astype(float)


def spectral_noise(u, size, amplitude, first):
    number = np.arange(size**2)
    number = np.minimum(number, number[::-1]).reshape(size, size)
    phase = 2 * np.pi * np.vectorize(lambda n: u(first + int(n)))(number)
    k = np.arange(size) - size // 2
    spectrum = amplitude(np.hypot.outer(k, k)) * np.exp(1j * phase)
    noise = np.fft.ifft2(np.roll(spectrum, (-(size // 2),) * 2, axis=(0, 1))).real
    return noise / noise.std()


def blue_noise_sample(image, u, level):
    noise = spectral_noise(u, len(image), lambda k: k, 0)
    return image * (noise > level * 0.3 - 2.5)[..., np.newaxis]


def brownish_noise(image, u, level):
    size = len(image)
    noise = [spectral_noise(u, size, lambda k: 1 / (k**2 + 1), size**2 * c) for c in range(3)]
    return image + level * 6.4 * np.stack(noise, axis=-1)


def perlin_noise(image, u, level):
    size, nodes = len(image), 7 * 16 + 2
    draws = np.array([u(n) for n in range(2 * nodes * nodes)]).reshape(nodes, nodes, 2)
    gradients = 2 * draws - 1
    gradients /= np.linalg.norm(gradients, axis=2, keepdims=True)
    y, x = grid(image)
    total = 0
    for octave in (1, 2, 4, 8, 16):
        v, u_ = y * 7 / size * octave, x * 7 / size * octave
        j, i = v.astype(int), u_.astype(int)
        noise = 0
        for dj in (0, 1):
            for di in (0, 1):
                off = np.stack([u_ - i - di, v - j - dj], axis=-1)
                weight = np.prod(1 - off**2 * (3 - 2 * np.abs(off)), axis=-1)
                noise = noise + weight * np.sum(off * gradients[j + dj, i + di], axis=-1)
        total = total + np.abs(1.5 * noise) / octave
    white = np.clip(0.5 * total + 0.5, 0, 1)[..., np.newaxis]
    return (1 - level / 20) * image + 255 * level / 20 * white


def ripple(image, u, level):
    size = len(image)
    moved = [
        p + level / 400 * size * np.sin(2 * np.pi * (p / ((0.1 + 0.2 * u(k)) * size) + u(2 + k)))
        for k, p in enumerate(grid(image))
    ]
    return bilinear(image, *moved)


def pinch_and_twirl(image, u, level):
    size = len(image)
    along = 5 if size == 224 else 3
    cell = size // along
    y, x = grid(image)
    rows, columns = (y // cell).astype(int), (x // cell).astype(int)
    inside = (rows < along) & (columns < along)
    flip = np.array([1 if u(k) < 0.5 else -1 for k in range(along**2)])
    way = flip[np.where(inside, rows * along + columns, 0)]
    z = (x - (columns + 0.5) * cell) + 1j * (y - (rows + 0.5) * cell)
    d = np.abs(z) / (cell / 2)
    moves = inside & (d > 0) & (d <= 1)
    d = np.where(moves, d, 1)
    # Clockwise in coordinates whose y points down, so the conjugate turns the other way.
    turned = np.exp(-1j * way * level * np.pi / 20 * (1 - d) ** 2)
    moved = z * np.sin(np.pi / 2 * d) ** -(0.04 * level + 0.1) * turned - z
    moved = np.where(moves, moved, 0)
    return bilinear(image, y + moved.imag, x + moved.real)


def transverse_chromatic_abberation(image, u, level):
    size = len(image)
    order = [(0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (1, 0, 2), (2, 1, 0)][int(6 * u(0))]
    out = np.empty(image.shape)
    for channel, k in enumerate(order):
        zoomed = ndimage.zoom(image[..., channel] * 1.0, 1 + k * level / 40, prefilter=False)
        edge = (len(zoomed) - size) // 2
        out[..., channel] = zoomed[edge : edge + size, edge : edge + size]
    return out + 0.5  # as bytes, SciPy rounds


def circular_motion_blur(image, u, level):
    places = np.linspace(-1, 1, 21)
    weights = np.exp(-2 * places**2)
    turned = [ndimage.rotate(image / 255.0, 1.5 * level * p, reshape=False) for p in places]
    return 255 * np.tensordot(weights / weights.sum(), turned, 1)


def caustic_refraction(image, u, level):
    size = len(image)
    y, x = grid(image)
    time, tile = 0.5 + 1.5 * u(0), (0.75 + 0.5 * u(1)) * size
    p = np.stack([y, x]) / tile % 1 * 2 * np.pi - 250
    i, c = p, 1.0
    for n in range(5):
        t = time * (1 - 3.5 / (n + 1))
        turned = np.cos(t - i) + np.sin(t + i[::-1])
        turned[1] = np.sin(t - i[1]) + np.cos(t + i[0])
        i = p + turned
        c = c + 200 / np.hypot(p[0] / np.sin(i[0] + t), p[1] / np.cos(i[1] + t))
    water = np.clip(np.abs(1.17 - (c / 5) ** 1.4) ** 8, 0, 1)
    padded = np.pad(ndimage.gaussian_filter(water, 1), 1)
    down = padded[2:, 1:-1] - padded[:-2, 1:-1]
    right = padded[1:-1, 2:] - padded[1:-1, :-2]
    incidence = np.arctan(np.hypot(down, right))  # between the surface's normal and the view
    off = incidence - np.arcsin(np.sin(incidence) / 4)
    move = np.where(np.cos(incidence) < 0.999, level * size / 20 * np.sin(off), 0)
    steepest = np.arctan2(down, right)
    moved = bilinear(image, y + move * np.sin(steepest), x + move * np.cos(steepest))
    return moved + 255 * level / 5 * (down - right)[..., np.newaxis]
