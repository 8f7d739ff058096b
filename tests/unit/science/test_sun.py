"""The sun against the published example, against geometry, and bad places and times."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.science.sun import DAYLIGHT_FROM_DEG, is_daylight, solar_elevation

OBSEA = (41.18212, 1.75257)


def at(*times):
    return pd.DatetimeIndex(times)


def test_the_example_of_reda_and_andreas():
    # NREL/TP-560-34302, table A5.1: topocentric elevation without refraction 39.872046 degrees.
    found = solar_elevation(at("2003-10-17T12:30:30-07:00"), 39.742476, -105.1786, altitude_m=1830.14)
    assert found[0] == pytest.approx(39.872046, abs=2e-5)


def test_at_noon_of_a_solstice_the_sun_is_as_high_as_geometry_says():
    day = pd.date_range("2024-06-21", "2024-06-22", freq="1min", tz="UTC")
    assert solar_elevation(day, *OBSEA).max() == pytest.approx(90 - 41.18212 + 23.436, abs=0.01)


def test_sunrise_at_obsea_on_an_equinox_is_that_of_the_almanac():
    # Sunrise at longitude 1.75 E on 2024-03-20: noon at 12:00 - 7 min + 7.4 min (equation of time), day of 12 h 9 min.
    day = pd.date_range("2024-03-20", "2024-03-21", freq="1min", tz="UTC")
    up = day[is_daylight(day, *OBSEA)]
    assert abs(up[0] - pd.Timestamp("2024-03-20T05:56Z")) <= pd.Timedelta("3min")
    assert abs((up[-1] - up[0]) - pd.Timedelta("12h9min")) <= pd.Timedelta("3min")


def test_midnight_sun_and_polar_night():
    assert is_daylight(at("2024-06-21T00:00Z"), 75.0, 20.0)[0]
    assert not is_daylight(at("2024-12-21T11:00Z"), 75.0, 20.0)[0]


def test_repeated_times_and_none_at_all():
    assert len(solar_elevation(at("2024-01-01T12:00Z", "2024-01-01T12:00Z"), *OBSEA)) == 2
    assert len(solar_elevation(pd.DatetimeIndex([], tz="UTC"), *OBSEA)) == 0


@given(st.floats(-20, 20), st.floats(-20, 20), st.integers(0, 365 * 24))
@settings(max_examples=15)
def test_a_higher_threshold_never_makes_more_day(one, other, hours):
    times = pd.DatetimeIndex([pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(hours=hours)])
    low, high = sorted((one, other))
    assert is_daylight(times, *OBSEA, from_deg=low)[0] or not is_daylight(times, *OBSEA, from_deg=high)[0]


@pytest.mark.parametrize(
    ("times", "place", "words"),
    [
        (pd.DatetimeIndex(["2024-01-01T12:00"]), OBSEA, "zone"),
        (pd.DatetimeIndex(["2024-01-01T12:00Z", None]), OBSEA, "1 of 2 times are missing"),
        (at("2024-01-01T12:00Z"), (91.0, 0.0), "no place"),
        (at("2024-01-01T12:00Z"), (float("nan"), 0.0), "no place"),
    ],
)
def test_what_is_no_time_or_no_place(times, place, words):
    with pytest.raises(ValueError, match=words):
        solar_elevation(times, *place)


def test_the_threshold_is_that_of_the_almanac():
    assert DAYLIGHT_FROM_DEG == -0.833
