"""Names as data: shown on one line, sorted without a locale, harmless in a spreadsheet."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelab.runs.names import display_name, shortened, sort_key, spreadsheet_safe

names = st.text(st.characters(codec=None), max_size=60)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a b/é ö 7.png", "a b/é ö 7.png"),
        ("line\nbreak\r.png", "line\\x0abreak\\x0d.png"),
        ("right\u202egnp.exe", "right\\u202egnp.exe"),
        ("bytes\udcff.png", "bytes\\xff.png"),
        ("=cmd|' /C calc'!A0.png", "./=cmd|' /C calc'!A0.png"),
        ("-1.png", "./-1.png"),
        ("@sum.png", "./@sum.png"),
        ("+1.png", "./+1.png"),
        ("sub/=1.png", "sub/=1.png"),
        ("می\u200cخواهم.png", "می\u200cخواهم.png"),
        ("tag\U000e0041.png", "tag\\U000e0041.png"),
    ],
)
def test_display_names(raw: str, shown: str) -> None:
    assert display_name(raw) == shown


@given(names)
def test_a_display_name_is_one_printable_line_and_no_formula(raw: str) -> None:
    shown = display_name(raw)
    assert not shown.startswith(("=", "+", "-", "@"))
    assert all(
        char in "\u200c\u200d" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        for char in shown
    )
    shown.encode("utf-8")
    assert not spreadsheet_safe(raw).startswith(("=", "+", "-", "@"))


def test_numbers_sort_by_value_and_spellings_of_one_name_stand_together() -> None:
    given_names = [
        "img10.png",
        "img9.png",
        "IMG1.png",
        "e\u0301.png",
        "\u00e9.png",
        "f.png",
        "img010.png",
        "a/2.png",
        "a/10.png",
    ]
    ordered = sorted(given_names, key=sort_key)
    assert ordered.index("img9.png") < ordered.index("img10.png")
    assert ordered.index("a/2.png") < ordered.index("a/10.png")
    assert abs(ordered.index("e\u0301.png") - ordered.index("\u00e9.png")) == 1
    backwards = ordered[::-1]
    backwards.sort(key=sort_key)
    assert backwards == ordered


@given(st.lists(names, max_size=12))
def test_the_order_does_not_depend_on_the_order_of_listing(raw: list[str]) -> None:
    backwards = raw[::-1]
    backwards.sort(key=sort_key)
    assert backwards == sorted(raw, key=sort_key)


def test_a_name_with_thousands_of_digits_has_an_order() -> None:
    assert sort_key("9" * 6000) < sort_key("1" + "0" * 6000)


def test_a_very_long_name_is_shown_by_its_ends() -> None:
    assert shortened("x" * 5000 + ".png") == "x" * 60 + "…" + "x" * 36 + ".png"


@pytest.mark.parametrize("text", ["=1+1", " =1+1", "\u00a0+1", "\u3000@x", "  -1"])
def test_a_formula_is_text_also_behind_blanks(text: str) -> None:
    assert spreadsheet_safe(text) == f"'{text}"
