"""A plot of features: a dot for each image, placed by t-SNE, and a legend of the classes."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fractalgen.errors import RunError
from fractalgen.evaluation.evaluated_model import batches_of, evaluating
from fractalgen.evaluation.grad_cam import penultimate_features
from fractalgen.evaluation.own_model import OwnModel
from fractalgen.training.models import find_model
from fractalgen.training.run import Run

__all__ = [
    "INK",
    "MIN_POINTS",
    "SIDE",
    "class_colors",
    "draw_legend",
    "draw_tsne",
    "fitting",
    "named_classes",
    "project",
]

SIDE = 900
"""Pixels a side of the plot."""
MIN_POINTS = 10
INK = (29, 29, 31)

_SOFT = (104, 104, 110)
_BATCH = 64
_SAMPLES = 3  # per pixel and direction, against jagged dots
_MAX_NAMED = 20  # classes in the legend; more have colours that look the same
_LINE, _FONT_SIZE, _MAX_NAME_WIDTH = 34, 20, 240  # of the legend, in pixels


def draw_tsne(run: Run | OwnModel, chosen: NDArray[np.int64], seed: int) -> NDArray[np.uint8]:
    """Draw the features of the chosen test images before the last layer, uint8 (900, 900, 3)."""
    if len(chosen) < MIN_POINTS:
        raise RunError(f"t-SNE needs {MIN_POINTS} test images, and {run.data.name} has fewer")
    head = find_model(run.config.model).head if isinstance(run, Run) else None
    with evaluating(run.model):
        features = np.concatenate(
            [
                penultimate_features(run.model, head, run.preprocess(batch))
                for batch in batches_of(run.data.test, _BATCH, chosen)
            ]
        )
    side, radius = SIDE * _SAMPLES, 5 * _SAMPLES
    places = project(features, seed) * (side - 6 * radius) + 3 * radius
    colors = class_colors(len(run.data.classes))
    canvas = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(canvas)
    for (x, y), label in zip(places, run.data.test.labels[chosen], strict=True):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colors[int(label)])
    return np.asarray(canvas.resize((SIDE, SIDE), Image.Resampling.BOX))


def project(features: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    """Return positions in the plane by t-SNE, scaled into 0 to 1, shape (n, 2).

    Source: van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 2008.
    """
    from sklearn.manifold import TSNE as ScikitTSNE  # noqa: N811 - the file has that name
    from threadpoolctl import threadpool_limits

    perplexity = min(30.0, (len(features) - 1) / 3)
    method = ScikitTSNE(init="pca", perplexity=perplexity, random_state=seed)
    with threadpool_limits(1):  # sums would depend on the number of threads
        places = np.asarray(method.fit_transform(features), np.float64)
    low, high = places.min(axis=0), places.max(axis=0)
    scaled: NDArray[np.float64] = (places - (low + high) / 2) / max(float((high - low).max()), 1e-9)
    return scaled + 0.5


def named_classes(n_classes: int) -> list[int]:
    """Return the classes that a legend names: all, or 20 around the circle of hues."""
    n_named = min(n_classes, _MAX_NAMED)
    return [place * n_classes // n_named for place in range(n_named)]


def draw_legend(classes: Sequence[str], height: int) -> NDArray[np.uint8]:
    """Draw a dot in the colour of each class beside its name, uint8 (height, width, 3).

    Of more than 20 classes, 20 around the circle of hues are named, and a last line says so. A name
    that is too wide loses its end.
    """
    font = ImageFont.load_default(_FONT_SIZE)
    named = named_classes(len(classes))
    texts = [fitting(classes[label], font, _MAX_NAME_WIDTH) for label in named]
    if len(named) < len(classes):
        texts.append(f"{len(named)} of {len(classes):,} classes")
    left = 2 * _LINE
    width = left + round(max(map(font.getlength, texts))) + _LINE
    canvas = Image.new("RGB", (width * _SAMPLES, height * _SAMPLES), "white")
    middles = [height // 2 + round(_LINE * (k - (len(texts) - 1) / 2)) for k in range(len(texts))]
    colors, draw = class_colors(len(classes)), ImageDraw.Draw(canvas)
    for label, middle in zip(named, middles, strict=False):
        box = (_LINE - 7, middle - 7, _LINE + 7, middle + 7)
        draw.ellipse([_SAMPLES * edge for edge in box], fill=colors[label])
    canvas = canvas.resize((width, height), Image.Resampling.BOX)
    draw = ImageDraw.Draw(canvas)
    for place, (text, middle) in enumerate(zip(texts, middles, strict=True)):
        draw.text((left, middle), text, INK if place < len(named) else _SOFT, font, "lm")
    return np.asarray(canvas)


def fitting(name: str, font: Any, width: int) -> str:
    """Return a name as the font can write it, which only covers ASCII; cut its end off to fit."""
    name = "".join(c if c.isascii() and c.isprintable() else "?" for c in name)
    if font.getlength(name) <= width:
        return name
    while font.getlength(f"{name}...") > width:
        name = name[:-1]
    return f"{name}..."


def class_colors(n: int) -> Sequence[tuple[int, int, int]]:
    """Return a colour for each class: hues around the circle, light and dark in turn."""
    colors = []
    for index in range(n):
        red, green, blue = colorsys.hls_to_rgb(index / n, (0.42, 0.6)[index % 2], 0.7)
        colors.append((round(255 * red), round(255 * green), round(255 * blue)))
    return colors
