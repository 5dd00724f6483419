"""Images for the page of an evaluation: of the mixing set, of training, of mistakes."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.augment.sample_seeds import seed_for
from fractalgen.bank.folder import ImageFile, content_key, list_images
from fractalgen.errors import BankError, ImageError
from fractalgen.images.encoding import encode
from fractalgen.images.squares import read_square
from fractalgen.seeding import rng_for
from fractalgen.training.mixing import augmenter_for

if TYPE_CHECKING:
    from fractalgen.evaluation.evaluated_model import EvaluatedModel

__all__ = ["Mistake", "Samples", "TrainingImage", "data_uri", "samples_for"]

_N_SET_IMAGES = 24
_SET_SIZE = 64
_N_TRAINING_IMAGES = 6
_N_VIEWS = 3
_N_MISTAKES = 12
_MAX_PNG_SIZE = 64

_Image = NDArray[np.uint8]


@dataclass(frozen=True)
class TrainingImage:
    """A training image, and the views of it that the model is trained on, if they can be made."""

    image: _Image
    views: Sequence[_Image] = ()


@dataclass(frozen=True)
class Mistake:
    """A test image that the model gets wrong, and a caption such as ``shirt, taken for coat``."""

    image: _Image
    caption: str


@dataclass(frozen=True)
class Samples:
    """Images for the page, each uint8 of shape (size, size, 3); `of_sections` is by section key."""

    set_images: Sequence[_Image] = ()
    training_images: Sequence[TrainingImage] = ()
    mistakes: Sequence[Mistake] = ()
    of_sections: Mapping[str, Mapping[str, _Image]] = field(default_factory=dict)


def samples_for(model: EvaluatedModel) -> Samples:
    """Choose and make the images, by the evaluation's seed.

    If the run's mixing set is missing, unreadable or another one by now, its images and the
    augmented views are left out.
    """
    run = model.run
    rng = rng_for(model.seed, "images for the page", 0)
    mistakes = _mistakes(model, rng)
    indices = np.sort(rng.permutation(len(run.data.train))[:_N_TRAINING_IMAGES])
    clean = run.data.train.for_testing(indices)
    set_images: Sequence[_Image] = ()
    views: Any = [()] * len(clean)
    if run.config.ipmix is not None and run.set_folder is not None:
        with contextlib.suppress(BankError, ImageError, OSError):
            files = list_images(run.set_folder)
            if content_key(files) == run.set_digest:
                set_images = _set_images(run.set_folder, files, rng)
                # As the run augments them.
                aug = augmenter_for(run.config.ipmix, run.set_folder, clean.shape[1])
                seeds = [seed_for(run.config.seed, 0, int(index)) for index in indices]
                mixed = aug.batch(clean, seeds, views=_N_VIEWS)
                views = np.rint(np.clip(mixed, 0, 1) * 255).astype(np.uint8).swapaxes(0, 1)
    training_images = [TrainingImage(*pair) for pair in zip(clean, views, strict=True)]
    return Samples(set_images, training_images, mistakes)


def data_uri(image: _Image) -> str:
    """Return an image as the address of an ``<img>``; lossless up to 64 pixels a side."""
    kind = "png" if len(image) <= _MAX_PNG_SIZE else "jpeg"
    data = base64.b64encode(encode(np.ascontiguousarray(image), kind)).decode("ascii")
    return f"data:image/{kind};base64,{data}"


def _set_images(folder: Path, files: Sequence[ImageFile], rng: np.random.Generator) -> list[_Image]:
    order = np.sort(rng.permutation(len(files))[:_N_SET_IMAGES])
    chosen = [files[index] for index in order]
    return [read_square(folder / file.name, _SET_SIZE, file.sha256) for file in chosen]


def _mistakes(model: EvaluatedModel, rng: np.random.Generator) -> list[Mistake]:
    wrong = np.flatnonzero(~model.clean.correct)
    chosen = np.sort(rng.permutation(wrong)[:_N_MISTAKES])
    if not len(chosen):
        return []
    classes = model.data.classes
    images = model.data.test.for_testing(chosen)
    return [
        Mistake(
            image,
            f"{classes[model.clean.labels[index]]}, taken for "
            f"{classes[model.clean.classes[index]]}",
        )
        for image, index in zip(images, chosen, strict=True)
    ]
