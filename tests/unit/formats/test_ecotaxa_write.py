"""Known answers of values and tables; whatever is written is read back and passes the check."""

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelab.formats.ecotaxa import read_table, rules, write_table

COLUMNS = {"object_id": "[t]", "img_file_name": "[t]", "object_area": "[f]", "object_note": "[t]"}


def test_a_table_by_known_bytes() -> None:
    rows = [
        {"object_id": "a", "img_file_name": "a.png", "object_area": 1 / 3, "object_note": "=1+1"},
        {"object_id": "b", "img_file_name": "b.png", "object_area": float("nan"), "object_note": 'tab\there "q"'},
    ]  # fmt: skip
    assert write_table(COLUMNS, rows) == (
        b"object_id\timg_file_name\tobject_area\tobject_note\n[t]\t[t]\t[f]\t[t]\n"
        b"a\ta.png\t0.3333333333\t'=1+1\n"
        b'b\tb.png\t\t"tab here ""q"""\n'
    )


def test_what_is_not_latin_gets_the_mark_that_ecotaxa_looks_for() -> None:
    content = write_table(COLUMNS, [{"object_id": "зоо", "img_file_name": "a.png"}])
    assert content.startswith(b"\xef\xbb\xbf")
    (row,) = read_table("t", lambda: content).rows()
    assert row.get("object_id") == "зоо"


@pytest.mark.parametrize(
    "columns", [{"object_area": "f"}, {"area": "[f]"}, {"other_area": "[f]"}, {"object_": "[t]"}, {"Object_x": "[t]"}]
)  # fmt: skip
def test_a_column_that_ecotaxa_refuses_is_a_fault_of_the_programmer(columns: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="EcoTaxa takes no column"):
        write_table(columns, [])


def test_text_in_a_number_is_a_fault_of_the_programmer() -> None:
    with pytest.raises(ValueError, match="object_area holds numbers"):
        write_table(COLUMNS, [{"object_area": "big"}])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=300), st.floats(), st.text(max_size=300)), max_size=4))
def test_what_is_written_is_read_again(values: list[tuple[str, float, str]]) -> None:
    rows = [{"object_id": one, "object_area": number, "object_note": note} for one, number, note in values]
    content = write_table(COLUMNS, rows)
    read = [row for row in read_table("t", lambda: content).rows() if any(row.values.values())]
    for row in read:
        assert len(row.get("object_id")) <= rules.MAX_TEXT
        assert len(row.get("object_note")) <= rules.MAX_FREE_TEXT
        assert not row.get("object_note").startswith(("=", "+", "-", "@"))
        assert not row.extra
        number = row.get("object_area")
        assert not number or rules.number(number) is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("-24.4", -24.4), ("12°30 00", 12.5), ("12°30 36", 12.51), ("-12°30 00", -11.5), ("12°30", None), ("x", None), ("-inf", None)],
)  # fmt: skip
def test_degrees_as_ecotaxa_reads_them(text: str, expected: float | None) -> None:
    assert (
        rules.degrees(text) == pytest.approx(expected)
        if expected is not None
        else rules.degrees(text) is None
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("420", (4, 20, 0)), ("5", (0, 5, 0)), ("1420", (14, 20, 0)), ("142030", (14, 20, 30)), ("14:20:30", (14, 20, 30)), ("14:20", None), ("08:28:00.000", (8, 28, 0)),
     ("2460", None), ("12345", None), ("", None), ("٤٢٠", None)],
)  # fmt: skip
def test_times_as_ecotaxa_reads_them(text: str, expected: tuple[int, int, int] | None) -> None:
    assert rules.time(text) == (datetime.time(*expected) if expected else None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("20140420", (2014, 4, 20)), ("2014-04-20", (2014, 4, 20)), ("20140433", None), ("2014-4-2", None), ("140420", None), ("201404201", None)],
)  # fmt: skip
def test_dates_as_ecotaxa_reads_them(text: str, expected: tuple[int, int, int] | None) -> None:
    assert rules.date(text) == (datetime.date(*expected) if expected else None)
