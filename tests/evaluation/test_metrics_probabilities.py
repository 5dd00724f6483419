"""Scores of probabilities, against values worked out by hand and other libraries."""

import math

import numpy as np
import pytest
from sklearn.metrics import log_loss

from fractalgen.errors import ArgumentError
from fractalgen.evaluation.metrics import softmax
from fractalgen.evaluation.metrics.calibration import (
    adaptive_calibration_error,
    expected_calibration_error,
)
from fractalgen.evaluation.metrics.detection import energy_scores, max_logit_scores
from fractalgen.evaluation.metrics.probabilities import (
    area_under_risk_coverage,
    brier_score,
    fitted_temperature,
    negative_log_likelihood,
)

LOGITS = np.log([[0.7, 0.2, 0.1], [0.5, 0.25, 0.25]])
LABELS = [0, 2]


def drawn(n=2_000, n_classes=5, scale=3.0, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, n_classes)) * scale, rng.integers(n_classes, size=n)


def test_log_likelihood_and_brier_score_by_hand():
    assert negative_log_likelihood(LOGITS, LABELS) == pytest.approx(
        -(math.log(0.7) + math.log(0.25)) / 2
    )
    first = 0.3**2 + 0.2**2 + 0.1**2
    second = 0.5**2 + 0.25**2 + 0.75**2
    assert brier_score(LOGITS, LABELS) == pytest.approx((first + second) / 2)


def test_log_likelihood_is_that_of_scikit_learn():
    logits, labels = drawn()
    theirs = log_loss(labels, softmax(logits), labels=range(5))
    assert negative_log_likelihood(logits, labels) == pytest.approx(theirs)


def test_log_likelihood_of_a_certain_mistake_is_finite():
    assert negative_log_likelihood([[1000.0, 0.0]], [1]) == pytest.approx(1000)


def test_calibration_errors_by_hand():
    confidence, correct = [0.61, 0.65, 0.95, 0.99], [True, False, True, True]
    # In bins of a tenth: 0.61 and 0.65 with accuracy 1/2, 0.95 and 0.99 with accuracy 1.
    expected = (2 * abs(0.5 - 0.63) + 2 * abs(1 - 0.97)) / 4
    assert expected_calibration_error(confidence, correct, n_bins=10) == pytest.approx(expected)
    # In two bins of equal mass: the same pairs. In four: each by itself.
    assert adaptive_calibration_error(confidence, correct, n_bins=2) == pytest.approx(expected)
    alone = (0.39 + 0.65 + 0.05 + 0.01) / 4
    assert adaptive_calibration_error(confidence, correct, n_bins=4) == pytest.approx(alone)


def test_expected_calibration_error_is_that_of_torchmetrics():
    functional = pytest.importorskip("torchmetrics.functional.classification")
    import torch

    logits, labels = drawn()
    probabilities = softmax(logits)
    ours = expected_calibration_error(
        probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    )
    theirs = functional.multiclass_calibration_error(
        torch.from_numpy(probabilities), torch.from_numpy(labels), num_classes=5, n_bins=15
    )
    assert ours == pytest.approx(float(theirs), abs=1e-6)


def test_risk_and_coverage_by_hand():
    # The errors on the 1, 2, 3 and 4 most confident predictions: 0, 1/2, 1/3, 1/2.
    confidence, correct = [0.9, 0.8, 0.7, 0.6], [True, False, True, False]
    expected = (0 + 1 / 2 + 1 / 3 + 1 / 2) / 4
    assert area_under_risk_coverage(confidence, correct) == pytest.approx(expected)


def test_order_of_equal_confidences_does_not_matter():
    first = area_under_risk_coverage([0.5, 0.5, 0.9], [True, False, True])
    assert first == pytest.approx((0 + 0.5 / 2 + 1 / 3) / 3)
    assert area_under_risk_coverage([0.5, 0.9, 0.5], [False, True, True]) == pytest.approx(first)


@pytest.mark.parametrize("factor", [0.25, 1.0, 4.0])
def test_temperature_undoes_a_factor(factor):
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(20_000, 4)) * 2
    labels = [rng.choice(4, p=row) for row in softmax(logits)]
    assert fitted_temperature(logits * factor, labels) == pytest.approx(factor, rel=0.05)


def test_temperature_lowers_the_loss_and_keeps_the_classes():
    logits, labels = drawn()
    found = fitted_temperature(logits, labels)
    assert negative_log_likelihood(logits / found, labels) < negative_log_likelihood(logits, labels)


def test_scores_of_ood_images_by_hand():
    logits = np.array([[1.0, 2.0], [0.0, 0.0]])
    np.testing.assert_allclose(max_logit_scores(logits), [-2, 0])
    np.testing.assert_allclose(energy_scores(logits), [-math.log(math.e + math.e**2), -math.log(2)])
    assert np.isfinite(energy_scores(np.array([[1e4, -1e4]]))).all()


@pytest.mark.parametrize(
    ("logits", "labels"),
    [([[0.0, 1.0]], [2]), ([[0.0, 1.0]], [-1]), ([[0.0, 1.0]], [0, 1]), ([[np.nan, 1.0]], [0])],
)
def test_refuses_labels_and_logits_that_do_not_fit(logits, labels):
    for metric in (negative_log_likelihood, brier_score, fitted_temperature):
        with pytest.raises(ArgumentError):
            metric(logits, labels)
