"""Outages and silent cameras, worked out by hand."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.series import OBSEA, minutes, pictures
from tidelab.science.effort import Cadence, effort
from tidelab.science.outages import OUTAGE_COLUMNS, outage_table, outages

DAY = ("2024-05-01T10:00Z", "2024-05-01T13:00Z")


def moments(*texts):
    return tuple(pd.Timestamp(text) for text in texts)


def looked(times, camera="cam1", **options):
    return effort(pictures(times, camera), Cadence(60.0, **options), OBSEA)


def test_a_camera_that_sent_nothing_has_rows_without_effort_over_the_stated_period():
    start, end = moments(*DAY)
    table = looked(
        minutes("2024-05-01T10:00", 180), start=start, end=end, cameras=("cam1", "cam2")
    ).set_index("camera")
    silent = table.loc["cam2"]
    assert silent["pictures_expected"].tolist() == [60, 60, 60]
    assert silent[["pictures_received", "pictures_good", "pictures_outside"]].to_numpy().sum() == 0
    found = outages(table.reset_index())
    assert [(one.camera, one.kind, one.start, one.end, one.pictures_expected) for one in found] == [
        ("cam2", "silent", start, end, 180)
    ]


def test_without_a_stated_period_cameras_that_belong_together_are_expected_as_long_as_any_sent():
    both = pd.concat(
        [pictures(minutes("2024-05-01T10:00", 180)), pictures(minutes("2024-05-01T10:00", 60), "cam2")],
        ignore_index=True,
    )
    named = effort(both, Cadence(60.0, cameras=("cam1", "cam2", "cam3")), OBSEA)
    assert {camera: rows["pictures_expected"].sum() for camera, rows in named.groupby("camera")} == {
        "cam1": 180, "cam2": 180, "cam3": 180,
    }  # fmt: skip
    assert [(one.camera, one.kind, one.pictures_expected) for one in outages(named)] == [
        ("cam2", "outage", 120),
        ("cam3", "silent", 180),
    ]
    # Nobody said that they belong together: each in its own time, and cam3 is not known.
    alone = effort(both, Cadence(60.0), OBSEA)
    assert alone.groupby("camera")["pictures_expected"].sum().to_dict() == {"cam1": 180, "cam2": 60}
    assert outages(alone) == []


def test_a_camera_that_is_not_among_the_expected_ones_keeps_its_own_time():
    both = pd.concat(
        [pictures(minutes("2024-05-01T10:00", 180)), pictures(minutes("2024-05-01T11:00", 60), "other")],
        ignore_index=True,
    )
    found = effort(both, Cadence(60.0, cameras=("cam1",)), OBSEA)
    assert found.groupby("camera")["pictures_expected"].sum().to_dict() == {"cam1": 180, "other": 60}


def test_a_whole_silent_day_is_one_outage_and_the_nights_beside_it_do_not_cut_it():
    times = minutes("2024-05-01T06:00", 24, "30min") + minutes("2024-05-03T06:00", 24, "30min")
    table = effort(pictures(times), Cadence(1800.0), OBSEA)
    (one,) = outages(table)
    assert (one.kind, one.start, one.end) == ("outage", *moments("2024-05-01T18:00Z", "2024-05-03T06:00Z"))
    # The slots of every half hour by day that nobody filled.
    missing = table[table["pictures_received"] == 0]
    assert one.pictures_expected == missing["pictures_expected"].sum() > 24


def test_one_picture_ends_an_outage_and_a_picture_by_night_keeps_a_camera_from_being_silent():
    start, end = moments("2024-05-01T10:00Z", "2024-05-01T15:00Z")
    times = minutes("2024-05-01T12:30", 1)
    spans = [(one.start.hour, one.end.hour) for one in outages(looked(times, start=start, end=end))]
    assert spans == [(10, 12), (13, 15)]
    by_night = looked(minutes("2024-05-01T23:00", 1), start=start, end=end)
    assert [one.kind for one in outages(by_night)] == ["outage"]


def test_nothing_known_is_nothing_said():
    empty = effort(pictures([]), Cadence(60.0, cameras=("cam1",)), OBSEA)
    assert empty.empty
    assert outages(empty) == []
    assert tuple(outage_table([]).columns) == OUTAGE_COLUMNS
    assert str(outage_table([])["outage_start"].dt.tz) == "UTC"


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from("ab")), max_size=12), st.randoms())
@settings(max_examples=15, deadline=None)
def test_outages_hold_all_that_was_expected_where_nothing_came(hours, random):
    table = pd.concat(
        [
            pictures(
                [f"{pd.Timestamp('2024-05-01T00:10Z') + pd.Timedelta(hours=h):%Y-%m-%dT%H:%M:%SZ}"], camera
            )
            for h, camera in dict.fromkeys(hours)
        ]
        or [pictures([])],
        ignore_index=True,
    )
    start, end = moments("2024-05-01T00:00Z", "2024-05-02T12:00Z")
    cadence = Cadence(600.0, daylight_only=False, start=start, end=end, cameras=("a", "b"))
    found = effort(table, cadence, OBSEA)
    rows = found.sample(frac=1, random_state=random.randrange(99))
    gaps = outages(rows)
    assert gaps == outages(found)
    assert sum(one.pictures_expected for one in gaps) == found.loc[found["pictures_received"] == 0, "pictures_expected"].sum()  # fmt: skip
    silent = {one.camera for one in gaps if one.kind == "silent"}
    assert silent == {"a", "b"} - {camera for _, camera in hours}


@pytest.mark.parametrize("every", ["10min", "h", "D"])
def test_the_end_is_that_of_the_last_interval(every):
    start, end = moments("2024-05-01T12:00Z", "2024-05-01T13:00Z")
    table = effort(pictures([]), Cadence(600.0, start=start, end=end, cameras=("a",)), OBSEA, every)
    (one,) = outages(table, every)
    assert one.end == one.end.floor(every)
    assert one.pictures_expected == 6
