import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from fractalgen.evaluation.metrics.detection import (
    aupr,
    auroc,
    fpr_at_95_tpr,
    softmax_scores,
)

few_levels = st.lists(st.integers(0, 5).map(lambda n: -n / 5), min_size=1, max_size=50)
many_levels = st.lists(st.floats(-1, 0), min_size=1, max_size=50)


def test_values_worked_by_hand():
    """From the highest score down: U, then U and K together, then K, then U."""
    ood, test = [0.9, 0.7, 0.1], [0.7, 0.4]
    # Of the six pairs, U=.9 wins two, U=.7 wins one and ties one, U=.1 wins none.
    assert auroc(ood, test) == pytest.approx(3.5 / 6)
    assert aupr(ood, test) == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3 + 1 / 3 * 3 / 5)
    assert fpr_at_95_tpr(ood, test) == 1


def test_told_apart_without_a_mistake_or_not_at_all():
    high, low = np.linspace(0.6, 0.9, 7), np.linspace(0.1, 0.4, 5)
    assert (auroc(high, low), fpr_at_95_tpr(high, low)) == (1, 0)
    assert aupr(high, low) == pytest.approx(1)
    assert (auroc(low, high), fpr_at_95_tpr(low, high)) == (0, 1)
    same = np.zeros(4)
    assert (auroc(same, same), aupr(same, same), fpr_at_95_tpr(same, same)) == (0.5, 0.5, 1)


def test_the_threshold_reports_at_least_95_percent():
    """Of twenty OOD images nineteen are enough, of nineteen all are needed."""
    test = [0.5, 0.05]
    twenty = [0.9] * 19 + [0.1]
    assert fpr_at_95_tpr(twenty, test) == 0
    assert fpr_at_95_tpr(twenty[1:], test) == 0.5


@given(st.one_of(few_levels, many_levels), st.one_of(few_levels, many_levels))
def test_agreement_with_definitions(ood, test):
    truth = [1] * len(ood) + [0] * len(test)
    scores = ood + test
    assert auroc(ood, test) == pytest.approx(roc_auc_score(truth, scores))
    assert aupr(ood, test) == pytest.approx(average_precision_score(truth, scores))
    false_rate, true_rate, _ = roc_curve(truth, scores, drop_intermediate=False)
    enough = true_rate >= 0.95 - 1e-9
    assert fpr_at_95_tpr(ood, test) == pytest.approx(false_rate[enough].min())


def test_scores_are_negative_maximum_probabilities():
    np.testing.assert_allclose(softmax_scores(np.log([[0.2, 0.8], [0.5, 0.5]])), [-0.8, -0.5])


@pytest.mark.parametrize("measured", [auroc, aupr, fpr_at_95_tpr])
def test_bad_scores_are_refused(measured):
    for ood, test, reason in (
        ([], [0.5], "ood must have 1 axes and not be empty"),
        ([0.5], [], "test must"),
        ([math.nan], [0.5], "ood must be finite"),
        ([0.5], [math.inf], "test must be finite"),
        ([[0.5]], [0.5], "1 axes"),
    ):
        with pytest.raises(ValueError, match=reason):
            measured(ood, test)
