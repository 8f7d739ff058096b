"""Metrics against scikit-learn and against numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support
from sklearn.metrics import confusion_matrix as sk_confusion

from tidelab.science.metrics import (
    bootstrap_macro_f1,
    confusion_matrix,
    precision_at_shares,
    scores,
    sign_test,
)
from tidelab.science.reliability import brier_score, reliability

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=80)


@given(pairs)
def test_scores_agree_with_scikit_learn(drawn):
    truth, predicted = (np.array(column) for column in zip(*drawn, strict=True))
    found = scores(confusion_matrix(truth, predicted, 5))
    present = sorted(set(truth.tolist()))
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=range(5), zero_division=0
    )
    np.testing.assert_array_equal(
        confusion_matrix(truth, predicted, 5), sk_confusion(truth, predicted, labels=range(5))
    )
    np.testing.assert_allclose(found.precision, precision)
    np.testing.assert_allclose(found.recall[present], recall[present])
    np.testing.assert_allclose(found.f1[present], f1[present])
    np.testing.assert_array_equal(found.support, support)
    assert found.accuracy == pytest.approx(accuracy_score(truth, predicted))
    assert found.macro_f1 == pytest.approx(
        f1_score(truth, predicted, labels=present, average="macro", zero_division=0)
    )
    assert found.weighted_f1 == pytest.approx(
        f1_score(truth, predicted, labels=range(5), average="weighted", zero_division=0)
    )


def test_class_without_test_images_is_missing_not_zero():
    found = scores(confusion_matrix([0, 0, 1], [0, 2, 1], 3))
    assert np.isnan(found.recall[2])
    assert np.isnan(found.f1[2])
    assert found.macro_f1 == pytest.approx((2 / 3 + 1) / 2)


@pytest.mark.parametrize(("truth", "predicted"), [([0, 1], [0]), ([0, 5], [0, 1]), ([0, -1], [0, 1])])
def test_bad_indices_are_refused(truth, predicted):
    with pytest.raises(ValueError, match=r"length|between 0 and 2"):
        confusion_matrix(truth, predicted, 3)


def test_nothing_to_measure_is_said():
    with pytest.raises(ValueError, match="no test images"):
        scores(np.zeros((2, 2), np.int64))


def test_precision_where_a_class_is_rare():
    """Recall 0.9, one in ten strays: as common as the other the class is named rightly in 9 of 10, at 1 % in one of twelve."""
    matrix = np.array([[90, 10], [10, 90]])
    np.testing.assert_allclose(precision_at_shares(matrix, [0.5, 0.5]), [0.9, 0.9])
    rare = 0.01 * 0.9 / (0.01 * 0.9 + 0.99 * 0.1)
    np.testing.assert_allclose(precision_at_shares(matrix, [1, 99])[0], rare)


@given(pairs)
def test_precision_at_the_test_shares_is_the_precision(drawn):
    matrix = confusion_matrix(*zip(*drawn, strict=True), 5)
    found, named = precision_at_shares(matrix, matrix.sum(axis=1)), matrix.sum(axis=0) > 0
    np.testing.assert_allclose(found[named], scores(matrix).precision[named])
    assert np.isnan(found[~named]).all(), "never named: there is no precision"


@pytest.mark.parametrize("shares", [[1, 1, 0], [0, 0], [-1, 2], [np.nan, 1], [0.5, 0.5, 0.5]])
def test_shares_that_cannot_be_used_are_refused(shares):
    with pytest.raises(ValueError, match=r"shares of 0 or more|no test images"):
        precision_at_shares(np.array([[5, 1], [1, 5]]), shares)


def test_a_share_of_a_class_without_test_images_is_refused():
    with pytest.raises(ValueError, match=r"class number\(s\) \[1\] have a share but no test images"):
        precision_at_shares(np.array([[5, 1], [0, 0]]), [0.5, 0.5])


def test_bootstrap_interval_holds_the_value_and_repeats():
    truth = np.repeat(np.arange(3), 30)
    predicted = np.where(np.arange(90) % 5 == 0, (truth + 1) % 3, truth)
    first, second = (bootstrap_macro_f1(truth, predicted, 3, seed=7) for _ in range(2))
    assert first == second
    assert first.low < first.value < first.high


def test_sign_test_known_values():
    assert sign_test(0, 0) == 1.0
    assert sign_test(3, 0) == pytest.approx(0.25)
    assert sign_test(0, 8) == pytest.approx(2 / 2**8)
    assert sign_test(5, 5) == 1.0


def test_reliability_by_hand():
    """Four images at 0.75, three of them right; two at 0.95, both right."""
    score = np.array([0.75] * 4 + [0.95] * 2)
    probabilities = np.stack([score, 1 - score], axis=1)
    found = reliability(probabilities, [0, 0, 0, 1, 0, 0], bins=10)
    assert found.counts.tolist() == [0, 0, 0, 0, 0, 0, 0, 4, 0, 2]
    assert found.accuracy[7] == pytest.approx(0.75)
    assert found.expected_calibration_error == pytest.approx(2 / 6 * 0.05)


def test_a_score_on_a_bin_limit_falls_into_the_lower_bin():
    found = reliability([[0.8, 0.2], [1.0, 0.0]], [0, 0], bins=10)
    assert found.counts[7] == 1
    assert found.counts[9] == 1


def test_reliability_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="expected probabilities"):
        reliability([[0.5, 0.5]], [0, 1])


def test_brier_score_by_hand():
    """0.8 on the right one of two: 0.2² + 0.2²; all on the wrong one: 2; (0.08 + 2) / 2."""
    assert brier_score([[0.8, 0.2], [1.0, 0.0]], [0, 1]) == pytest.approx(1.04)
    with pytest.raises(ValueError, match="expected probabilities"):
        brier_score([[0.5, 0.5]], [0, 1])
