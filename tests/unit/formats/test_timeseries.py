"""Tables and NetCDF of a series: columns, zeros and gaps, checkers, bytes."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray

from tests.support.series import OBSEA, minutes, objects, pictures
from tidelab.formats.cf_timeseries import FILL, dataset, write
from tidelab.formats.timeseries import TIDY_COLUMNS, SeriesAbout, Taxon, iso, tidy, wide, write_csv
from tidelab.science.abundance import counts_per_picture
from tidelab.science.abundance_intervals import Bootstrap, abundance_with_intervals
from tidelab.science.effort import Cadence, effort

TAXA = [Taxon("chromis", "Chromis chromis", 127000), Taxon("fish")]
ABOUT = SeriesAbout(
    "Detections at OBSEA", "Detections of fish per picture.", "CC-BY-4.0", "OBSEA", 41.18212, 1.75257, 20.0, "m version 3",
    {"chromis": 0.31, "fish": 0.25}, history=("2024-06-01T00:00:00Z version 1: m version 3",), creator="ada", institution="x", project="y",
    references="https://example.org", creator_url="https://example.org",
)  # fmt: skip

KNOWN_REMARKS = {
    # A dimension of taxa has to stand left of time for this recommendation; the CF example of taxon names has it right of it.
    "not in the recommended order T, Z, Y, X",
    # CF has no standard name for a number of detections in a picture.
    "* standard_name",
    "variable \"detections",
    "variable \"max_n",
    # Nor for a number of pictures expected or received: only those that were counted in are observations.
    "variable \"n_pictures_",
    # Nobody is named whom the run does not know.
    "acknowledgment/acknowledgement not present", "creator_email not present", "geospatial_bounds_vertical_crs not present",
    "publisher_name not present", "publisher_url not present", "publisher_email not present",
}  # fmt: skip
"""What compliance-checker may say; docs/explanation/effort-and-abundance.md lists it."""


@pytest.fixture(scope="module")
def parts():
    shown = pictures(minutes("2024-05-01T10:00", 60) + minutes("2024-05-01T12:00", 30))
    found = [(shown["picture"][0], "chromis")] * 2 + [(shown["picture"][60], "fish")]
    counts = counts_per_picture(shown, objects(found), [one.name for one in TAXA])
    table = abundance_with_intervals(counts, "h", 60.0, Bootstrap(seed=1, replicates=200))
    return counts, table, effort(shown, Cadence(60.0), OBSEA)


@pytest.fixture(scope="module")
def file(parts, tmp_path_factory):
    path = tmp_path_factory.mktemp("nc") / "series.nc"
    write(dataset(parts[1], parts[2], TAXA, ABOUT, camera="cam1", every="h"), path)
    return path


def test_the_tidy_table(parts):
    table = tidy(parts[0], TAXA, ABOUT)
    assert tuple(table.columns) == TIDY_COLUMNS
    assert len(table) == 90 * 2
    first = table.iloc[0]
    assert (first.time, first.platform, first.taxon, first.aphia_id, first["count"], first.conf_thr) == (
        "2024-05-01T10:00:00Z", "OBSEA", "Chromis chromis", 127000, 2, 0.31,
    )  # fmt: skip
    assert pd.isna(table.iloc[1].aphia_id)


def test_the_wide_table_has_one_row_a_picture(parts):
    table = wide(parts[0], TAXA, ABOUT)
    assert list(table.columns) == [
        "time",
        "platform",
        "camera",
        "picture",
        "Chromis chromis",
        "fish",
        "model",
    ]
    assert len(table) == 90
    assert table["Chromis chromis"].sum() == 2


def test_times_keep_their_fraction_and_need_their_zone():
    assert iso(pd.Series(pd.to_datetime(["2024-05-01T12:00:00.25+02:00"], utc=True))).tolist() == [
        "2024-05-01T10:00:00.250000Z"
    ]
    with pytest.raises(ValueError, match="zone"):
        iso(pd.Series(pd.to_datetime(["2024-05-01T12:00:00"])))


def test_a_name_that_a_spreadsheet_would_run_is_text(tmp_path):
    write_csv(
        pd.DataFrame({"picture": ["=cmd()", "+1", "a.jpg", ""], "count": [1, -2, 3, 4]}), tmp_path / "t.csv"
    )
    assert (tmp_path / "t.csv").read_text().splitlines() == [
        "picture,count",
        "'=cmd(),1",
        "'+1,-2",
        "a.jpg,3",
        ",4",
    ]


def test_absence_is_zero_and_an_outage_is_missing(file):
    with xarray.open_dataset(file) as series:
        assert series["time"].dt.hour.values.tolist() == [10, 11, 12]
        assert series["max_n"].values.tolist()[0] == [2, 0]
        assert np.isnan(series["max_n"].values[1]).all()
        assert np.isnan(series["detections_per_picture_mean"].values[1]).all()
        assert series["n_pictures"].values.tolist() == [60, 0, 30]
        assert series["n_pictures_expected"].values.tolist() == [60, 60, 30]
        assert series["detections_per_picture_mean"].values[2].tolist() == [0, pytest.approx(1 / 30)]
    with xarray.open_dataset(file, mask_and_scale=False) as raw:
        assert raw["max_n"].values[1].tolist() == [FILL, FILL]


def test_taxa_station_and_attributes(file):
    with xarray.open_dataset(file) as series:
        assert series["taxon_name"].values.tolist() == ["Chromis chromis", "fish"]
        assert series["taxon_lsid"].values.tolist() == ["urn:lsid:marinespecies.org:taxname:127000", " "]
        assert series["taxon_lsid"].attrs["standard_name"] == "biological_taxon_lsid"
        assert series["taxon_lsid"].attrs["comment"] == (
            "Without an identifier: fish. Not compared with the register by a person: Chromis chromis."
        )
        assert series["station_name"].item() == "OBSEA cam1"
        assert series.attrs["featureType"] == "timeSeries"
        assert series.attrs["source"] == "m version 3"
        assert series.attrs["license"] == "CC-BY-4.0"
        assert series.attrs["date_created"] == "2024-06-01T00:00:00Z"
        assert "no number of individuals" in series["detections"].attrs["long_name"]
        assert series["time_bnds"].shape == (3, 2)


def test_only_the_effort_is_a_number_of_observations_and_limits_are_no_means(file):
    with xarray.open_dataset(file) as series:
        named = {
            name for name, one in series.items() if one.attrs.get("standard_name") == "number_of_observations"
        }
        assert named == {"n_pictures"}
        assert {name: one.attrs["cell_methods"] for name, one in series.items() if "cell_methods" in one.attrs} == {
            "detections_per_picture_mean": "time: mean (over good pictures by day)", "detections": "time: sum", "max_n": "time: maximum",
        }  # fmt: skip
        assert series["n_pictures_outside"].values.tolist() == [0, 0, 0]


def test_what_is_to_be_known_of_the_limits_stands_at_both_and_nowhere_else(parts):
    about = replace(ABOUT, limits_comment="Too narrow where fish stay.")
    series = dataset(parts[1], parts[2], TAXA, about, camera="cam1", every="h")
    told = {name for name, one in series.items() if "Too narrow" in one.attrs.get("comment", "")}
    assert told == {"detections_per_picture_low", "detections_per_picture_high"}


def test_a_camera_that_sent_nothing_is_a_file_without_a_single_count(parts, tmp_path):
    effort = (
        parts[2]
        .assign(**{name: 0 for name in parts[2] if name.startswith("pictures_")})
        .assign(camera="cam2", pictures_expected=60)
    )
    write(dataset(parts[1].iloc[:0], effort, TAXA, ABOUT, camera="cam2", every="h"), tmp_path / "silent.nc")
    with xarray.open_dataset(tmp_path / "silent.nc") as series:
        assert series["n_pictures"].values.tolist() == [0, 0, 0]
        assert series["n_pictures_expected"].values.tolist() == [60, 60, 60]
        for name in ("max_n", "detections", "detections_per_picture_mean", "detections_per_picture_high"):
            assert np.isnan(series[name].values).all()


def test_the_place_keeps_its_digits(file):
    with xarray.open_dataset(file) as series:
        assert series.attrs["geospatial_bounds"] == "POINT (41.18212 1.75257)"


@pytest.mark.parametrize(
    "other",
    [
        {"version": 2},
        {"thresholds": {"chromis": 0.32, "fish": 0.25}},
        {"settings": {"least_brightness": 20.0}},
        {"model": "m version 4"},
        {"interval": "P1D"},
        {"latitude": 41.182125},
    ],
)
def test_another_version_thresholds_or_settings_are_another_file(parts, other):
    def identifier(about):
        return dataset(parts[1], parts[2], TAXA, about, camera="cam1", every="h").attrs["id"]

    assert identifier(ABOUT) == identifier(replace(ABOUT, history=("2025-01-01T00:00:00Z written again",)))
    assert identifier(ABOUT) != identifier(replace(ABOUT, **other))


def test_the_same_series_gives_the_same_bytes_whenever_it_is_written(parts, file, tmp_path):
    write(
        dataset(parts[1].sample(frac=1, random_state=1), parts[2], TAXA, ABOUT, camera="cam1", every="h"),
        tmp_path / "b.nc",
    )
    assert (tmp_path / "b.nc").read_bytes() == file.read_bytes()


def test_compliance_checker_finds_nothing_that_is_not_listed(file):
    """cf:1.8 and acdd:1.3. Standard names are read from the table that the checker brings along."""
    tool = Path(sys.executable).with_name("compliance-checker")
    done = subprocess.run(
        [tool, "-t", "cf:1.8", "-t", "acdd:1.3", str(file)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert "cf:1.8" in done.stdout
    assert "Errors" not in done.stdout
    remarks = re.findall(r"^(?:\*.*|variable .*)$", done.stdout, re.MULTILINE)
    assert remarks
    assert [line for line in remarks if not any(known in line for known in KNOWN_REMARKS)] == []


def test_counts_where_nobody_looked_and_effort_of_two_cameras_are_refused(parts):
    _, table, looked = parts
    stray = table.assign(interval_start=table["interval_start"] + pd.Timedelta(days=9))
    with pytest.raises(ValueError, match="nobody looked"):
        dataset(stray, looked, TAXA, ABOUT, camera="c", every="h")
    with pytest.raises(ValueError, match="one camera"):
        dataset(table, pd.concat([looked, looked]), TAXA, ABOUT, camera="c", every="h")


def test_a_series_without_effort_is_a_file_of_gaps(parts, tmp_path):
    empty = parts[1].iloc[:0]
    write(dataset(empty, parts[2], TAXA, ABOUT, camera="c", every="h"), tmp_path / "e.nc")
    with xarray.open_dataset(tmp_path / "e.nc") as series:
        assert np.isnan(series["max_n"].values).all()
