"""Times as cameras write them: good ones, and everything that happens to clocks."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.science.picture_times import picture_times


def table(rows):
    return pd.DataFrame(rows, columns=["picture", "camera", "time"])


def kinds(found):
    return [(fault.picture, fault.kind) for fault in found.faults]


def test_times_are_read_as_utc():
    found = picture_times(
        table([("a1", "c", "2024-05-01T12:00:00Z"), ("a2", "c", "2024-05-01T14:01:00+02:00")])
    )
    assert found.times.tolist() == [pd.Timestamp("2024-05-01T12:00Z"), pd.Timestamp("2024-05-01T12:01Z")]
    assert found.usable.all()
    assert not found.faults


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "no-time"), (None, "no-time"), ("2024-05-01T12:00:00", "no-zone"), ("2024-05-01 12:00", "no-zone"), ("2024-05-01", "no-zone"),
        ("yesterday", "unreadable"), ("2024-13-01T12:00:00Z", "unreadable"), ("2024-02-30T12:00:00Z", "unreadable"),
        ("1066-10-14T12:00:00Z", "unreadable"), ("1970-01-01T00:03:00Z", "clock-reset"), ("01/02/2024 12:00Z", "unreadable"), ("2024-05-01T25:00:00Z", "unreadable"),
    ],
)  # fmt: skip
def test_what_is_no_time_counts_for_no_hour(text, kind):
    found = picture_times(table([("a", "c", text), ("b", "c", "2024-05-01T12:00:00Z")]))
    assert kinds(found) == [("a", kind)]
    assert found.usable.tolist() == [False, True]
    assert "1 pictures" in found.words()[0]


def test_of_two_pictures_at_one_instant_the_first_by_name_counts():
    found = picture_times(
        table([("b", "c", "2024-05-01T12:00:00Z"), ("a", "c", "2024-05-01T14:00:00+02:00")])
    )
    assert kinds(found) == [("b", "duplicate-time")]
    assert found.usable.tolist() == [False, True]


def test_two_cameras_at_one_instant_are_no_duplicate():
    found = picture_times(table([("a", "c", "2024-05-01T12:00:00Z"), ("b", "d", "2024-05-01T12:00:00Z")]))
    assert not found.faults


def test_a_clock_that_runs_backwards_is_told_and_counts():
    rows = [
        ("f2", "c", "2024-10-27T01:59:00Z"),
        ("f10", "c", "2024-10-27T01:00:00Z"),
        ("f1", "c", "2024-10-27T01:58:00Z"),
    ]
    found = picture_times(table(rows))
    assert kinds(found) == [("f10", "clock-backwards")]
    assert found.faults[0].detail == "by 3540 s"
    assert found.usable.all()


def test_a_picture_without_camera_among_others_is_told():
    found = picture_times(table([("a", "", "2024-05-01T12:00:00Z"), ("b", "cam2", "2024-05-01T12:01:00Z")]))
    assert kinds(found) == [("a", "no-camera")]
    assert found.usable.all()


def test_a_picture_is_one_row_and_the_columns_have_to_be_there():
    with pytest.raises(ValueError, match="two rows"):
        picture_times(table([("a", "c", ""), ("a", "c", "")]))
    with pytest.raises(ValueError, match="needs the column time"):
        picture_times(pd.DataFrame({"picture": [], "camera": []}))


@given(st.lists(st.text(max_size=30), max_size=12))
@settings(max_examples=40)
def test_any_text_is_a_time_or_a_fault_and_nothing_raises(texts):
    found = picture_times(table([(f"p{k}", "c", text) for k, text in enumerate(texts)]))
    assert (found.times.notna() | ~found.usable).all()
    assert len(found.words()) <= 7


def test_an_empty_table_has_no_faults():
    found = picture_times(table([]))
    assert len(found.times) == 0
