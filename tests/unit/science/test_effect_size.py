"""Known answers, and what a prediction has to keep when it is repeated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tidelab.science.effect_size import (
    SampleEffects,
    count_limit,
    count_p_value,
    predictive_limit,
    predictive_p_value,
    standard_score,
    wilson_interval,
)


def test_the_score_interval_is_that_of_the_textbooks():
    """Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611."""
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(20, 20) == pytest.approx((0.8389, 1.0), abs=5e-5)


@given(st.integers(1, 5000), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_the_interval_agrees_with_scipy_and_holds_the_share(n, share):
    found = round(share * n)
    low, high = wilson_interval(found, n)
    assert 0 <= low <= found / n <= high <= 1
    theirs = stats.binomtest(found, n).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize(("found", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_an_impossible_count_is_refused(found, n):
    with pytest.raises(ValueError, match=f"got {found} of {n}"):
        wilson_interval(found, n)


def test_the_prediction_of_a_new_value_is_students():
    known = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    t = (7.0 - 3.0) / (np.std(known, ddof=1) * np.sqrt(1 + 1 / 5))
    assert predictive_p_value(7.0, known) == pytest.approx(stats.t.sf(t, 4))
    assert predictive_p_value(predictive_limit(known, 0.02), known) == pytest.approx(0.02)
    assert standard_score(7.0, known) == pytest.approx(4 / np.std(known, ddof=1))
    with pytest.raises(ValueError, match="at least 3 known values, got 2"):
        predictive_p_value(1.0, known[:2])


def test_the_prediction_keeps_its_chance_with_few_samples():
    """Twelve known samples and one new: at 5 % the limit is passed in 5 % of cases; mean + 1.64 sd would be passed in 7.5 %."""
    rng = np.random.default_rng(1)
    draws = rng.normal(3, 2, (4000, 13))
    passed = [row[12] > predictive_limit(row[:12], 0.05) for row in draws]
    assert np.mean(passed) == pytest.approx(0.05, abs=0.012)


def test_equal_known_values_divide_by_nothing():
    assert predictive_p_value(1.1, np.ones(5)) < 1e-6
    assert predictive_p_value(1.0, np.ones(5)) == 0.5


def test_variances_of_samples_are_recovered():
    rng = np.random.default_rng(2)
    sizes = rng.integers(5, 60, 400)
    samples = np.repeat([f"s{i:03d}" for i in range(400)], sizes)
    values = np.repeat(rng.normal(0, 0.5, 400), sizes) + rng.normal(2, 1.0, sizes.sum())
    fitted = SampleEffects.fit(values, samples)
    assert fitted.between == pytest.approx(0.25, abs=0.05)
    assert fitted.within == pytest.approx(1.0, abs=0.04)
    assert fitted.mean == pytest.approx(2.0, abs=0.08)
    assert fitted.samples == len(fitted.means) == 400
    assert np.var(fitted.own) == pytest.approx(1.0, abs=0.05)


def test_balanced_variances_are_those_of_the_textbook():
    """Three samples of two: means 1, 2, 6; mean squares 14 between and 2 within; (14 - 2) / 2 = 6."""
    fitted = SampleEffects.fit(
        np.array([0.0, 2.0, 1.0, 3.0, 5.0, 7.0]), np.array(["a", "a", "b", "b", "c", "c"])
    )
    assert (fitted.between, fitted.within) == pytest.approx((6.0, 2.0))
    assert fitted.means.tolist() == [1.0, 2.0, 6.0]
    assert fitted.standard_score(9.0, 2) == pytest.approx((9 - 3) / np.sqrt(6 + 1))


@pytest.mark.parametrize("samples", [["a", "a"], ["a", "b"]])
def test_effects_need_samples_with_images(samples):
    with pytest.raises(ValueError, match="need 2 samples and more images than samples"):
        SampleEffects.fit(np.array([1.0, 2.0]), np.array(samples))


def test_without_effects_of_samples_counts_are_binomial():
    values = np.tile((np.arange(1000) + 0.5) / 1000, 20)
    fitted = SampleEffects.fit(values, np.repeat([f"s{i}" for i in range(20)], 1000))
    shares = fitted.exceedance(0.99)
    assert fitted.between == 0
    assert shares.mean() == pytest.approx(0.01, abs=2e-4)
    assert count_p_value(3, 100, shares) == pytest.approx(stats.binom.sf(2, 100, 0.01), rel=0.03)
    assert count_p_value(0, 100, shares) == 1.0


def test_samples_that_differ_make_large_shares_normal():
    rng = np.random.default_rng(3)
    samples = np.repeat([f"s{i}" for i in range(20)], 40)

    def limit(between):
        effects = np.repeat(rng.normal(0, between, 20), 40)
        values = effects + rng.normal(size=800)
        return count_limit(
            300, SampleEffects.fit(values, samples).exceedance(np.quantile(values, 0.99)), 0.05
        )

    assert limit(0.0) < 12 < limit(1.0)


@given(st.integers(1, 400), st.floats(0.001, 0.5), st.floats(0.001, 0.5))
@settings(max_examples=40, deadline=None)
def test_the_limit_is_the_smallest_count_that_is_rare_enough(n, share, p_value):
    shares = np.array([share, share / 2])
    limit = count_limit(n, shares, p_value)
    assert 0 < limit <= n + 1
    assert count_p_value(limit - 1, n, shares) > p_value
    if limit <= n:
        assert count_p_value(limit, n, shares) <= p_value


def test_a_new_mean_is_predicted_with_both_variances():
    """The samples of the textbook case: between 6, within 2, three samples of two; one image more uncertain by `extra`."""
    fitted = SampleEffects.fit(
        np.array([0.0, 2.0, 1.0, 3.0, 5.0, 7.0]), np.array(["a", "a", "b", "b", "c", "c"])
    )
    spread = np.sqrt(6 * (1 + 1 / 3) + 2 * (1 / 2 + 0.5))
    score, p_value = fitted.predict(9.0, 2, extra=0.5)
    assert score == pytest.approx((9 - 3) / spread)
    assert p_value == pytest.approx(2 * stats.t.sf(score, 2))
    assert fitted.predict(9.0, 2000, extra=0.5) == fitted.predict(
        9.0, 2, extra=0.5
    )  # a typical sample has two
    assert fitted.predict(-3.0, 2)[1] == pytest.approx(fitted.predict(9.0, 2)[1])
