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
    macro_f1,
    paired_difference,
    scores,
    sign_test,
)
from tidelab.science.reliability import reliability

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


def test_equal_models_differ_by_exactly_nothing():
    truth = np.repeat(np.arange(3), 20)
    predicted = np.roll(truth, 5)
    found = paired_difference(truth, predicted, predicted, 3)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)
    assert not found.decided


def test_a_clearly_better_model_is_seen_and_named_with_its_sign():
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(4), 50)
    poor = np.where(rng.random(200) < 0.4, (truth + 1) % 4, truth)
    good = np.where(rng.random(200) < 0.1, (truth + 1) % 4, truth)
    found = paired_difference(truth, good, poor, 4)
    assert found.low > 0
    assert found.value == pytest.approx(macro_f1(truth, good, 4) - macro_f1(truth, poor, 4))
    assert paired_difference(truth, poor, good, 4).high < 0


def test_whole_samples_are_drawn_so_the_interval_widens():
    """Ten samples whose images stand or fall together hold less evidence than two hundred images."""
    rng = np.random.default_rng(1)
    truth = np.tile(np.arange(4), 50)
    groups = np.repeat(np.arange(10), 20)
    bad = np.isin(groups, [0, 1, 2])
    champion = np.where(bad, (truth + 1) % 4, truth)
    challenger = np.where(rng.random(200) < 0.05, (truth + 1) % 4, truth)
    by_image = paired_difference(truth, challenger, champion, 4)
    by_sample = paired_difference(truth, challenger, champion, 4, groups=groups)
    assert by_sample.high - by_sample.low > 1.5 * (by_image.high - by_image.low)


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
