"""How long images of the smaller families take, beside plain NumPy and Pillow code for the same.

The baselines draw what the public codes of these families draw, and as they draw it: a leaf, a
curve or a point batch after another. They colour nothing and choose no parameters. That of
`feature-vis` climbs from noise by PyTorch's own optimiser, through the same network.
"""

import importlib.util
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.timing import Row, paired_seconds
from benchmarks.vectors import vector_bits
from fractalgen.families import FAMILIES
from fractalgen.families.base import sample_spec
from fractalgen.families.feature_vis.backbones import open_backbone
from fractalgen.kernels.affine_systems import scatter
from fractalgen.kernels.curves import draw_curves
from fractalgen.kernels.flames import play_flame
from fractalgen.kernels.leaves import paint_leaves
from fractalgen.kernels.rings import ring_rows
from fractalgen.kernels.spectra import spectral_noise

SIZE = 256
N_IMAGES = 20
N_VISUALISED = 4


def plain_moire(params: Any) -> None:
    """Add up sines of the distance over a grid, and stretch them."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    total = np.zeros((SIZE, SIZE))
    for ring in params.rings:
        distance = np.hypot(x - ring.x, y - ring.y)
        total += np.sin(2 * np.pi * (ring.frequency * distance + ring.phase))
    total -= total.min()
    (total * (255 / total.max())).astype(np.uint8)


def plain_dead_leaves(params: Any) -> None:
    """Paint a thousand leaves from the back to the front, each a polygon or disc of one colour."""
    rng = np.random.default_rng(0)
    image = Image.new("RGB", (SIZE, SIZE))
    pen = ImageDraw.Draw(image)
    power = 1 - params.power
    low, high = params.min_radius**power, params.max_radius**power
    corners = {"triangle": 3}.get(params.shapes[0], 4)
    for _ in range(1000):
        radius = SIZE * (low + rng.random() * (high - low)) ** (1 / power)
        x, y, turn = rng.random(3) * (SIZE, SIZE, 2 * math.pi)
        color = tuple(rng.integers(0, 256, 3).tolist())
        if params.shapes[0] == "circle":
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), color)
        else:
            angles = turn + np.arange(corners) * (2 * math.pi / corners)
            places = np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], 1)
            pen.polygon([tuple(place) for place in places.tolist()], color)
    np.asarray(image)


def plain_spectrum(params: Any) -> None:
    """Shape three channels of white noise by their Fourier transforms."""
    noise = np.random.default_rng(0).random((3, SIZE, SIZE))
    frequencies = np.abs(np.fft.fftfreq(SIZE, 1 / SIZE))
    frequencies[0] = 1
    powers = frequencies**params.across + frequencies[:, np.newaxis] ** params.along
    fields = np.real(np.fft.ifft2(np.fft.fft2(noise) / powers))
    fields -= fields.min(axis=(1, 2), keepdims=True)
    (fields * (255 / fields.max(axis=(1, 2), keepdims=True))).astype(np.uint8)


def plain_contours(params: Any) -> None:
    """Draw polygon after polygon with Pillow's lines, four times as large, and shrink the image."""
    side = 4 * SIZE  # Pillow's lines have hard edges
    rng = np.random.default_rng(0)
    corners = getattr(params, "corners", 240)
    image = Image.new("RGB", (side, side))
    pen = ImageDraw.Draw(image)
    angles = np.arange(corners + 1) * (2 * math.pi / corners)
    for line in range(params.lines):
        radius = side * params.radius * (1 - line / params.lines)
        radii = radius * (1 + 0.1 * rng.normal(size=corners + 1))
        x, y = side / 2 + radii * np.cos(angles), side / 2 + radii * np.sin(angles)
        width = max(1, round(params.width * side))
        pen.line(list(zip(x.tolist(), y.tolist(), strict=True)), (255, 255, 255), width)
    np.asarray(image.reduce(4))


def plain_fractal_db(params: Any) -> None:
    """Move one point 100,000 times in plain Python, then paste a patch of 3 x 3 at each place."""
    rng = random.Random(0)
    maps = list(params.maps)
    chances = np.cumsum(params.weights).tolist()
    x = y = 0.0
    places = []
    for _ in range(100_000):
        a, b, c, d, e, f = rng.choices(maps, cum_weights=chances)[0]
        x, y = a * x + b * y + c, d * x + e * y + f
        places.append((x, y))
    spots = np.array(places)
    spots -= spots.min(axis=0)
    spots *= (SIZE - 7) / spots.max()
    image = np.zeros((SIZE, SIZE), np.uint8)
    patch = np.array([params.patch >> bit & 1 for bit in range(9)], np.uint8).reshape(3, 3) * 255
    for column, row in spots.astype(int).tolist():
        image[row + 2 : row + 5, column + 2 : column + 5] |= patch


