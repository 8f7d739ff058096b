"""Numbers as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelab.reports import numbers


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: numbers.count(1234567), "1,234,567"),
        (lambda: numbers.plural(1, "image"), "1 image"),
        (lambda: numbers.plural(0, "class", "classes"), "0 classes"),
        (lambda: numbers.share(1, 8), "12.5 %"),
        (lambda: numbers.share(0, 0), "–"),
        (lambda: numbers.score(float("nan")), "–"),
        (lambda: numbers.score(1.0), "1.00"),
        (lambda: numbers.duration(3599.6), "1 h 0 min"),
        (lambda: numbers.size(999), "999 bytes"),
        (lambda: numbers.size(12_345_678), "12.3 MB"),
        (lambda: numbers.size(3_000_000_000), "3.0 GB"),
    ],
)
def test_known_answers(call, text):
    assert call() == text


@given(st.floats(0, 1, exclude_max=True))
def test_only_certainty_reads_as_certainty(value):
    assert numbers.score(value) != "1.00"


def test_no_decimals_are_invented():
    with pytest.raises(ValueError, match="4 decimals"):
        numbers.score(0.5, 5)
