"""Counts per picture and interval, worked out by hand; zeros kept, nothing invented."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.series import minutes, objects, pictures
from tidelab.science.abundance import ABUNDANCE_COLUMNS, PICTURE_COLUMNS, abundance, counts_per_picture

TAXA = ["Chromis chromis", "Sparus aurata"]


def cell(table, hour, taxon):
    rows = table[(table["interval_start"].dt.hour == hour) & (table["taxon"] == taxon)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_zeros_are_rows_and_scores_are_means():
    shown = pictures(minutes("2024-05-01T10:00", 2))
    first = shown["picture"][0]
    found = objects([(first, TAXA[0]), (first, TAXA[0])]).assign(score=[0.4, 0.8])
    table = counts_per_picture(shown, found, TAXA)
    assert tuple(table.columns) == PICTURE_COLUMNS
    assert table["count"].tolist() == [2, 0, 0, 0]
    assert table["mean_conf"][0] == pytest.approx(0.6)
    assert table["mean_conf"][1:].isna().all()


def test_an_hour_by_hand():
    shown = pictures(minutes("2024-05-01T10:00", 4, "15min"))
    names = shown["picture"].tolist()
    found = objects([(names[0], TAXA[0])] * 3 + [(names[2], TAXA[0])] + [(names[3], TAXA[1])])
    table = abundance(counts_per_picture(shown, found, TAXA))
    assert tuple(table.columns) == ABUNDANCE_COLUMNS
    chromis = cell(table, 10, TAXA[0])
    # Counts 3, 0, 1, 0: mean 1, variance (4 + 1 + 0 + 1) / 3 = 2.
    assert (chromis.n_pictures, chromis.pictures_with, chromis.detections, chromis.max_n) == (4, 2, 4, 3)
    assert chromis.detections_per_picture_mean == 1.0
    assert chromis.detections_per_picture_sd == pytest.approx(2**0.5)
    assert cell(table, 10, TAXA[1]).detections_per_picture_mean == 0.25


def test_an_outage_has_no_row_and_an_hour_without_fish_has_zeros():
    shown = pictures(minutes("2024-05-01T10:00", 2) + minutes("2024-05-01T12:00", 2))
    table = abundance(counts_per_picture(shown, objects([(shown["picture"][0], TAXA[0])]), TAXA))
    assert sorted(set(table["interval_start"].dt.hour)) == [10, 12]
    assert cell(table, 12, TAXA[0]).detections_per_picture_mean == 0
    assert cell(table, 12, TAXA[0]).max_n == 0


def test_objects_of_pictures_that_are_no_effort_do_not_count():
    shown = pictures(minutes("2024-05-01T10:00", 2))
    shown.loc[0, "is_effort"] = False
    found = objects([(name, TAXA[0]) for name in shown["picture"]])
    table = abundance(counts_per_picture(shown, found, TAXA))
    assert cell(table, 10, TAXA[0]).detections == 1
    assert cell(table, 10, TAXA[0]).n_pictures == 1


def test_a_day_pools_its_pictures_and_max_n_is_of_one_picture():
    shown = pictures(minutes("2024-05-01T10:00", 2) + minutes("2024-05-01T15:00", 1))
    names = shown["picture"].tolist()
    found = objects([(names[0], TAXA[0])] * 2 + [(names[1], TAXA[0])] + [(names[2], TAXA[0])] * 3)
    row = abundance(counts_per_picture(shown, found, TAXA), "D").iloc[0]
    assert (row.n_pictures, row.detections, row.max_n, row.detections_per_picture_mean) == (3, 6, 3, 2.0)


def test_taxa_keep_their_order_and_cameras_their_series():
    both = pd.concat(
        [pictures(minutes("2024-05-01T10:00", 1), "b"), pictures(minutes("2024-05-01T10:00", 1), "a")]
    )
    table = abundance(counts_per_picture(both, objects([]), TAXA[::-1]))
    assert table["camera"].tolist() == ["a", "a", "b", "b"]
    assert table["taxon"].tolist() == TAXA[::-1] * 2


def test_a_class_or_picture_nobody_knows_is_refused():
    shown = pictures(minutes("2024-05-01T10:00", 1))
    with pytest.raises(ValueError, match="Diver"):
        counts_per_picture(shown, objects([(shown["picture"][0], "Diver")]), TAXA)
    with pytest.raises(ValueError, match=r"other\.jpg"):
        counts_per_picture(shown, objects([("other.jpg", TAXA[0])]), TAXA)
    with pytest.raises(ValueError, match="once"):
        counts_per_picture(shown, objects([]), [TAXA[0], TAXA[0]])


@given(st.lists(st.tuples(st.integers(0, 19), st.sampled_from(TAXA)), max_size=60), st.integers(0, 10**6))
@settings(max_examples=25)
def test_order_does_not_matter_and_every_detection_is_counted_once(found, seed):
    shown = pictures(minutes("2024-05-01T10:00", 20, "7min"))
    names = shown["picture"].tolist()
    table = objects([(names[k], label) for k, label in found])
    counts = counts_per_picture(shown, table, TAXA)
    other = counts_per_picture(
        shown.sample(frac=1, random_state=seed), table.sample(frac=1, random_state=seed), TAXA
    )
    pd.testing.assert_frame_equal(counts, other)
    hours = abundance(counts)
    assert hours["detections"].sum() == len(found)
    assert (hours["max_n"] >= hours["detections_per_picture_mean"]).all()
    assert len(counts) == 20 * len(TAXA)
    assert set(hours["interval_start"]) == set(shown["time"].dt.floor("h"))
