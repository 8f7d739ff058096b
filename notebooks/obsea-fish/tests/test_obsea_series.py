"""A run's tables as a series: by hand, on bad input, whatever the order of rows."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from obsea_fish.completeness import completeness, span_iso
from obsea_fish.plots import drawn_cameras, time_series
from obsea_fish.series import make, picture_names, step_of
from obsea_fish.settings import SettingError, Settings
from obsea_fish.versions import Version, VersionError, as_json, changes, earlier

from tidelab.formats.timeseries import Taxon, iso, write_csv

TAXA = [Taxon("Chromis chromis", "Chromis chromis", 127000), Taxon("Sparus aurata")]
PARAMETERS = {
    "station_name": "OBSEA", "station_latitude": 41.18212, "station_longitude": 1.75257, "station_depth_m": 20.0, "every_minutes": 1.0,
    "daylight_only": True, "daylight_from_deg": -0.833, "period_start": "", "period_end": "", "cameras": "", "interval": "hour", "least_brightness": 20.0,
    "least_contrast": 6.0, "least_sharpness": 0.05, "drop_frozen": True, "block_pictures": 0, "seed": 1, "previous": "", "hand_counts": "",
}  # fmt: skip
GOOD = {"brightness": 100.0, "contrast": 30.0, "sharpness": 0.5}


def pictures(times, camera="cam1"):
    names = [f"{camera}/{k:04d}.jpg" for k in range(len(times))]
    return pd.DataFrame(
        {
            "picture_id": [f"sha256:{n}" for n in names],
            "picture": names,
            "camera": camera,
            "time": list(times),
        }
    )


def minutes(start, n):
    return [f"{t:%Y-%m-%dT%H:%M:%SZ}" for t in pd.date_range(start, periods=n, freq="1min", tz="UTC")]


def objects(*rows):
    return pd.DataFrame(rows, columns=["picture", "label", "score"])


def series_of(table, found=None, statistics=None, **parameters):
    good = pd.DataFrame([GOOD] * len(table)) if statistics is None else statistics
    return make(
        table, good, objects() if found is None else found, TAXA, Settings.of({**PARAMETERS, **parameters})
    )


def test_an_hour_with_a_spoilt_picture_a_frozen_one_and_fish_in_them():
    table = pictures(minutes("2024-05-01T10:00", 5))
    table.loc[4, "picture_id"] = table.loc[3, "picture_id"]
    statistics = pd.DataFrame([GOOD] * 4 + [GOOD])
    statistics.loc[1, "brightness"] = 5.0
    found = objects(*[(name, "Chromis chromis", 0.6) for name in table["picture"]])
    series = series_of(table, found, statistics)
    looked = series.effort.iloc[0]
    assert (looked.pictures_expected, looked.pictures_received, looked.pictures_good) == (5, 5, 3)
    assert (looked.pictures_too_dark, looked.pictures_frozen) == (1, 1)
    chromis = series.table[series.table["taxon"] == "Chromis chromis"].iloc[0]
    assert (chromis.n_pictures, chromis.detections, chromis.max_n, chromis.detections_per_picture_mean) == (
        3,
        3,
        1,
        1.0,
    )


def test_an_outage_is_in_the_effort_and_nowhere_else():
    table = pictures(minutes("2024-05-01T10:00", 60) + minutes("2024-05-01T12:00", 60))
    series = series_of(table)
    assert series.effort["pictures_good"].tolist() == [60, 0, 60]
    assert sorted(set(series.table["interval_start"].dt.hour)) == [10, 12]


def test_night_is_no_effort():
    series = series_of(pictures(minutes("2024-05-01T23:00", 10)), every_minutes=None)
    assert series.counts.empty
    assert series.table.empty
    assert series.effort["pictures_good"].sum() == 0
    assert series.effort[["pictures_received", "pictures_outside"]].sum().to_list() == [0, 10]


def test_a_stated_period_bounds_effort_and_counts():
    table = pictures(minutes("2024-05-01T10:00", 120))
    found = objects(*[(name, "Sparus aurata", 0.5) for name in table["picture"]])
    series = series_of(
        table, found, period_start="2024-05-01T10:30:00Z", period_end="2024-05-01T12:00:00+00:00"
    )
    assert series.effort["pictures_good"].tolist() == [30, 60]
    assert series.effort["pictures_outside"].tolist() == [30, 0]
    assert series.table.query("taxon == 'Sparus aurata'")["n_pictures"].tolist() == [30, 60]


def test_pictures_without_time_or_zone_and_clocks_that_repeat_are_told_and_left_out():
    table = pictures([*minutes("2024-05-01T10:00", 3), "", "2024-05-01T10:05:00", "2024-05-01T10:02:00Z"])
    series = series_of(table)
    assert series.effort["pictures_received"].tolist() == [3]
    assert len(series.remarks) == 3
    assert any("have no time" in remark for remark in series.remarks)
    assert any("without a zone" in remark for remark in series.remarks)
    assert any("time of another picture" in remark for remark in series.remarks)


def test_no_picture_with_a_time_gives_no_series_and_no_error():
    series = series_of(pictures(["", ""]), every_minutes=None)
    assert series.effort.empty
    assert series.cameras == []


def test_two_cameras_have_a_series_each():
    both = pd.concat(
        [pictures(minutes("2024-05-01T10:00", 60)), pictures(minutes("2024-05-01T10:00", 30), "cam2")],
        ignore_index=True,
    )
    series = series_of(both)
    assert series.cameras == ["cam1", "cam2"]
    assert series.effort["pictures_good"].tolist() == [60, 30]
    assert series.table.groupby("camera")["n_pictures"].first().tolist() == [60, 30]


def test_a_camera_that_sent_nothing_is_named_with_its_missing_pictures_and_has_no_zero_fish():
    table = pictures(minutes("2024-05-01T10:00", 120))
    series = series_of(table, cameras=" cam1, cam2 ,cam1")
    assert series.cameras == ["cam1", "cam2"]
    found = completeness(series)
    assert (found.state, found.silent_cameras) == ("silent", ("cam2",))
    assert found.headline == "1 camera sent nothing. 240 pictures expected, 120 received."
    assert found.reasons[0] == (
        "Camera cam2 sent nothing that can be used from 2024-05-01 10:00 to 2024-05-01 12:00 UTC: 0 of 120 expected pictures."
    )
    assert set(series.counts["camera"]) == set(series.table["camera"]) == {"cam1"}
    silent = series.effort[series.effort["camera"] == "cam2"]
    assert silent["pictures_expected"].tolist() == [60, 60]
    assert silent["pictures_good"].sum() == 0


def test_a_series_is_whole_has_gaps_or_nobody_said_what_was_expected():
    whole = pictures(minutes("2024-05-01T10:00", 60))
    assert "cannot be seen" in completeness(series_of(whole)).reasons[0]
    named = completeness(series_of(whole, cameras="cam1"))
    assert (named.state, named.reasons) == ("whole", ())
    gap = pictures(minutes("2024-05-01T10:00", 60) + minutes("2024-05-01T13:00", 60))
    found = completeness(series_of(gap))
    assert found.state == "gaps"
    assert "cam1 2024-05-01 11:00 to 2024-05-01 13:00 (120 pictures)" in found.reasons[0]
    assert span_iso(found.outages) == "2024-05-01T11:00:00Z/2024-05-01T13:00:00Z"


def test_one_picture_an_hour_instead_of_sixty_is_not_whole():
    times = [f"2024-05-01T{hour:02d}:00:00Z" for hour in range(6, 16)]
    period = {"period_start": times[0], "period_end": "2024-05-01T16:00:00Z", "cameras": "cam1"}
    found = completeness(series_of(pictures(times), **period))
    assert (found.state, found.outages) == ("sparse", ())
    assert (
        found.headline
        == "No gap: something came in every interval of 1 hour. 600 pictures expected, 10 received."
    )
    assert found.reasons == (
        "cam1 sent 10 of 600 expected pictures; it never fell silent for a whole interval. See effort.csv.",
    )
    gap = completeness(series_of(pictures(times[:4] + times[5:]), **period))
    assert gap.state == "gaps"
    assert gap.sparse == (
        "cam1 sent 9 of 540 expected pictures in the intervals in which something came. See effort.csv.",
    )


@pytest.mark.parametrize(("n", "state"), [(54, "whole"), (53, "sparse")])
def test_nine_tenths_of_the_pictures_are_enough(n, state):
    period = {"period_start": "2024-05-01T10:00:00Z", "period_end": "2024-05-01T11:00:00Z", "cameras": "cam1"}
    assert completeness(series_of(pictures(minutes("2024-05-01T10:00", n)), **period)).state == state


def test_a_camera_under_another_name_is_told():
    series = series_of(pictures(minutes("2024-05-01T10:00", 60), "Cam1"), cameras="cam1")
    assert completeness(series).silent_cameras == ("cam1",)
    (remark,) = series.remarks
    assert remark.startswith(
        "Camera Cam1 is not among the cameras that are expected (cam1) and sent 60 pictures"
    )
    assert "correct the parameter `cameras`" in remark


def test_a_run_from_before_cameras_could_be_named_is_still_read():
    old = {name: value for name, value in PARAMETERS.items() if name != "cameras"}
    assert Settings.of(old).cameras == ()


def test_cameras_with_counts_are_drawn_before_silent_ones():
    names = [f"cam{n}" for n in range(1, 7)]
    shown = pd.concat([pictures(minutes("2024-05-01T10:00", 3), one) for one in names], ignore_index=True)
    series = series_of(shown, cameras=", ".join(["cam0", *names]))
    assert series.cameras[0] == "cam0"
    assert drawn_cameras(series) == names[:4]
    assert time_series(series, ["Sparus aurata"]).startswith(b"\x89PNG")


def test_the_cadence_is_given_or_read_from_the_pictures_and_says_so():
    table = pictures(minutes("2024-05-01T10:00", 9)).assign(usable=True)
    table["time"] = pd.to_datetime(table["time"], utc=True)
    assert step_of(table, 2.0) == (120.0, "one picture every 2 min, as given")
    seconds, words = step_of(table, None)
    assert seconds == 60
    assert "nobody gave it" in words
    assert step_of(table.head(1), None)[1].startswith("not known")


def test_an_object_is_called_after_its_picture():
    assert picture_names(pd.Series(["a/b@c.jpg@12", "x.jpg@1"])).tolist() == ["a/b@c.jpg", "x.jpg"]
    assert picture_names(pd.Series([], dtype=str)).tolist() == []


def test_an_identical_analysis_read_back_from_its_files_changed_in_nothing(tmp_path):
    """Counts 1, 0, 0: the mean 1/3 does not stand in full in abundance.csv."""
    table = pictures(minutes("2024-05-01T10:00", 3))
    found = objects((table["picture"][0], "Chromis chromis", 0.5))
    series = series_of(table, found)
    written = series.table.assign(interval_start=iso(series.table["interval_start"]))
    write_csv(written, tmp_path / "abundance.csv")
    version = Version(1, "r", "m", "PT1H", {}, {}, ("first",))
    (tmp_path / "series.json").write_text(as_json(version))
    before = earlier(str(tmp_path))
    assert changes(series, version, before)["change"].tolist() == ["same", "same"]
    more = series_of(table, pd.concat([found, objects((table["picture"][1], "Chromis chromis", 0.5))]))
    moved = changes(more, version, before)
    assert moved["change"].tolist() == ["counts", "same"]
    assert moved["mean_difference"][0] == pytest.approx(1 / 3)
    without = (tmp_path / "abundance.csv").read_text().replace(",3,1,1,", ",0,1,1,")
    (tmp_path / "abundance.csv").write_text(without)
    with pytest.raises(VersionError, match="n_pictures is below 1"):
        earlier(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("period_start", "2024-05-01", "with its zone"),
        ("period_end", "soon", "with its zone"),
        ("period_end", "2024-05-01T10:00:00", "with its zone"),
        ("station_latitude", None, "not known"),
        ("cameras", "cam1,ca\nm2", "names of cameras as the files"),
        ("cameras", ",".join(f"cam{n}" for n in range(101)), "names 101 cameras; expected at most 100"),
    ],
)
def test_parameters_that_cannot_be_used_are_named(name, value, words):
    with pytest.raises(SettingError, match=rf"{name}.*{words}"):
        Settings.of({**PARAMETERS, name: value})


@given(
    st.lists(
        st.tuples(st.integers(0, 700), st.integers(0, 3)),
        min_size=1,
        max_size=15,
        unique_by=lambda one: one[0],
    ),
    st.integers(0, 99),
)
@settings(max_examples=8, deadline=None)
def test_the_order_of_rows_does_not_matter(rows, seed):
    start = pd.Timestamp("2024-05-01T06:00Z")
    table = pictures([f"{start + pd.Timedelta(minutes=m):%Y-%m-%dT%H:%M:%SZ}" for m, _ in rows])
    found = objects(
        *[(table["picture"][k], "Sparus aurata", 0.5) for k, (_, n) in enumerate(rows) for _ in range(n)]
    )
    one = series_of(table, found, block_pictures=1)
    other = series_of(
        table.sample(frac=1, random_state=seed).reset_index(drop=True),
        found.sample(frac=1, random_state=seed),
        block_pictures=1,
    )
    pd.testing.assert_frame_equal(one.table, other.table)
    pd.testing.assert_frame_equal(one.effort, other.effort)
    assert one.table["detections"].sum() == sum(n for _, n in rows)
