"""Means with intervals: the same means, limits that follow effort, cells that do not depend on one another."""

import numpy as np
import pandas as pd
import pytest

from tests.support.series import minutes, objects, pictures
from tidelab.science.abundance import abundance, counts_per_picture
from tidelab.science.abundance_intervals import (
    INTERVAL_COLUMNS,
    LIMITS_COMMENT,
    REMARKS,
    SURE_BLOCKS,
    Bootstrap,
    abundance_with_intervals,
    remark_words,
)

TAXA = ["Chromis chromis", "Sparus aurata"]
HOW = Bootstrap(seed=3, replicates=200)


def counted(times, seed=1, camera="cam1"):
    shown = pictures(times, camera)
    rng = np.random.default_rng(seed)
    found = [(name, TAXA[0]) for name in shown["picture"] for _ in range(rng.poisson(2))]
    return counts_per_picture(shown, objects(found), TAXA)


def test_the_means_are_those_without_intervals_and_lie_within_them():
    counts = counted(minutes("2024-05-01T10:00", 120))
    table = abundance_with_intervals(counts, "h", 60.0, HOW)
    assert tuple(table.columns) == INTERVAL_COLUMNS
    pd.testing.assert_frame_equal(table[abundance(counts).columns], abundance(counts))
    assert (table["detections_per_picture_low"] <= table["detections_per_picture_mean"]).all()
    assert (table["detections_per_picture_mean"] <= table["detections_per_picture_high"]).all()


def test_a_cell_with_many_finds_does_not_depend_on_other_hours_or_the_order_of_rows():
    ten, both = minutes("2024-05-01T10:00", 60), minutes("2024-05-01T10:00", 120)
    counts = counted(both)
    fixed = Bootstrap(block=3, seed=3, replicates=200)
    whole = abundance_with_intervals(counts.sample(frac=1, random_state=5), "h", 60.0, fixed)
    alone = abundance_with_intervals(
        counts[counts["time"] < pd.Timestamp("2024-05-01T11:00Z")], "h", 60.0, fixed
    )
    assert len(ten) == 60
    pd.testing.assert_frame_equal(
        whole.head(2).sort_values("taxon", ignore_index=True), alone.sort_values("taxon", ignore_index=True)
    )


def test_a_gap_within_the_hour_widens_the_interval():
    full, half = (
        counted(minutes("2024-05-01T10:00", 60)),
        counted(minutes("2024-05-01T10:00", 15) + minutes("2024-05-01T10:45", 15)),
    )
    width = [
        (lambda row: row.detections_per_picture_high - row.detections_per_picture_low)(
            abundance_with_intervals(one, "h", 60.0, Bootstrap(block=1, seed=1)).iloc[0]
        )
        for one in (full, half)
    ]
    assert width[1] > 1.15 * width[0]


def test_two_pictures_of_one_minute_are_two_looks():
    times = [f"2024-05-01T10:{m:02d}:{s:02d}Z" for m in range(20) for s in (0, 30)]
    table = abundance_with_intervals(counted(times), "h", 60.0, HOW)
    assert table["n_pictures"].tolist() == [40, 40]
    assert np.isfinite(table["detections_per_picture_low"]).all()


def test_hours_with_few_pictures_have_no_interval():
    table = abundance_with_intervals(counted(minutes("2024-05-01T10:00", 3)), "h", 60.0, HOW)
    assert table["detections_per_picture_low"].isna().all()
    assert table["detections_per_picture_mean"].notna().all()


def test_an_hour_without_a_taxon_has_zero_and_an_upper_limit():
    table = abundance_with_intervals(
        counted(minutes("2024-05-01T10:00", 60)), "h", 60.0, Bootstrap(block=2, seed=1)
    )
    absent = table[table["taxon"] == TAXA[1]].iloc[0]
    assert absent.detections_per_picture_mean == 0
    assert absent.detections_per_picture_high == pytest.approx(3.689 / 30, rel=1e-4)


def test_an_hour_without_a_school_learns_of_schools_from_the_others():
    shown = pictures(minutes("2024-05-01T10:00", 120))
    found = [(name, TAXA[0]) for name in shown["picture"][:60:20] for _ in range(5)]
    counts = counts_per_picture(shown, objects(found), TAXA)
    table = abundance_with_intervals(counts, "h", 60.0, Bootstrap(block=1, seed=1))
    empty = table[(table["detections"] == 0) & (table["taxon"] == TAXA[0])].iloc[0]
    # Three schools of 5 in 60 pictures: 3 * 4.75^2 + 57 * 0.25^2 over 59 * 0.25 is 4.831.
    assert empty.detections_per_picture_high == pytest.approx(4.831 * 3.689 / 60, rel=1e-3)


def test_each_interval_says_where_it_falls_short():
    """Taxon 0: 1 in each picture of the first hour, 0 and 2 in turn in the second; taxon 1: never."""
    shown = pictures(minutes("2024-05-01T10:00", 120) + minutes("2024-05-01T12:00", 2))
    number = [1] * 60 + [0, 2] * 30 + [1, 0]
    found = [(name, TAXA[0]) for name, n in zip(shown["picture"], number, strict=True) for _ in range(n)]
    counts = counts_per_picture(shown, objects(found), TAXA)

    def remarks(block):
        table = abundance_with_intervals(counts, "h", 60.0, Bootstrap(block=block, seed=1, replicates=200))
        return table.pivot(index="interval_start", columns="taxon", values="interval_remark")[TAXA]

    assert remarks(3).to_numpy().tolist() == [
        ["all-alike", "never-found"],
        ["", "never-found"],
        ["too-few-pictures", "too-few-pictures"],
    ]
    assert SURE_BLOCKS == 60 / 3
    assert remarks(4).to_numpy().tolist()[1] == ["few-blocks", "never-found"]


def test_a_remark_stands_where_the_limit_is_missing_and_is_read_in_words():
    table = abundance_with_intervals(counted(minutes("2024-05-01T10:00", 63)), "h", 60.0, HOW)
    withheld = table["interval_remark"].isin(["too-few-pictures", "all-alike"])
    assert (withheld == table["detections_per_picture_low"].isna()).all()
    words = " ".join(remark_words(table))
    assert "2 of 4 intervals (Chromis chromis, Sparus aurata): withheld: too few pictures" in words
    assert "1 of 4 intervals (Sparus aurata): the camera never found the taxon" in words
    assert remark_words(table[table["interval_remark"] == ""]) == []
    assert all(words in LIMITS_COMMENT for words in REMARKS.values())


def test_no_counts_are_an_empty_table():
    table = abundance_with_intervals(counted([]), "h", 60.0, HOW)
    assert table.empty
    assert set(INTERVAL_COLUMNS) <= set(table.columns)
