"""Scans are chosen by names and patterns; a name that is not there is named with the nearest that are."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zooscan.chosen import choose
from zooscan.header import ScanHeader
from zooscan.project import Scan

from tidelab.runs.errors import RunError


def scan(scan_id: str, sample: str) -> Scan:
    return Scan(scan_id, Path(f"{scan_id}.tif"), (1, 1), ScanHeader(scan_id, sample, {}, ""), {}, None, "new")


SCANS = [
    scan(f"apero_st{place}_{part}_1", f"apero_st{place}") for place in (1, 2, 12) for part in ("d1", "d2")
]
NAMES = [one.scan_id for one in SCANS]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apero_st1_d1_1", NAMES[:1]),
        ("apero_st1_d1_1, apero_st12_d2_1", [NAMES[0], NAMES[5]]),
        ("apero_st1_d1_1;apero_st12_d2_1\napero_st2_d1_1", [NAMES[0], NAMES[2], NAMES[5]]),
        ("*_d2_1", [NAMES[1], NAMES[3], NAMES[5]]),
        ("apero_st?_d1_1", [NAMES[0], NAMES[2]]),
        ("apero_st1", NAMES[:2]),  # a sample; st12 is another one
        ("APERO_ST2*", NAMES[2:4]),
        ("apero_st2_d1_raw_1.tif", NAMES[2:3]),  # as the file is called
    ],
)
def test_names_patterns_samples_and_files(text, expected):
    assert choose(text, SCANS) == frozenset(expected)


@pytest.mark.parametrize("text", ["", "  ", " , ;\n"])
def test_nothing_said_is_all(text):
    assert choose(text, SCANS) is None


def test_an_unknown_name_is_named_with_the_nearest():
    with pytest.raises(RunError) as told:
        choose("apero_st1_d1_1, apero_st21_d1_1", SCANS)
    text = str(told.value)
    assert "No scan or sample is called apero_st21_d1_1: the nearest names are apero_st" in text
    assert "apero_st1_d1_1" in text
    assert "Nothing was processed" in text
    assert "which_scans" in text
    assert "apero_st99" not in text


def test_a_name_like_no_other_is_answered_with_examples():
    with pytest.raises(RunError, match="called §§§: there are, for example, apero_st12_d1_1"):
        choose("§§§", SCANS)
    with pytest.raises(RunError, match="7 more names were not found"):
        choose(", ".join(f"x{n}" for n in range(10)), SCANS)
    with pytest.raises(RunError, match="holds no raw scans"):
        choose("apero", [])


def test_brackets_are_letters():
    with pytest.raises(RunError, match="No scan"):
        choose("apero_st[12]_d1_1", SCANS)
    assert choose("a[1]_x", [scan("a[1]_x", "a")]) == {"a[1]_x"}


def test_many_stars_cost_no_time():
    with pytest.raises(RunError):
        choose("*a" * 200 + "b", [scan("a" * 200, "s")])


@given(st.text(max_size=60))
@settings(max_examples=80)
def test_any_text_chooses_or_says_why_not(text):
    try:
        found = choose(text, SCANS)
    except RunError as error:
        words = str(error)
    else:
        words = ""
        assert found is None or found <= set(NAMES)
    assert not any(unicodedata.category(letter) == "Cc" for letter in words)
