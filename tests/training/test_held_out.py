"""Training images that are held out are not trained on, and are the same in every run."""

import numpy as np
import pytest

import fractalgen as fg
from fractalgen.errors import RunUsageError
from fractalgen.training.datasets import load_data
from fractalgen.training.datasets.data_set import held_out


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return load_data("digits", data_dir=tmp_path_factory.mktemp("data"), image_size=8)


@pytest.mark.parametrize("share", [0.1, 0.5, 1e-6])
def test_parts_are_disjoint_and_complete(digits, share):
    parts = held_out(digits, share)
    n = max(1, round(share * len(digits.train)))
    assert (len(parts.validation), len(parts.train)) == (n, len(digits.train) - n)
    every = np.concatenate(
        [part.for_testing(range(len(part))) for part in (parts.train, parts.validation)]
    )
    whole = digits.train.for_testing(range(len(digits.train)))

    def rows(images):
        flat = images.reshape(len(images), -1)
        return flat[np.lexsort(flat.T)]

    assert np.array_equal(rows(every), rows(whole))


def test_labels_and_crops_go_with_their_images(digits):
    part = held_out(digits, 0.3).train
    indices = [0, 5, len(part) - 1]
    images, crops = part.for_testing(indices), part.for_training(indices, [1, 2, 3])
    assert crops.shape == images.shape
    whole = digits.train.for_testing(range(len(digits.train)))
    for image, label in zip(images, part.labels[indices], strict=True):
        same = np.flatnonzero((whole == image).all(axis=(1, 2, 3)))
        assert label in digits.train.labels[same]


def test_nothing_is_held_out_by_default(digits):
    assert held_out(digits, 0) is digits


def test_a_run_keeps_its_held_out_images(tmp_path):
    run = fg.train(
        dataset="digits",
        method="vanilla",
        epochs=1,
        image_size=8,
        hold_out=0.25,
        out=tmp_path / "run",
    )
    again = fg.load_run(tmp_path / "run")
    assert len(run.data.validation) == len(again.data.validation) > 0
    assert np.array_equal(run.data.validation.labels, again.data.validation.labels)
    with pytest.raises(RunUsageError, match="hold_out"):
        fg.train(
            dataset="digits",
            method="vanilla",
            epochs=1,
            image_size=8,
            out=tmp_path / "run",
            resume=True,
        )


@pytest.mark.parametrize("share", [-0.1, 0.95, "half"])
def test_shares_that_cannot_be(tmp_path, share):
    with pytest.raises(RunUsageError, match="hold_out"):
        fg.train(dataset="digits", method="vanilla", hold_out=share, out=tmp_path / "run")
