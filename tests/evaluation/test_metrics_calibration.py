import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fractalgen.evaluation.metrics.calibration import (
    reliability_bins,
    rms_calibration_error,
    rms_calibration_error_public,
)

answers = st.lists(
    st.tuples(st.integers(0, 8).map(lambda eighths: eighths / 8), st.booleans()),
    min_size=1,
    max_size=60,
)


def in_a_loop(confidence, correct, bin_size, *, without_last):
    """The definition, a bin at a time."""
    ranked = sorted(zip(confidence, correct, strict=True), key=lambda pair: pair[0])
    n_bins = max(1, len(ranked) // bin_size)
    total = 0.0
    for i in range(n_bins - 1 if without_last else n_bins):
        members = ranked[i * bin_size :] if i == n_bins - 1 else ranked[i * bin_size :][:bin_size]
        gap = sum(sure - right for sure, right in members) / len(members)
        total += len(members) / len(ranked) * gap**2
    return math.sqrt(total)


def test_values_worked_by_hand():
    """Bins of two: confidences .2 .4 with one right, .6 .8 with two right, and .9 .9 .9 with two.

    The gaps are .3 - .5, .7 - 1 and .9 - 2/3; the last bin has the remainder, of one.
    """
    confidence = [0.9, 0.2, 0.6, 0.9, 0.4, 0.8, 0.9]
    correct = [True, False, True, True, True, True, False]
    public = 2 / 7 * 0.04 + 2 / 7 * 0.09
    whole = public + 3 / 7 * (0.9 - 2 / 3) ** 2
    assert rms_calibration_error(confidence, correct, bin_size=2) == pytest.approx(whole**0.5)
    assert rms_calibration_error_public(confidence, correct, bin_size=2) == pytest.approx(
        public**0.5
    )


def test_bins_are_of_a_hundred():
    """250 predictions are a bin of 100 and one of 150; in each the gap is known."""
    confidence = np.repeat([0.5, 0.75, 1.0], [100, 50, 100])
    correct = np.repeat([True, False, True], [100, 50, 100])
    last = 0.6 * (137.5 / 150 - 100 / 150) ** 2
    assert rms_calibration_error(confidence, correct) == pytest.approx((0.4 * 0.25 + last) ** 0.5)
    assert rms_calibration_error_public(confidence, correct) == pytest.approx(0.1**0.5)


def test_the_public_figure_is_blind_to_the_most_confident_bin():
    confidence = np.repeat([0.5, 0.99], 100)
    correct = np.concatenate([np.arange(100) % 2 == 0, np.zeros(100, bool)])
    assert rms_calibration_error_public(confidence, correct) == pytest.approx(0)
    assert rms_calibration_error(confidence, correct) == pytest.approx(0.99 / 2**0.5)


@given(answers, st.integers(1, 20))
def test_both_agree_with_a_plain_loop(given_answers, bin_size):
    confidence, correct = map(list, zip(*given_answers, strict=True))
    for measured, without_last in (
        (rms_calibration_error, False),
        (rms_calibration_error_public, True),
    ):
        expected = in_a_loop(confidence, correct, bin_size, without_last=without_last)
        assert measured(confidence, correct, bin_size=bin_size) == pytest.approx(
            expected, abs=1e-12
        )


def test_one_bin_for_few_predictions():
    assert rms_calibration_error([0.9, 0.7], [True, False]) == pytest.approx(0.3)
    assert rms_calibration_error_public([0.9, 0.7], [True, False]) == 0


def test_reliability_bins_have_the_error_that_torchmetrics_finds():
    classification = pytest.importorskip("torchmetrics.functional.classification")
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0, 1, 500)
    correct = rng.uniform(0, 1, 500) < confidence**2
    bins = reliability_bins(confidence, correct)
    assert sum(b.n for b in bins) == 500
    ours = sum(b.n / 500 * (b.confidence - b.accuracy) ** 2 for b in bins) ** 0.5
    theirs = classification.binary_calibration_error(
        torch.from_numpy(confidence), torch.from_numpy(correct.astype(int)), 15, norm="l2"
    )
    assert ours == pytest.approx(float(theirs), rel=1e-5)


def test_reliability_bins_by_hand():
    bins = reliability_bins([0.25, 0.1, 0.5, 0.6, 1.0], [True, False, True, False, True], n_bins=4)
    assert [b.n for b in bins] == [1, 1, 2, 1]
    assert [b.accuracy for b in bins] == [0, 1, 0.5, 1]
    assert [b.confidence for b in bins] == pytest.approx([0.1, 0.25, 0.55, 1])


@pytest.mark.parametrize(
    ("confidence", "correct", "reason"),
    [
        ([], [], "not be empty"),
        ([0.5, 0.5], [True], "2 confidences do not match 1 predictions"),
        ([math.nan], [True], "confidence must be finite"),
        ([1.5], [True], "from 0 to 1"),
        ([-0.1], [True], "from 0 to 1"),
        ([0.5], [3], "true or false"),
    ],
)
@pytest.mark.parametrize(
    "measured", [rms_calibration_error, rms_calibration_error_public, reliability_bins]
)
def test_bad_arrays_are_refused(measured, confidence, correct, reason):
    with pytest.raises(ValueError, match=reason):
        measured(confidence, correct)


def test_bad_bins_are_refused():
    with pytest.raises(ValueError, match="bin_size must be 1 or more"):
        rms_calibration_error([0.5], [True], bin_size=0)
    with pytest.raises(ValueError, match="n_bins must be 1 or more"):
        reliability_bins([0.5], [True], n_bins=0)
