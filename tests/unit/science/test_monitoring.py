"""The chart cries wolf as often as was asked for, also when mean and spread are estimates."""

import numpy as np
import pytest

from tidelab.science.monitoring import cusum, cusum_limit, cusum_run_length, self_starting_scores


@pytest.mark.parametrize(("limit", "exact"), [(3.0, 117.6), (4.0, 335.4), (4.77, 740.0), (5.0, 930.9)])
def test_run_lengths_are_those_of_the_tables(limit, exact):
    """Exact values for k = 0.5 (Hawkins and Olwell 1998, table 3.1, one-sided; 4.77 in Montgomery 2013, table 9.3)."""
    assert cusum_run_length(limit) == pytest.approx(exact, rel=0.02)


def test_the_limit_belongs_to_its_run_length():
    for wanted in (10.0, 52.0, 370.0, 1e6):
        assert cusum_run_length(cusum_limit(wanted)) == pytest.approx(wanted, rel=1e-6)
    with pytest.raises(ValueError, match="at least 2, got 1"):
        cusum_limit(1)
    with pytest.raises(ValueError, match="got nan"):
        cusum_limit(float("nan"))


def run_length(scores, limit):
    above = np.flatnonzero(cusum(scores) > limit)
    return above[0] + 1 if len(above) else len(scores)


def lengths(known, *, repeats=250, wanted=20, shift=0.0):
    """Return run lengths of charts whose mean and spread come from `known` samples."""
    rng = np.random.default_rng(known)
    limit = cusum_limit(wanted)
    found = []
    for _ in range(repeats):
        before = rng.normal(size=known)
        values = (rng.normal(size=wanted * 6) + shift - before.mean()) / before.std(ddof=1)
        found.append(run_length(self_starting_scores(values, known), limit))
    return np.asarray(found)


def test_false_alarms_come_as_often_as_was_asked_for():
    assert lengths(12).mean() == pytest.approx(20, rel=0.2)


def test_taking_the_estimates_for_the_truth_would_alarm_too_often():
    """What the self-starting scores are for: a mean of 12 samples that is one standard error low costs four fifths of the run length."""
    assert cusum_run_length(cusum_limit(370), 0.5 - 1 / np.sqrt(12)) < 370 / 4


def test_a_shift_is_found_soon():
    assert np.median(lengths(24, shift=1.5, repeats=60)) <= 5


def test_the_sum_starts_at_rest_and_returns_to_it():
    assert cusum(np.array([])).tolist() == []
    assert cusum(np.array([-3.0, 1.5, 0.5, -4.0]), 0.5).tolist() == [0.0, 1.0, 1.0, 0.0]


def test_scores_of_the_first_value_are_a_prediction():
    """One value against 12 samples of mean 0 and spread 1: Student's t with 11 degrees of freedom, read as a normal value."""
    from scipy import stats

    (score,) = self_starting_scores(np.array([2.0]), 12)
    assert stats.norm.sf(score) == pytest.approx(stats.t.sf(2.0 * np.sqrt(12 / 13), 11))
    with pytest.raises(ValueError, match="at least 3 known samples, got 2"):
        self_starting_scores(np.array([2.0]), 2)


def test_a_value_out_of_all_measure_stays_a_number():
    scores = self_starting_scores(np.array([1e9, -1e9, 0.0]), 10)
    assert np.isfinite(scores).all()
    assert scores[0] > 5
