"""Counts become concentrations: known answers, and the coverage the interval promises."""

import math

import numpy as np
import pytest

from tidelab.domain.estimate import Range
from tidelab.science.concentration import concentration, poisson_interval


@pytest.mark.parametrize(("count", "low", "high"), [
    # Garwood (1936), 95 %: the table that every textbook of epidemiology reprints.
    (0, 0.0, 3.689), (1, 0.025, 5.572), (2, 0.242, 7.225), (5, 1.623, 11.668), (10, 4.795, 18.390), (50, 37.111, 65.919),
])  # fmt: skip
def test_poisson_intervals_are_garwoods(count: int, low: float, high: float) -> None:
    found = poisson_interval(count)
    assert found.value == count
    assert (round(found.low, 3), round(found.high, 3)) == (low, high)


def test_a_count_of_zero_has_an_upper_limit_and_the_rule_of_three_is_its_one_sided_form() -> None:
    assert poisson_interval(0, level=0.90).high == pytest.approx(-math.log(0.05))  # 2.996
    found = concentration(0, 4.0)
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(3.6889 / 4, rel=1e-4)


@pytest.mark.parametrize("mean", [0.5, 3.0, 20.0, 300.0])
def test_the_interval_contains_the_truth_at_least_as_often_as_promised(mean: float) -> None:
    counts = np.random.default_rng(7).poisson(mean, 3000)
    intervals = {count: poisson_interval(int(count)) for count in set(counts.tolist())}
    covered = np.mean([intervals[count].low <= mean <= intervals[count].high for count in counts.tolist()])
    assert covered >= 0.945


def test_concentration_divides_count_and_interval_by_the_water() -> None:
    assert concentration(10, 0.5).value == 20
    assert concentration(10, 0.5).low == pytest.approx(2 * poisson_interval(10).low)
    # An estimate keeps its own interval.
    assert concentration(Range(value=8.0, low=5.0, high=12.0), 4.0) == Range(value=2.0, low=1.25, high=3.0)


@pytest.mark.parametrize("water", [0.0, -1.0, math.nan, math.inf])
def test_a_volume_that_is_none_is_refused(water: float) -> None:
    with pytest.raises(ValueError, match="volume of water is above 0 mL"):
        concentration(1, water)


def test_negative_counts_and_impossible_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        poisson_interval(-1)
    with pytest.raises(ValueError, match="confidence level"):
        poisson_interval(1, 1.0)
