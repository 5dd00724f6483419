"""Images for the page of an evaluation: of the set, of training, of mistakes."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractalgen.bank.folder import ImageFile, content_key, list_images
from fractalgen.errors import BankError, ImageError
from fractalgen.evaluation.report.images import Samples
from fractalgen.evaluation.subject import Answers, Subject
from fractalgen.images.decoding import read_square
from fractalgen.methods.method import Method
from fractalgen.seeding import rng_for, seed_for
from fractalgen.training.config import Config
from fractalgen.training.train import open_set

__all__ = ["samples_for"]

_N_SET_IMAGES = 24
_SET_SIZE = 64
_N_TRAINING_IMAGES = 6
_N_VIEWS = 3
_N_MISTAKES = 12


def samples_for(
    subject: Subject,
    config: Config,
    answers: Answers,
    set_folder: Path | None,
    set_digest: str | None,
) -> Samples:
    """Choose and make the images, by the evaluation's seed.

    Parameters
    ----------
    subject : Subject
        The network and its data.
    config : Config
        The run's, for its augmentation.
    answers : Answers
        For all test images as they are.
    set_folder : Path or None
        The mixing set that the run was trained with. If it is not there, cannot be read any more,
        or has changed, its images and the augmented ones are left out.
    set_digest : str or None
        What the set's images were.
    """
    rng = rng_for(subject.seed, "images for the page", 0)
    mistakes, captions = _mistakes(subject, answers, rng)
    train = subject.data.train
    indices = np.sort(rng.permutation(len(train))[:_N_TRAINING_IMAGES])
    clean = train.for_testing(indices)
    of_set = views = None
    if config.method.uses_set and set_folder is not None:
        with contextlib.suppress(BankError, ImageError, OSError):
            files = list_images(set_folder)
            if content_key(files) == set_digest:
                of_set = _of_set(set_folder, files, rng)
                views = _views(clean, indices, config.method, config.seed, set_folder)
    return Samples(
        set_images=of_set,
        training_images=clean,
        augmented_views=views,
        mistakes=mistakes,
        mistake_captions=captions,
    )


def _of_set(
    folder: Path, files: Sequence[ImageFile], rng: np.random.Generator
) -> NDArray[np.uint8]:
    order = np.sort(rng.permutation(len(files))[:_N_SET_IMAGES])
    chosen = [files[index] for index in order]
    return np.stack([read_square(folder / it.name, _SET_SIZE, it.sha256) for it in chosen])


def _views(
    clean: NDArray[np.uint8],
    indices: NDArray[np.int64],
    method: Method,
    seed: int,
    set_folder: Path,
) -> NDArray[np.uint8]:
    """Augment training images as the run does, uint8 of shape (n, views, size, size, 3)."""
    views = method.views(open_set(set_folder, clean.shape[1]), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    mixed = [
        views(clean, [seed_for(seed, epoch, int(index)) for index in indices])[-1].numpy()
        for epoch in range(_N_VIEWS)
    ]
    pixels = np.rint(np.clip(np.stack(mixed, axis=1), 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(0, 1, 3, 4, 2))


def _mistakes(
    subject: Subject, answers: Answers, rng: np.random.Generator
) -> tuple[NDArray[np.uint8] | None, tuple[str, ...]]:
    wrong = np.flatnonzero(~answers.correct)
    if not len(wrong):
        return None, ()
    chosen = np.sort(rng.permutation(wrong)[:_N_MISTAKES])
    classes = subject.data.classes
    captions = tuple(
        f"{classes[answers.labels[index]]}, taken for {classes[answers.predictions[index]]}"
        for index in chosen
    )
    return subject.data.test.for_testing(chosen), captions
