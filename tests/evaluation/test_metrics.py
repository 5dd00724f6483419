import math

import numpy as np
import pytest

from fractalgen.evaluation.metrics.classification import (
    ALEXNET_CORRUPTION_ERRORS,
    error_rate,
    flip_rate,
    mean_corruption_error,
    mean_flip_rate,
    normalized_corruption_error,
)


def test_error_rate_is_the_share_of_wrong_predictions():
    assert error_rate([0, 1, 2, 2], [0, 1, 1, 2]) == 0.25
    assert error_rate(np.array([3], np.uint8), [3]) == 0
    assert error_rate([1, 0], [0, 1]) == 1


@pytest.mark.parametrize(
    ("predictions", "labels", "reason"),
    [
        ([], [], "not be empty"),
        ([0, 1], [0], "2 predictions do not match 1 labels"),
        ([0.0, 1.0], [0, 1], "predictions must be whole numbers, not float64"),
        ([[0, 1]], [0, 1], "predictions must have 1 axes"),
        ([0, 1], [0, math.nan], "labels must be whole numbers"),
    ],
)
def test_error_rate_refuses(predictions, labels, reason):
    with pytest.raises(ValueError, match=reason):
        error_rate(predictions, labels)


def test_mean_corruption_error_is_the_mean_over_corruptions_and_severities():
    errors = {"fog": (0.1, 0.2, 0.3, 0.4, 0.5), "snow": (0.5, 0.5, 0.6, 0.7, 0.7)}
    assert mean_corruption_error(errors) == pytest.approx(0.45)


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        ({}, "not be empty"),
        ({"fog": (0.1, 0.2), "snow": (0.1,)}, r"same number of severities, not \[1, 2\]"),
        ({"fog": (0.1, math.nan)}, "finite"),
    ],
)
def test_mean_corruption_error_refuses(errors, reason):
    with pytest.raises(ValueError, match=reason):
        mean_corruption_error(errors)


def test_alexnet_relative_to_itself_is_one():
    errors = {name: [error] * 5 for name, error in ALEXNET_CORRUPTION_ERRORS.items()}
    assert normalized_corruption_error(errors) == pytest.approx(1)
    # Twice AlexNet's error in one of fifteen corruptions adds a fifteenth; order is irrelevant.
    errors["fog"] = [2 * error for error in errors["fog"]]
    shuffled = dict(reversed(list(errors.items())))
    assert normalized_corruption_error(shuffled) == pytest.approx(16 / 15)


def test_normalising_needs_the_fifteen_corruptions_by_name():
    errors = {name: [0.5] * 5 for name in ALEXNET_CORRUPTION_ERRORS}
    errors["spatter"] = errors.pop("frost")
    with pytest.raises(ValueError, match="frost, spatter"):
        normalized_corruption_error(errors)


def test_flip_rates_worked_by_hand():
    """The first sequence leaves class 0 and comes back: two changes, one frame away from it."""
    predictions = np.array([[0, 1, 0, 0], [2, 2, 2, 3]])
    assert flip_rate(predictions) == pytest.approx(3 / 6)
    assert flip_rate(predictions, against_first=True) == pytest.approx(2 / 6)
    drifted = [[0, 1, 1, 1]]
    assert flip_rate(drifted) == pytest.approx(1 / 3)
    assert flip_rate(drifted, against_first=True) == 1


@pytest.mark.parametrize(
    ("predictions", "reason"),
    [
        (np.zeros((3, 1), int), "two frames or more, not 1"),
        (np.zeros((0, 31), int), "not be empty"),
        (np.zeros(5, int), "must have 2 axes"),
        (np.zeros((3, 4)), "whole numbers"),
    ],
)
def test_flip_rate_refuses(predictions, reason):
    with pytest.raises(ValueError, match=reason):
        flip_rate(predictions)


def test_mean_flip_rates():
    assert mean_flip_rate({"tilt": 0.1, "scale": 0.3}) == pytest.approx(0.2)
    with pytest.raises(ValueError, match="empty"):
        mean_flip_rate({})
    with pytest.raises(ValueError, match="finite"):
        mean_flip_rate({"tilt": math.nan})
