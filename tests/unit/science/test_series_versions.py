"""What changed between two versions, by hand."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.formats.timeseries import write_csv
from tidelab.science.series_versions import DIFFERENCE_COLUMNS, by_taxon, difference


def version(*rows):
    table = pd.DataFrame(rows, columns=["hour", "taxon", "n_pictures", "detections", "max_n"])
    start = pd.Timestamp("2024-05-01T00:00Z")
    return table.assign(camera="c", interval_start=[start + pd.Timedelta(hours=h) for h in table.pop("hour")])


BEFORE = version((10, "A", 60, 60, 3), (11, "A", 60, 120, 3), (12, "A", 60, 30, 2), (13, "A", 60, 0, 0))
AFTER = version((10, "A", 60, 60, 3), (11, "A", 60, 150, 4), (12, "A", 30, 15, 2), (14, "A", 60, 60, 1))


def test_each_kind_of_change():
    found = difference(BEFORE, AFTER)
    assert tuple(found.columns) == DIFFERENCE_COLUMNS
    assert found["change"].tolist() == ["same", "counts", "effort", "removed", "added"]
    assert found["mean_difference"].tolist()[:3] == [0, 0.5, 0]
    assert found["mean_difference"][3:].isna().all()


def test_the_sum_by_taxon_weighs_by_pictures():
    (one,) = by_taxon(difference(BEFORE, AFTER))
    assert (one.taxon, one.intervals, one.changed, one.largest) == ("A", 3, 1, 0.5)
    assert one.largest_at == pd.Timestamp("2024-05-01T11:00Z")
    assert one.mean_before == pytest.approx((60 * 1 + 60 * 2 + 60 * 0.5) / 180)
    assert one.mean_after == pytest.approx((60 * 1 + 60 * 2.5 + 30 * 0.5) / 150)


def test_a_taxon_that_only_one_version_has():
    (first, second) = by_taxon(difference(BEFORE, version((10, "B", 60, 60, 1))))
    assert (first.intervals, second.intervals, second.changed) == (0, 0, 0)
    assert pd.isna(second.mean_before)
    assert second.largest_at is None


def test_max_n_alone_is_a_change_of_counts():
    assert difference(version((1, "A", 5, 5, 1)), version((1, "A", 5, 5, 2)))["change"].tolist() == ["counts"]
    assert difference(version((1, "A", 5, 5, 1)), version((1, "A", 6, 9, 2)))["change"].tolist() == [
        "counts and effort"
    ]


def test_a_mean_of_a_third_of_other_pictures_is_the_same_mean():
    (one,) = difference(version((1, "A", 3, 1, 1)), version((1, "A", 6, 2, 1))).itertuples()
    assert (one.change, one.mean_before, one.mean_difference) == ("effort", 1 / 3, 0)


def test_a_version_that_was_written_and_read_back_is_the_same(tmp_path):
    """Counts 1, 0, 0: the mean 1/3 has no end, and a file has."""
    made = version((1, "A", 3, 1, 1), (2, "A", 7, 2, 1))
    made["detections_per_picture_mean"] = made["detections"] / made["n_pictures"]
    write_csv(made, tmp_path / "abundance.csv")
    read = pd.read_csv(tmp_path / "abundance.csv", parse_dates=["interval_start"])
    assert read["detections_per_picture_mean"][0] != 1 / 3
    assert difference(read, made)["change"].tolist() == ["same", "same"]


def test_two_rows_of_one_cell_are_refused():
    with pytest.raises(ValueError, match="version after has two rows"):
        difference(BEFORE, pd.concat([AFTER, AFTER]))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 20),
            st.sampled_from("AB"),
            st.integers(1, 60),
            st.integers(0, 9),
            st.integers(0, 9),
        ),
        max_size=20,
    )
)
@settings(max_examples=20)
def test_a_version_differs_from_itself_in_nothing(rows):
    table = version(*{row[:2]: row for row in rows}.values())
    assert set(difference(table, table.sample(frac=1, random_state=1))["change"]) <= {"same"}
