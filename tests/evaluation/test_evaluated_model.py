from types import SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from hypothesis import given
from hypothesis import strategies as st

from fractalgen.evaluation.corruptions.generated import rebatched
from fractalgen.evaluation.evaluated_model import (
    EvaluatedModel,
    Predictions,
    batches_of,
    evaluating,
)
from fractalgen.evaluation.metrics import softmax

MEAN, STD = (0.1, 0.5, 0.9), (0.2, 0.3, 0.4)


def predict(network, batches, accelerator=None):
    data = SimpleNamespace(mean=MEAN, std=STD)
    model = EvaluatedModel(
        run=SimpleNamespace(data=data),
        network=network,
        limit=None,
        batch_size=1,
        seed=0,
        set_folder=None,
        data_dir=None,
        accelerator=accelerator,
        progress=None,
        tell=None,
    )
    return model.logits(batches)


class Means(torch.nn.Module):
    """Predictions with the means of the channels, which are worked out by hand below."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(3))
        self.drop = torch.nn.Dropout(0.5)
        self.seen = []

    def forward(self, x):
        self.seen.append((x.dtype, tuple(x.shape)))
        return self.drop(x.mean(dim=(2, 3)) * self.scale)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (7, 8, 8, 3), dtype=np.uint8)


def by_hand(images):
    return ((images.astype(np.float64) / 255 - MEAN) / STD).mean(axis=(1, 2))


def test_outputs_are_those_of_the_normalised_images(images):
    model = Means()
    logits = predict(model, batches_of(images, 3))
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, by_hand(images), rtol=1e-5, atol=1e-6)
    assert model.seen == [(torch.float32, (n, 3, 8, 8)) for n in (3, 3, 1)]


def test_the_network_is_left_in_its_mode_part_by_part(images):
    model = Means()
    model.drop.eval()  # as a frozen part is, in a network that is being trained
    predict(model, [images])
    assert (model.training, model.drop.training) == (True, False)
    with pytest.raises(ValueError, match="no images"), evaluating(model):
        predict(model, [])
    assert (model.training, model.drop.training) == (True, False)


def test_gradients_are_not_kept(images):
    model = Means()
    predict(model, [images])
    assert model.scale.grad is None
    assert model.scale.requires_grad


@pytest.fixture
def rounding_accelerator():
    """One that computes in bfloat16; there is but one state of them in a process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield Accelerator(cpu=True, mixed_precision="bf16")
    AcceleratorState._reset_state(reset_partial_state=True)


def test_precision_is_the_accelerators(images, rounding_accelerator):
    class Linear(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(192, 4)
            self.seen = []

        def forward(self, x):
            out = self.layer(x.flatten(1))
            self.seen.append(out.dtype)
            return out

    model = Linear()
    exact = predict(model, [images])
    rough = predict(model, [images], accelerator=rounding_accelerator)
    assert model.seen == [torch.float32, torch.bfloat16]
    assert rough.dtype == np.float32
    np.testing.assert_allclose(rough, exact, atol=0.1)
    assert not np.array_equal(rough, exact)


def test_batches_of_an_array_and_of_images_in_the_order_asked_for(images):
    class OnDisk:
        labels = np.arange(7)

        def for_testing(self, indices):
            return images[np.asarray(indices)]

        def __len__(self):
            return 7

    order = [5, 0, 6]
    for source in (images, OnDisk()):
        assert [len(batch) for batch in batches_of(source, 3)] == [3, 3, 1]
        np.testing.assert_array_equal(np.concatenate(list(batches_of(source, 3))), images)
        np.testing.assert_array_equal(
            np.concatenate(list(batches_of(source, 2, order))), images[order]
        )


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 7))
def test_batches_cut_anew_keep_the_order(lengths, batch_size):
    whole = np.arange(sum(lengths), dtype=np.uint8).reshape(-1, 1, 1, 1)
    given_batches = np.split(whole, np.cumsum(lengths)[:-1]) if lengths else []
    cut = list(rebatched(given_batches, batch_size))
    assert all(len(batch) == batch_size for batch in cut[:-1])
    assert all(0 < len(batch) <= batch_size for batch in cut)
    np.testing.assert_array_equal(np.concatenate([whole[:0], *cut]), whole)


def test_softmax_of_large_and_small_outputs():
    logits = np.array([[1000.0, 1000.0, -1000.0], [0.0, np.log(3.0), -np.inf]], np.float32)
    probabilities = softmax(logits)
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities, [[0.5, 0.5, 0], [0.25, 0.75, 0]], atol=1e-7)
    np.testing.assert_allclose(
        softmax(np.array([[1.0, 2.0, 3.0]])), torch.tensor([[1.0, 2.0, 3.0]]).softmax(1), rtol=1e-6
    )


def test_predictions_for_many_images_are_those_of_all_at_once():
    logits = np.random.default_rng(0).normal(size=(9000, 5)).astype(np.float32)
    predictions = Predictions.of(logits, np.zeros(9000, np.int64))
    np.testing.assert_array_equal(predictions.classes, logits.argmax(axis=1))
    np.testing.assert_array_equal(predictions.confidence, softmax(logits).max(axis=1))
