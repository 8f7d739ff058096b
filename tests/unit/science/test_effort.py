"""Effort by camera and hour, worked out by hand."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.series import OBSEA, minutes, pictures
from tidelab.science.effort import EFFORT_COLUMNS, Cadence, effort, mark_effort

NAMES = ["pictures_expected", "pictures_received", "pictures_daylight", "pictures_good"]


def by_hour(table, camera="cam1"):
    rows = table[table["camera"] == camera]
    return {
        moment.hour: tuple(row)
        for moment, row in zip(rows["interval_start"], rows[NAMES].to_numpy(), strict=True)
    }


def test_a_full_hour_and_half_of_one():
    found = effort(pictures(minutes("2024-05-01T10:00", 90)), Cadence(60.0), OBSEA)
    assert by_hour(found) == {10: (60, 60, 60, 60), 11: (30, 30, 30, 30)}
    assert tuple(found.columns) == EFFORT_COLUMNS


def test_an_outage_is_expected_and_not_received():
    times = minutes("2024-05-01T10:00", 60) + minutes("2024-05-01T12:30", 30)
    found = by_hour(effort(pictures(times), Cadence(60.0), OBSEA))
    assert found == {10: (60, 60, 60, 60), 11: (60, 0, 0, 0), 12: (60, 30, 30, 30)}


def test_a_night_is_expected_only_where_the_camera_works_at_night():
    times = minutes("2024-05-01T18:00", 7, "1h")
    by_day = by_hour(effort(pictures(times), Cadence(3600.0), OBSEA))
    always = by_hour(effort(pictures(times), Cadence(3600.0, daylight_only=False), OBSEA))
    # The sun sets at about 18:55 UTC: the picture of 18:00 is taken by day, that of 19:00 by night.
    assert by_day[18] == (1, 1, 1, 1)
    # Where pictures are meant to come by day alone, one by night is counted apart.
    assert by_day[22] == (0, 0, 0, 0)
    assert always[22] == (1, 1, 0, 0)
    outside = effort(pictures(times), Cadence(3600.0), OBSEA).set_index("interval_start")["pictures_outside"]
    assert outside.to_list() == [0, 1, 1, 1, 1, 1, 1]


def test_bad_pictures_are_named_by_their_reason_and_are_no_effort():
    table = pictures(minutes("2024-05-01T10:00", 4))
    table["quality"] = ["", "blurred", "too-dark", "frozen"]
    table["is_effort"] = table["daylight"] & (table["quality"] == "")
    row = effort(table, Cadence(60.0), OBSEA).iloc[0]
    assert (
        row.pictures_good,
        row.pictures_blurred,
        row.pictures_too_dark,
        row.pictures_frozen,
        row.pictures_fouled,
    ) == (1, 1, 1, 1, 0)


def test_a_stated_period_shows_outages_at_both_ends():
    period = Cadence(60.0, start=pd.Timestamp("2024-05-01T09:00Z"), end=pd.Timestamp("2024-05-01T12:00Z"))
    found = by_hour(effort(pictures(minutes("2024-05-01T10:00", 60)), period, OBSEA))
    assert found == {9: (60, 0, 0, 0), 10: (60, 60, 60, 60), 11: (60, 0, 0, 0)}


def test_pictures_outside_of_a_stated_period_are_counted_apart_and_are_no_effort():
    period = Cadence(60.0, start=pd.Timestamp("2024-05-01T10:30Z"), end=pd.Timestamp("2024-05-01T11:30Z"))
    table = mark_effort(pictures(minutes("2024-05-01T10:00", 120)), OBSEA, period)
    table.loc[[0, 45], "quality"] = "blurred"
    table = mark_effort(table, OBSEA, period)
    assert (table["is_effort"].sum(), table["outside"].sum()) == (59, 60)
    found = effort(table, period, OBSEA)
    assert by_hour(found) == {10: (30, 30, 30, 29), 11: (30, 30, 30, 30)}
    assert found["pictures_outside"].tolist() == [30, 30]
    # The blurred picture of 10:00 is outside, that of 10:45 is not.
    assert found["pictures_blurred"].tolist() == [1, 0]


def test_a_camera_that_was_silent_for_a_whole_stated_period_has_its_rows():
    period = Cadence(60.0, start=pd.Timestamp("2024-05-01T10:00Z"), end=pd.Timestamp("2024-05-01T11:00Z"))
    shown = pd.concat(
        [
            pictures(minutes("2024-05-01T10:00", 60)),
            pictures(minutes("2024-05-01T14:00", 5), "cam2"),
            pictures(minutes("2024-05-01T10:00", 2), "cam3").assign(usable=False),
            pictures(minutes("2024-05-01T10:00", 2), "").assign(usable=False),
        ],
        ignore_index=True,
    )
    found = effort(shown, period, OBSEA)
    assert by_hour(found) == {10: (60, 60, 60, 60)}
    assert by_hour(found, "cam2") == {10: (60, 0, 0, 0), 14: (0, 0, 0, 0)}
    assert by_hour(found, "cam3") == {10: (60, 0, 0, 0)}
    # Pictures that name no camera are no camera.
    assert set(found["camera"]) == {"cam1", "cam2", "cam3"}
    # Without a stated period nothing is known of it.
    assert set(effort(shown, Cadence(60.0), OBSEA)["camera"]) == {"cam1", "cam2"}


def test_cameras_are_kept_apart():
    both = pd.concat(
        [pictures(minutes("2024-05-01T10:00", 60)), pictures(minutes("2024-05-01T10:00", 20, "3min"), "cam2")]
    )
    found = effort(both, Cadence(60.0), OBSEA)
    assert by_hour(found)[10][:2] == (60, 60)
    assert by_hour(found, "cam2")[10][:2] == (58, 20)


def test_a_picture_without_usable_time_counts_nowhere():
    table = pictures(minutes("2024-05-01T10:00", 3))
    table.loc[1, ["time", "usable"]] = [pd.NaT, False]
    assert by_hour(effort(table, Cadence(60.0), OBSEA))[10][1] == 2


def test_no_picture_at_all_is_an_empty_table():
    found = effort(pictures([]), Cadence(60.0), OBSEA)
    assert found.empty
    assert tuple(found.columns) == EFFORT_COLUMNS


@given(st.lists(st.integers(0, 3000), unique=True, min_size=1, max_size=40), st.randoms())
@settings(max_examples=20)
def test_rows_may_come_in_any_order_and_what_counts_is_never_more_than_what_came(offsets, random):
    start = pd.Timestamp("2024-05-01T05:00Z")
    table = pictures([f"{start + pd.Timedelta(minutes=k):%Y-%m-%dT%H:%M:%SZ}" for k in offsets])
    shuffled = table.sample(frac=1, random_state=random.randint(0, 10**6))
    found = effort(table, Cadence(60.0), OBSEA)
    pd.testing.assert_frame_equal(found, effort(shuffled, Cadence(60.0), OBSEA))
    assert found[["pictures_received", "pictures_outside"]].sum().sum() == len(offsets)
    assert (found["pictures_good"] <= found["pictures_daylight"]).all()
    assert (found["pictures_daylight"] <= found["pictures_received"]).all()


@pytest.mark.parametrize("options", [{"every_s": 0}, {"every_s": -1}, {"start": pd.Timestamp("2024-01-01")}])
def test_a_cadence_that_is_none(options):
    with pytest.raises(ValueError, match=r"got|zone"):
        Cadence(**options)


def test_a_period_that_ends_before_it_starts():
    with pytest.raises(ValueError, match="before it starts"):
        Cadence(60, start=pd.Timestamp("2024-01-02T00:00Z"), end=pd.Timestamp("2024-01-01T00:00Z"))


def test_a_clock_that_was_reset_long_ago_is_a_sentence_and_not_a_table_of_millions_of_hours():
    table = pictures(["2000-01-01T12:00:00Z", "2024-05-01T12:00:00Z"])
    with pytest.raises(ValueError, match=r"2000-01-01.*2024-05-01.*Check the clock"):
        effort(table, Cadence(60.0), OBSEA)
