"""Estimators of audits: unbiased over every possible sample, equal to their formulas, intervals that hold."""

import itertools

import numpy as np
import pytest

from tidelab.science.audit_estimators import (
    exact_counts,
    horvitz_thompson,
    prediction_powered,
    stratified_totals,
    tuned_weight,
)

TRUTH = np.array([0, 0, 1, 1, 1, 2])
NAMED = np.array([0, 0, 0, 1, 1, 1])
ONE_HOT = np.eye(3)[TRUTH]


def test_horvitz_thompson_is_unbiased_over_every_stratified_sample():
    first, second = np.flatnonzero(NAMED == 0), np.flatnonzero(NAMED == 1)
    estimates = []
    for a in itertools.combinations(first, 2):
        for b in itertools.combinations(second, 1):
            rows = [*a, *b]
            estimates.append(horvitz_thompson(ONE_HOT[rows], np.where(NAMED[rows] == 0, 2 / 3, 1 / 3)))
    assert np.mean(estimates, axis=0) == pytest.approx([2, 3, 1])


def test_the_stratified_estimate_is_horvitz_and_thompsons():
    checked = [[2, 0, 0], [0, 1, 0]]
    found = stratified_totals(
        checked, [3, 3], np.full((2, 3), 1 / 3), draws=200, rng=np.random.default_rng(1)
    )
    rows = [0, 1, 3]
    expected = horvitz_thompson(ONE_HOT[rows], [2 / 3, 2 / 3, 1 / 3])
    assert found.value == pytest.approx(expected)


def test_a_stratum_checked_in_full_leaves_counting_error_alone():
    found = stratified_totals([[90, 10]], [100], [[0.5, 0.5]], draws=20_000, rng=np.random.default_rng(2))
    assert found.value.tolist() == [90, 10]
    # Jeffreys' interval of 10 counted: 5.14 to 17.7 (gamma quantiles of shape 10.5).
    assert [found.low[1], found.high[1]] == pytest.approx([5.14, 17.74], rel=0.02)


def test_a_stratum_of_which_nothing_was_checked_is_what_the_model_says_with_a_wide_interval():
    found = stratified_totals([[0, 0]], [100], [[0.8, 0.2]], draws=2000, rng=np.random.default_rng(3))
    assert found.value == pytest.approx([80, 20])
    assert found.low[0] < 20
    assert found.high[0] > 95


def test_prediction_powered_is_its_formula():
    rng = np.random.default_rng(4)
    everyone = rng.dirichlet([1, 1, 1], size=200)
    truth = np.eye(3)[[rng.choice(3, p=one) for one in everyone]]
    rows = rng.choice(200, size=60, replace=False)
    weight = tuned_weight(truth[rows], everyone[rows])
    for column in range(3):
        covariance = np.cov(truth[rows, column], everyone[rows, column])
        assert weight[column] == pytest.approx(np.clip(covariance[0, 1] / covariance[1, 1], 0, 1))
    by_hand = 200 * (weight * everyone.mean(axis=0) + (truth[rows] - weight * everyone[rows]).mean(axis=0))
    found = prediction_powered(truth[rows], everyone[rows], everyone, draws=500, rng=rng)
    assert found.value == pytest.approx(by_hand)


def test_a_model_that_knows_nothing_is_given_no_weight_and_nothing_checked_is_refused():
    truth = np.eye(2)[[0, 1, 0, 1]]
    assert tuned_weight(truth, np.full((4, 2), 0.5)).tolist() == [0, 0]
    with pytest.raises(ValueError, match="at least 2 checked"):
        prediction_powered(truth[:1], truth[:1], truth, draws=10, rng=np.random.default_rng(1))
    with pytest.raises(ValueError, match="above 0"):
        horvitz_thompson(truth, [1, 1, 0, 1])


def test_a_class_that_an_audit_never_met_has_an_upper_end():
    truth = np.tile([1.0, 0.0], (50, 1))
    found = prediction_powered(
        truth, truth, np.tile([1.0, 0.0], (1000, 1)), draws=4000, rng=np.random.default_rng(5)
    )
    # Nothing in 50 of 1000: up to about 5 % by Jeffreys' interval.
    assert found.value[1] == 0
    assert 25 < found.high[1] < 90


def test_every_image_looked_at_leaves_garwoods_interval():
    found = exact_counts([0, 10])
    assert found.value.tolist() == [0, 10]
    assert found.low == pytest.approx([0, 4.795], abs=1e-3)
    assert found.high == pytest.approx([3.689, 18.390], abs=1e-3)