def plain_flame(params: Any) -> None:
    """Move 10,000 points a hundred times by one variation, and take the histogram's logarithm."""
    rng = np.random.default_rng(0)
    maps = np.array([one.affine for one in params.maps])
    x, y = rng.uniform(-1, 1, (2, 10_000))
    image = np.zeros((SIZE, SIZE))
    left, top, side = params.window
    for _ in range(100):
        a, b, c, d, e, f = maps[rng.integers(len(maps), size=x.size)].T
        x, y = a * x + b * y + c, d * x + e * y + f
        squares = x * x + y * y
        x, y = x * np.sin(squares) - y * np.cos(squares), x * np.cos(squares) + y * np.sin(squares)
        ends = [[top - side / 2, top + side / 2], [left - side / 2, left + side / 2]]
        image += np.histogram2d(y, x, SIZE, ends)[0]
    (np.log1p(image) * (255 / np.log1p(image.max()))).astype(np.uint8)


def plain_feature_vis(params: Any) -> None:
    """Climb from grey noise for as many steps, through all of the network, with Adam and a shift.

    The image's own values are optimised: it needs no Fourier transform and is neither turned nor
    scaled, so it is full of high frequencies, and the responses of a layer are caught by a hook.
    """
    import torch

    network = open_backbone(params.backbone, params.weights).network.network
    image = (0.5 + 0.01 * torch.randn(1, 3, params.side, params.side)).requires_grad_()
    optimizer = torch.optim.Adam([image], lr=0.05)
    caught = {}
    hooks = [
        network.get_submodule(name).register_forward_hook(
            lambda _module, _given, out, name=name: caught.__setitem__(name, out)
        )
        for name in {target.layer for target in params.targets}
    ]
    for step in range(params.steps):
        optimizer.zero_grad()
        network((torch.roll(image, (step % 8, step % 5), (2, 3)) - 0.5) / 0.25)
        gain = sum(one.weight * caught[one.layer][:, one.channel].mean() for one in params.targets)
        (-gain).backward()
        optimizer.step()
    for hook in hooks:
        hook.remove()
    (image.detach().clamp(0, 1) * 255).byte().numpy()


BASELINES: dict[str, tuple[Callable[[Any], None], str, Any]] = {
    "moire": (plain_moire, "NumPy, grey", ring_rows),
    "dead-leaves": (plain_dead_leaves, "Pillow, 1,000 flat leaves", paint_leaves),
    "spectrum": (plain_spectrum, "NumPy's FFT, three channels", spectral_noise),
    "radial-contours": (plain_contours, "Pillow, at four times the size", draw_curves),
    "visual-atoms": (plain_contours, "Pillow, at four times the size", draw_curves),
    "fractal-db": (plain_fractal_db, "Python, point by point", scatter),
    "flame": (plain_flame, "NumPy, one variation, grey, 1 M points", play_flame),
}


def compare(
    family: str, plain: Callable[[Any], None], n_images: int = N_IMAGES, n_runs: int = 5
) -> tuple[float, float]:
    """Return the mean seconds of our image and of the baseline."""
    made = FAMILIES[family]()
    pairs = [
        paired_seconds(lambda p=params: made.render(p, SIZE), lambda p=params: plain(p), n_runs)
        for params in (sample_spec(made, 0, index).params for index in range(n_images))
    ]
    ours, theirs = np.mean(pairs, axis=0).tolist()
    return ours, theirs


def rows() -> list[Row]:
    table = []
    for family, (plain, what, kernel) in BASELINES.items():
        ours, theirs = compare(family, plain)
        table.append(
            Row(
                f"`{family}`, one image of {SIZE} px",
                f"{1e3 * ours:.2f} ms",
                f"{what}, {1e3 * theirs:.2f} ms",
                f"{theirs / ours:.1f}x",
                vector_bits(kernel),
            )
        )
    return [*table, *_feature_vis()]


def _feature_vis() -> list[Row]:
    """Return the row of feature-vis, which computes on one thread; none without PyTorch."""
    if importlib.util.find_spec("torchvision") is None:
        return []
    import torch

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    ours, theirs = compare("feature-vis", plain_feature_vis, N_VISUALISED, 2)
    torch.set_num_threads(n_threads)
    work = f"`feature-vis`, 64 steps at 112 px, one image of {SIZE} px"
    beside = f"plain PyTorch, as many steps in pixels, {theirs:.2f} s"
    return [Row(work, f"{ours:.2f} s", beside, f"{theirs / ours:.1f}x")]
