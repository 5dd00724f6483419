"""Show what trained classifiers see, as in Figures 8 and 9 of the paper: t-SNE and Grad-CAM."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fractalgen.bank.folder import list_images
from fractalgen.errors import BankError, RunUsageError
from fractalgen.evaluation.evaluated_model import batches_of, evaluating
from fractalgen.evaluation.feature_plot import (
    INK,
    MIN_POINTS,
    SIDE,
    class_colors,
    draw_legend,
    draw_tsne,
    fitting,
    named_classes,
)
from fractalgen.evaluation.grad_cam import grad_cam
from fractalgen.evaluation.own_model import OwnModel
from fractalgen.evaluation.report import environment
from fractalgen.files.atomic import write_atomically
from fractalgen.images.crops import read_square
from fractalgen.images.formats import encode
from fractalgen.seeding import rng_for
from fractalgen.training.run import Run, load_run

__all__ = ["CAM", "PAGE", "TSNE", "inspect"]

TSNE, CAM, PAGE = "tsne.png", "cam.png", "inspection.html"

_TILE = 112
_CAPTION, _CAPTION_FONT_SIZE = 22, 14
_WRONG = (190, 30, 45)
_GAP = 8
_BATCH = 64
_HEAT = ((12, 7, 60), (95, 20, 110), (190, 55, 85), (245, 125, 20), (252, 250, 165))


@dataclass(frozen=True)
class _Shown:
    """A run on the page; images are data URIs."""

    name: str
    tsne: str | None
    cam: str | None


def inspect(
    runs: Iterable[str | Path | OwnModel],
    *,
    tsne: bool = True,
    cam: bool = True,
    limit: int = 1000,
    n_cam: int = 12,
    cam_folder: str | Path | None = None,
    seed: int = 0,
    checkpoint: str = "last",
    data_dir: str | Path = "data",
    out: str | Path | None = None,
) -> list[Path]:
    """Draw the features and the attention of trained classifiers.

    Parameters
    ----------
    runs : iterable of str, Path or OwnModel
        Folders of runs on the same data set, to see next to each other; or networks that fractalgen
        did not train, see `fractalgen.own_model`.
    tsne : bool
        Draw ``tsne.png`` into each run's folder: a dot for each test image, in the colour of its
        class, where t-SNE puts the features before the last layer. A legend names up to 20 classes.
    cam : bool
        Draw ``cam.png`` into each run's folder: test images, and below them the places that speak
        for the predicted class, by Grad-CAM, and its name.
    limit : int
        Number of test images for t-SNE, at least 10.
    n_cam : int
        Number of images for Grad-CAM.
    cam_folder : str or Path, optional
        Folder of images for Grad-CAM, such as ImageNet-A; by default the test images.
    seed : int
        Chooses the images and starts t-SNE.
    checkpoint : str
        ``last`` or ``best``.
    data_dir : str or Path
        Folder of the data sets.
    out : str or Path, optional
        Folder of the page ``inspection.html``, which is replaced if it is there; by default that of
        the first run.

    Returns
    -------
    list of Path
        The files that were written; the page is the last.

    Raises
    ------
    RunUsageError
        If an option is out of range, or the runs are of different data sets.
    RunError
        If a run cannot be read, or a network has no feature map for Grad-CAM.
    BankError, ImageError
        If the folder of images has none, or one cannot be read.
    """
    if not tsne and not cam:
        raise RunUsageError("choose --tsne, --cam or both")
    if limit < MIN_POINTS or n_cam < 1:
        raise RunUsageError(f"t-SNE needs {MIN_POINTS} images or more, and Grad-CAM one")
    if cam and cam_folder is not None and not Path(cam_folder).exists():
        raise BankError(f"{cam_folder}: there is no such folder of images")
    loaded = [
        run
        if isinstance(run, OwnModel)
        else load_run(Path(run), checkpoint=checkpoint, data_dir=data_dir)
        for run in runs
    ]
    if not loaded:
        raise RunUsageError("no runs were given to inspect")
    datasets = sorted({run.data.name for run in loaded})
    if len(datasets) > 1:
        raise RunUsageError(f"the runs are of different data sets: {', '.join(datasets)}")
    classes = loaded[0].data.classes
    written: list[Path] = []
    shown = []
    for run in loaded:
        drawn: dict[str, NDArray[np.uint8]] = {}
        files: dict[str, NDArray[np.uint8]] = {}
        if cam:
            drawn[CAM] = files[CAM] = _draw_cam(run, *_images(run, n_cam, seed, cam_folder))
        if tsne:
            drawn[TSNE] = draw_tsne(run, _chosen(len(run.data.test), limit, seed), seed)
            # The page has one legend for all runs.
            files[TSNE] = np.concatenate([drawn[TSNE], draw_legend(classes, SIDE)], axis=1)
        for name, pixels in files.items():
            write_atomically(run.folder / name, encode(pixels, "png"))
            written.append(run.folder / name)
        title = run.config.model
        if isinstance(run, Run):
            title += f", {run.config.method.name}, seed {run.config.seed}"
        uris = {name: _data_uri(pixels) for name, pixels in drawn.items()}
        shown.append(_Shown(f"{title} ({run.folder.name})", uris.get(TSNE), uris.get(CAM)))
    colors = class_colors(len(classes))
    named = [(classes[label], f"rgb{colors[label]}") for label in named_classes(len(classes))]
    text = (
        environment()
        .get_template("inspection.html")
        .render(
            dataset=datasets[0],
            runs=shown,
            classes=named,
            n_classes=len(classes),
            labelled=cam_folder is None,
        )
    )
    page = (loaded[0].folder if out is None else Path(out)) / PAGE
    page.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(page, text.encode("utf-8", "replace"))
    return [*written, page]


def _data_uri(pixels: NDArray[np.uint8]) -> str:
    encoded = base64.b64encode(encode(pixels, "png")).decode("ascii")
    return f"data:image/png;base64,{encoded}"


def _chosen(n_images: int, n: int, seed: int) -> NDArray[np.int64]:
    """Choose images, the same for every run on the data set."""
    order = rng_for(seed, "inspected images", 0).permutation(n_images)
    return np.sort(order[:n])


def _images(
    run: Run | OwnModel, n: int, seed: int, folder: str | Path | None
) -> tuple[NDArray[np.uint8], NDArray[np.int64] | None]:
    """Return test images, uint8 (n, size, size, 3), and their labels, or the images of a folder."""
    if folder is None:
        some = _chosen(len(run.data.test), n, seed)
        return run.data.test.for_testing(some), run.data.test.labels[some]
    place = Path(folder)
    files = list_images(place)
    chosen = [files[index] for index in _chosen(len(files), n, seed)]
    pixels = [read_square(place / file.name, run.data.size, file.sha256) for file in chosen]
    return np.stack(pixels), None


def _draw_cam(
    run: Run | OwnModel, images: NDArray[np.uint8], labels: NDArray[np.int64] | None
) -> NDArray[np.uint8]:
    """Draw the images in rows, below each the same under its heat, and the predicted class.

    A class is red if it differs from the label.
    """
    heat, predicted = [], []
    with evaluating(run.model):
        for batch in batches_of(images, _BATCH):
            inputs = run.preprocess(batch)
            heat.append(grad_cam(run.model, inputs, run.config.model))
            with torch.inference_mode():
                predicted.append(run.model(inputs).argmax(dim=1).cpu().numpy())
    places = np.concatenate(predicted)
    per_row = min(6, len(images))
    n_rows = -(-len(images) // per_row)
    step = _TILE + _GAP
    pitch = 2 * step + _CAPTION + _GAP
    canvas = Image.new("RGB", (per_row * step - _GAP, n_rows * pitch - 2 * _GAP), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(_CAPTION_FONT_SIZE)
    for place, (image, own) in enumerate(zip(images, np.concatenate(heat), strict=True)):
        y, x = place // per_row * pitch, place % per_row * step
        large = Image.fromarray(image).resize((_TILE, _TILE), Image.Resampling.BICUBIC)
        grown = Image.fromarray(own).resize((_TILE, _TILE), Image.Resampling.BICUBIC)
        canvas.paste(large, (x, y))
        heated = _heated(np.asarray(large), np.asarray(grown))
        canvas.paste(Image.fromarray(heated), (x, y + step))
        text = fitting(run.data.classes[places[place]], font, _TILE)
        is_wrong = labels is not None and places[place] != labels[place]
        where = (x + _TILE // 2, y + step + _TILE + _CAPTION // 2)
        draw.text(where, text, _WRONG if is_wrong else INK, font, "mm")
    return np.asarray(canvas)


def _heated(image: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Blend an image with the colours of a map from 0 to 1."""
    stops = np.linspace(0.0, 1.0, len(_HEAT))
    levels = np.clip(heat, 0.0, 1.0)
    colors = np.stack([np.interp(levels, stops, channel) for channel in zip(*_HEAT, strict=True)])
    blended = 0.45 * image + 0.55 * colors.transpose(1, 2, 0)
    pixels: NDArray[np.uint8] = np.rint(blended).astype(np.uint8)
    return pixels
